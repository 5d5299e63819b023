"""`edgeai calibrate`: fits the watts of this very unit, so that energy can be estimated without a sensor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..device import detect
from ..errors import EdgeError, OtherUnit, UsageError, one_line
from ..power.identity import serials
from ..power.unit import Calibration, Unit, file_to_save, save_unit, unit_of_this_machine
from ..sysroot import SysRoot
from .calibrate_reading import readings_under_load
from .calibrate_saved import remove_saved, saved_text, show_saved
from .calibrate_shown import document, fit_text, samples_csv, unit_lines
from .options import NumberRange, complete_meters
from .output import json_option, verbosity_options, write_json

if TYPE_CHECKING:
    from ..measure.calibration import Fit

_ROOT = SysRoot()


def _levels(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """`0,2,4` as rising numbers."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) < 6 for part in parts):
        raise click.BadParameter(f"{one_line(text)!r} is no list of numbers of cores, such as 0,2,4")
    return tuple(sorted({int(part) for part in parts}))


def _complete_meters(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in complete_meters(context, parameter, incomplete) if name != "estimate"]


@click.command()
@click.option(
    "--meter",
    "meter_name",
    metavar="NAME[=ADDRESS]",
    shell_complete=_complete_meters,
    help="Read the watts from this meter, e.g. shelly=http://10.0.0.7. Default: you type them in.",
)
@click.option(
    "--samples",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Take readings from a file with the columns loaded,power_w and maybe busy; loads nothing.",
)
@click.option(
    "--levels",
    metavar="N,N,...",
    callback=_levels,
    help="How many cores to load, e.g. 0,2,4. Default: from none to all, at most five.",
)
@click.option(
    "--times", type=click.IntRange(2, 100), default=2, metavar="N", help="Readings of each load. Default: 2."
)
@click.option(
    "--settle",
    "settle_s",
    type=NumberRange(0, 3600),
    default=10.0,
    metavar="SECONDS",
    help="How long a load runs before it is read. Default: 10.",
)
@click.option(
    "--seconds",
    type=NumberRange(1, 3600),
    default=10.0,
    metavar="SECONDS",
    help="How long --meter reads each load. Default: 10.",
)
@click.option("--dry-run", is_flag=True, help="Show the fit and save nothing.")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save here instead of ~/.config/edgeai/unit.toml (of root: /etc/edgeai/unit.toml).",
)
@click.option("--show", is_flag=True, help="Print what is saved for this unit.")
@click.option("--remove", is_flag=True, help="Remove the fitted watts again; shunts that you wrote stay.")
@json_option
@verbosity_options
@click.pass_context
def calibrate(context: click.Context, /, show: bool, remove: bool, **options: Any) -> None:
    """Fit the watts of this very unit, at rest and for each busy core, to what a meter shows.

    For a board without a power sensor. Loads none, some and all cores, and asks at each load what a meter in
    the supply shows. Energy is then estimated with 10 % as one standard deviation, instead of the 30 % of a
    figure that was published for its kind.

    \b
    Examples:
      edgeai calibrate                                 type in what a USB or wall meter shows
      edgeai calibrate --meter shelly=http://10.0.0.7  let a smart plug tell
      edgeai calibrate --samples readings.csv          from a file: loaded,power_w
      edgeai calibrate --dry-run --times 4             look first, with more readings
      edgeai calibrate --show                          what is saved
      edgeai calibrate --remove
    """
    if show or remove:
        _refuse(context, "--show" if show else "--remove", allowed=("show",) if show else ("remove",))
        (show_saved if show else remove_saved)(options["as_json"])
        return
    if options["samples"]:
        refused = ("meter_name", "levels", "times", "settle_s", "seconds")
        _refuse(context, "--samples", allowed=tuple(set(context.params) - set(refused)))
    elif not options["meter_name"]:
        _refuse(context, "no --meter", allowed=tuple(set(context.params) - {"seconds"}))
    _calibrate(**options)


def _calibrate(
    meter_name: str | None,
    samples: Path | None,
    dry_run: bool,
    out: Path | None,
    as_json: bool,
    verbosity: int,
    **course: Any,
) -> None:
    from ..measure.calibration import fit
    from ..measure.calibration_csv import read_samples

    quiet = verbosity < 0
    known, file = _known_unit(), None if dry_run else out or file_to_save(_ROOT)
    if samples is not None:
        readings, how = read_samples(samples), f"readings of {samples.name}"
    else:
        readings, how = readings_under_load(meter_name, quiet, **course)
    try:
        fitted = fit(readings)
        unit = _fitted_unit(known, fitted, how)
        if file is not None:
            save_unit(unit, file)
    except EdgeError:
        if samples is None:
            text = samples_csv(readings)
            click.echo(
                f"# what was read; correct it where it is wrong, and give it by --samples\n{text}", err=True
            )
        raise
    if as_json:
        write_json(document(unit, file, fitted))
        return
    click.echo(fit_text(fitted))
    if verbosity > 0:
        click.echo(f"\n{unit_lines(replace(unit, file=file))}\n")
    if not quiet:
        click.echo(saved_text(file))


def _known_unit() -> Unit:
    """What is known of this unit already, before anybody waits for readings that could not be saved."""
    try:
        unit = unit_of_this_machine(_ROOT, detect())
    except OtherUnit as refused:  # what it says of another board's shunts goes, too
        click.echo(f"edgeai: warning: {refused}", err=True)
        unit = Unit(profile=detect().profile.id, serials=serials(_ROOT))
    if not unit.serials:
        raise UsageError(
            "this machine shows no serial number, by which its watts could be told from those of another; "
            "run this outside of the container, or mount /etc/machine-id into it"
        )
    return unit


def _fitted_unit(known: Unit, fitted: Fit, how: str) -> Unit:
    """This unit with the watts of a fit; shunts that are known stay."""
    import datetime

    return replace(
        known,
        idle_w=round(fitted.idle_w.value, 4),
        core_active_w=round(fitted.core_active_w.value, 4),
        calibration=Calibration(
            datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
            how,
            round(fitted.error, 4),
            fitted.readings,
        ),
    )


def _refuse(context: click.Context, beside: str, allowed: tuple[str, ...]) -> None:
    """Options that would be dropped without a word."""
    everywhere = ("as_json", "quiet", "verbose")
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if given and name not in allowed + everywhere:
            raise UsageError(f"{parameter.opts[-1]} does not go with {beside}; leave one of them out")
