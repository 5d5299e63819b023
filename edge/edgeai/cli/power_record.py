"""`edgeai power record -- COMMAND`: what a command takes, in joules."""

from __future__ import annotations

import csv
import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import MeterMissing, UsageError, one_line
from ..measure.child import CommandFailed, signals_held
from ..quantities import energy_text, error_text, percent_text, power_text, time_text
from ..unavailable import Unavailable
from ..whole_file import write_whole
from .options import duration
from .output import verbosity_options, write_json
from .power_at import meter_at, place_options, site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..measure.power_record import CommandEnergy, Recorded
    from ..measure.statistics import Estimate

_STANDARD_ERROR = 2


@click.command(context_settings={"ignore_unknown_options": True})
@place_options
@click.option(
    "--idle",
    "idle_s",
    type=duration,
    default="0s",
    metavar="TIME",
    help="Idle so long first, e.g. 5s, and tell the energy net of it, too.",
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the trace: seconds since the command began, and what each rail said.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Write one JSON document to standard output; the command's goes to standard error.",
)
@verbosity_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND [ARGUMENT]...")
@click.pass_context
def record(
    context: click.Context,
    command: tuple[str, ...],
    meter: str | None,
    root: Path | None,
    idle_s: float,
    csv_file: Path | None,
    as_json: bool,
    verbosity: int,
) -> None:
    """Run a command and tell what energy it took: joules with their interval, mean and peak power.

    The report goes to standard error, as of `time`. Signals are sent on to the command, and its exit code
    (128 + N where signal N ended it) is ours. What fails before it starts is said by a line that begins with
    `edgeai:`, and nothing is run: 2 wrong words, 3 no meter here, 126 and 127 no such command, as of shells.
    Once it runs, the exit code is always its own, also where no joules could be told.

    \b
    Examples:
      edgeai power record -- edgeai run faces.edge photo.jpg
      edgeai power record --idle 5s --json -- python3 train.py 2> log.txt
      edgeai power record --csv trace.csv -- sleep 10
    """
    if not command:
        raise UsageError("give the command to run, as in `edgeai power record -- sleep 10`")
    if csv_file is not None and (csv_file.is_dir() or not os.access(csv_file.parent, os.W_OK)):
        raise UsageError(
            f"{one_line(csv_file)} cannot be written: no folder, or no right to; name another place"
        )
    with meter_at(site_of(root), meter) as found:
        if isinstance(found, Unavailable):
            asked = "" if meter is None else f"--meter {one_line(meter)}: "
            raise MeterMissing(f"{asked}{found.unavailable}; {found.advice}; the command was not run")
        # Before numpy is imported, whose threads would take signals that are the command's.
        with signals_held() as mask:
            from ..measure.power_record import record_command

            def say() -> None:
                if verbosity >= 0:
                    click.echo(f"edgeai: idling for {time_text(idle_s)}", err=True)

            try:
                recorded = record_command(
                    command,
                    found,
                    idle_s=idle_s,
                    output=_STANDARD_ERROR if as_json else None,
                    on_idle=say,
                    mask_of_child=mask,
                )
            except CommandFailed as error:
                click.echo(f"edgeai: {error}", err=True)
                context.exit(error.exit_code)
            try:
                _tell(recorded, csv_file, as_json=as_json, verbosity=verbosity)
            except OSError as error:  # no reader any more, or a full disk
                _drop_output(error)
    context.exit(recorded.exit_code)


def _tell(recorded: Recorded, csv_file: Path | None, *, as_json: bool, verbosity: int) -> None:
    if csv_file is not None:
        _write_trace(recorded, csv_file)
    if as_json:
        from .power_rows import record_document

        write_json(record_document(recorded))
    else:
        click.echo("\n".join(_lines(recorded, verbosity)), err=True)


def _drop_output(error: OSError) -> None:
    """Say so where that is possible, and let what is left in the buffers go: the code stays the command's."""
    with suppress(OSError):
        click.echo(f"edgeai: the report cannot be written: {error.strerror or error}", err=True)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())


def _write_trace(recorded: Recorded, path: Path) -> None:
    """What cannot be written is said; the exit code stays the command's."""
    from ..measure.power_record import trace_rows

    header, rows = trace_rows(recorded)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    try:
        write_whole(path, out.getvalue().encode())
    except OSError as error:
        reason = error.strerror or one_line(error)
        click.echo(f"edgeai: {one_line(path)} cannot be written: {reason}; the trace is lost", err=True)


def _lines(recorded: Recorded, verbosity: int) -> Iterator[str]:
    energy = recorded.energy
    took = f"{time_text(recorded.duration_s)}, exit code {recorded.exit_code}"
    if isinstance(energy, Unavailable):
        yield f"energy   unavailable: {energy.unavailable}; {energy.advice}"
        yield f"time     {took}"
        return
    write_j, write_w = _writer(energy_text, energy), _writer(power_text, energy)
    yield f"energy   gross {write_j(energy.gross_j)}; scope: {one_line(energy.scope)}"
    if energy.net_j is not None and energy.idle_w is not None:
        idle = power_text(energy.idle_w, rough=energy.is_estimate)
        yield f"         net   {write_j(energy.net_j)}, less idle {idle}"
    peak = "" if energy.peak_w is None else f", peak {power_text(energy.peak_w, rough=energy.is_estimate)}"
    yield f"power    mean {write_w(energy.power_w)}{peak}"
    yield f"time     {took}"
    if verbosity >= 0:
        yield f"method   {one_line(energy.method)}; {_seen(energy)}"
    if verbosity > 0:
        rails = (f"{one_line(name)} {power_text(watts)}" for name, watts in energy.rails_w.items())
        yield f"rails    {', '.join(rails)}"
        yield from (f"note     {note}" for note in energy.notes)


def _seen(energy: CommandEnergy) -> str:
    failed = f", {energy.failed_reads:,} failed" if energy.failed_reads else ""
    return (
        f"{energy.reads:,} reads{failed}, {energy.updates:,} changes of the sensor, coverage "
        f"{percent_text(energy.coverage)}, longest gap {time_text(energy.longest_gap_s)}"
    )


def _writer(write: Callable[..., str], energy: CommandEnergy) -> Callable[[Estimate], str]:
    """Value and interval; of an estimate two digits and its error."""

    def written(figure: Any) -> str:
        if not energy.is_estimate:
            return f"{write(figure.value)} [{write(figure.low)}, {write(figure.high)}]"
        error = error_text(figure.value, (figure.high - figure.low) / 2, write)
        return f"{write(figure.value, rough=True)} {error}"

    return written
