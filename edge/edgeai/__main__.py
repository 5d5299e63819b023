"""`python -m edgeai` is the command `edgeai`."""

from .cli import main

main()
