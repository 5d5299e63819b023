"""The command `edgeai`: a table of commands with one-line helps, each imported only when it is called."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import click

from .. import __version__, errors

# Exit codes, the same for every command.
DONE, ANSWER_IS_NO, WRONG_INPUT, MISSING_HERE, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True)
class Command:
    """One line of the table."""

    target: str
    """`module:function`, imported when the command is called or completed."""
    help: str


# To add a command: one file, one line here. The only place where edgeai names the bench and the exporters.
COMMANDS: dict[str, Command] = {
    "run": Command("edgeai.cli.run:run", "Run a bundle or a model on pictures, sound, texts or tensors."),
    "show": Command("edgeai.cli.show:show", "Show what is in a bundle or a model."),
    "check": Command(
        "edgeai.cli.check:check", "Check that a bundle or a model is sound and runs on this machine."
    ),
    "fit": Command(
        "edgeai.cli.fit:fit", "Say whether a model fits a board's RAM, and how fast it may be there."
    ),
    "bundle": Command("edgeai.cli.bundle:bundle", "Make a bundle from a manifest and its files."),
    "prepare": Command(
        "edgeai.cli.prepare:prepare",
        "Find and keep the fastest or smallest way to run a model on this device.",
    ),
    "bench": Command(
        "edgeai_bench.cli:bench", "Measure latency, RAM and CPU time of a model on this machine."
    ),
    "report": Command(
        "edgeai_bench.report_cli:report", "Render old results of bench as HTML, CSV, Markdown or a table."
    ),
    "export": Command(
        "edgeai_exporters.cli.export:export", "Export a model to a bundle of proven, quantized variants."
    ),
    "parity": Command(
        "edgeai_exporters.cli.parity:parity", "Hold the variants of a model against its source, on your data."
    ),
    "distill": Command("edgeai_exporters.cli.distill:distill", "Train a small student by a large teacher."),
    "calibrate": Command(
        "edgeai.cli.calibrate:calibrate",
        "Fit this unit's watts, so that energy can be estimated without a sensor.",
    ),
    "power": Command(
        "edgeai.cli.power:power", "Show power, heat and clocks live, or record a command's energy."
    ),
    "device": Command("edgeai.cli.device:device", "Show this machine and the boards that edgeai knows."),
    "doctor": Command("edgeai.cli.doctor:doctor", "Say what is wrong with this board for inference."),
    "store": Command(
        "edgeai.cli.store:store", "List and clean the store of unpacked bundles and prepared models."
    ),
    "completion": Command("edgeai.cli.completion:completion", "Print the tab-completion script of a shell."),
}

# The first class that matches decides.
_EXIT_CODES: tuple[tuple[type[errors.EdgeError], int], ...] = (
    (errors.NothingFits, ANSWER_IS_NO),
    (errors.BackendMissing, MISSING_HERE),
    (errors.ExtraMissing, MISSING_HERE),
    (errors.MeterMissing, MISSING_HERE),
    (errors.ProviderError, MISSING_HERE),
    (errors.StoreError, MISSING_HERE),
    (errors.NotPrepared, MISSING_HERE),
    (errors.FetchError, MISSING_HERE),
    (errors.RemoteError, MISSING_HERE),
    (errors.EdgeError, WRONG_INPUT),
)


class LazyGroup(click.Group):
    """A group that lists its commands from a table and imports one only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command by its name."""
        if cmd_name not in COMMANDS:
            return None
        import importlib

        module, _, function = COMMANDS[cmd_name].target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a reader that has gone (`edgeai device list | head`) has got what it wanted."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table alone, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Tab completion: eval "$(edgeai completion bash)"',
)
@click.version_option(__version__, prog_name="edgeai")
@click.pass_context
def edgeai(context: click.Context) -> None:
    """Run, measure and ship machine-learning models on small devices.

    \b
    Examples:
      edgeai run faces.edge photo.jpg   what is on the photo
      edgeai show faces.edge            what is in the bundle
      edgeai check faces.edge           whether it is sound and runs here
      edgeai device                     what this machine is and which backends it has
      edgeai doctor                     what is wrong with it, and what mends it
      edgeai bench model.onnx           how fast the model is here, and how much RAM it takes
      edgeai bench --suite public       the same for real public models

    Exit codes: 0 done; 1 the answer is no; 2 the input is wrong; 3 something is missing on this machine.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _show_warning(
    usual: Callable[..., object],
    message: Warning | str,
    category: type[Warning],
    *place: object,
    **more: object,
) -> None:
    """What edgeai itself warns of as a line of its own; other libraries' with their place in the code."""
    if category.__module__ == errors.__name__:
        click.echo(f"edgeai: warning: {errors.one_line(message, 1000)}", err=True)
    else:
        usual(message, category, *place, **more)


def exit_code(error: errors.EdgeError) -> int:
    """The exit code of an error."""
    return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))


def main() -> None:
    """Entry point of the command `edgeai`; turns errors into one line and an exit code, our warnings into one
    line."""
    warnings.showwarning = partial(_show_warning, warnings.showwarning)
    color = False if os.environ.get("NO_COLOR") else None
    try:
        code = edgeai.main(prog_name="edgeai", standalone_mode=False, color=color)
    except errors.EdgeError as error:
        click.echo(f"edgeai: {error}", err=True)
        code = exit_code(error)
    except click.ClickException as error:
        error.show()
        code = WRONG_INPUT
    except OSError as error:  # standard output on a full disk; everything else is an EdgeError by now
        # What is left in the buffer must go somewhere, else Python complains of it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        click.echo(f"edgeai: standard output cannot be written: {error.strerror or error}", err=True)
        code = MISSING_HERE
    except (click.Abort, KeyboardInterrupt):
        click.echo("edgeai: interrupted", err=True)
        code = INTERRUPTED
    sys.exit(code if isinstance(code, int) else DONE)
