"""The table of steps: what a manifest may call, by name and version.

To add one: a function or a class in a file of `ops`, and a line here. A version never changes its meaning: a
step that does something else gets the next number, and the old one stays.
"""

from __future__ import annotations

STEPS: dict[str, str] = {}
