"""`edgeai power`: every rail, the clocks, heat and throttling, live; and the energy of any command."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from ..errors import MeterMissing, UsageError, one_line
from . import options
from .output import verbosity_options, write_json
from .power_at import meter_at, place_options, site_of
from .power_record import record

_SHORTEST_S = 0.02
"""Looking more often costs more than it shows."""


@click.group(invoke_without_command=True)
@place_options
@click.option(
    "--every",
    "every_s",
    type=options.duration,
    default="1s",
    show_default=True,
    metavar="TIME",
    help="Time between two looks, e.g. 500ms.",
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N looks.")
@click.option("--for", "for_s", type=options.duration, metavar="TIME", help="End after this time, e.g. 10s.")
@click.option(
    "--list", "as_list", is_flag=True, help="Which meters work here, and for the others what to do."
)
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV: a header and a row a look, in SI units.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines, one a look; with --list a document.")
@verbosity_options
@click.pass_context
def power(
    context: click.Context,
    meter: str | None,
    root: Path | None,
    every_s: float,
    count: int | None,
    for_s: float | None,
    as_list: bool,
    as_csv: bool,
    as_json: bool,
    verbosity: int,
) -> None:
    """Show the power of every rail, temperatures, clocks and throttling, live. Ctrl-C ends it.

    A look is the mean since the look before. On a terminal it is drawn again in place; piped, it is a line.
    Where nothing measures power, the rest is shown, with the reason; the exit code is 3 only where a named
    --meter does not work.

    \b
    Examples:
      edgeai power                                  live, once a second
      edgeai power --list                           which meters work here, and why not the others
      edgeai power --every 500ms --csv > trace.csv
      edgeai power --for 10s --json | jq .power_w
      edgeai power --meter shelly=http://10.0.0.7   a smart plug
      edgeai power record -- edgeai run faces.edge photo.jpg
    """
    if context.invoked_subcommand is not None:
        _refuse_before(context)
        return
    if as_csv and (as_json or as_list):
        raise UsageError(f"--csv and --{'json' if as_json else 'list'} exclude each other; choose one")
    if every_s < _SHORTEST_S:
        raise UsageError(f"--every {every_s:g}s is too short; give {_SHORTEST_S * 1e3:g}ms or more")
    if as_list:
        _list(root, as_json)
        return
    from ..unavailable import Unavailable
    from .power_live import live

    site = site_of(root)
    with meter_at(site, meter) as found:
        if isinstance(found, Unavailable) and meter is not None:
            raise MeterMissing(f"--meter {one_line(meter)}: {found.unavailable}; {found.advice}")
        form = "csv" if as_csv else "json" if as_json else "text"
        live(site, found, every_s, form, count=count, for_s=for_s, verbosity=verbosity)


power.add_command(record)


def _refuse_before(context: click.Context) -> None:
    """`edgeai power --meter rapl record` would drop the option without a word."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        name = context.invoked_subcommand
        raise UsageError(
            f"options before {name!r} are not passed on to it; write {given[0]} after it, as in "
            f"`edgeai power {name} --meter rapl -- COMMAND`"
        )


def _list(root: Path | None, as_json: bool) -> None:
    from .power_rows import meters_document

    document = meters_document(site_of(root))
    if as_json:
        write_json(document)
        return
    for meter in document["meters"]:
        if meter["works"]:
            estimated = ", estimated" if meter["is_estimate"] else ""
            rails = f"{len(meter['rails'])} rail{'' if len(meter['rails']) == 1 else 's'}"
            told = f"works: {one_line(meter['scope'])}{estimated}, {rails}"
        else:
            told = f"{meter['unavailable']}; {meter['advice']}"
        first = f"{meter['name']:<12}  "
        wrapped = textwrap.wrap(told, 110, initial_indent=first, subsequent_indent=" " * len(first))
        click.echo("\n".join(wrapped))
