"""Commands that are run as `python -m ...` or as scripts, with the errors and exit codes of `edgeai`."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from edgeai.cli import DONE, INTERRUPTED, exit_code
from edgeai.errors import EdgeError


def run_standalone(command: click.Command, module: str, when_interrupted: str) -> NoReturn:
    """Run a command; an error is one line and an exit code. when_interrupted: what became of the work.

    module: or the path of a script.
    """
    name = f"python {module}" if module.endswith(".py") else f"python -m {module}"
    try:
        code = command.main(prog_name=name, standalone_mode=False) or DONE
    except EdgeError as error:
        click.echo(f"edgeai: {error}", err=True)
        code = exit_code(error)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"edgeai: interrupted; {when_interrupted}", err=True)
        code = INTERRUPTED
    sys.exit(code)
