"""Writes the table of `benchmarks/results` into benchmarks/README.md: `make results`, or python -m
edgeai_bench.results.

What is in the table is in the files, and a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from edgeai.cli import ANSWER_IS_NO, DONE
from edgeai.errors import InputError, one_line
from edgeai.quantities import bytes_text, time_text
from edgeai.regular_file import open_regular

from .options import FILE
from .reading import KIND, from_json
from .render.files import write_file
from .render.intervals import interval_text
from .render.markdown import plain
from .render.names import name_of
from .report import Report
from .standalone import run_standalone

BEGIN = "<!-- results: written by `make results`; do not edit -->"
END = "<!-- end of results -->"
_BENCHMARKS = Path(__file__).parents[1]
_COLUMNS = ("model", "device", "backend", "threads", "p50", "[low, high]", "RAM peak", "verdict", "date")


def read_results(folder: Path) -> list[Report]:
    """The newest run of every model, device, backend and thread count, sorted by these.

    folder: holds a folder a device, with documents of `edgeai bench`; others are passed over. Raises
    InputError for a file that is damaged.
    """
    newest: dict[tuple[str, str, str, str, int], Report] = {}
    for file in sorted(folder.glob("*/*.json")):
        for report in _runs_of(file):
            older = newest.get(_key(report))
            if older is None or older.identity.started_utc <= report.identity.started_utc:
                newest[_key(report)] = report
    return [newest[key] for key in sorted(newest)]


def results_table(reports: Sequence[Report]) -> str:
    """Markdown: a row a run, then what the columns mean."""
    if not reports:
        return "No results yet."
    rows = [_COLUMNS, tuple("--:" if name in _NUMBERS else "---" for name in _COLUMNS)]
    rows += [_row(report) for report in reports]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", *_legend(reports)])


def with_table(text: str, table: str, shown: str) -> str:
    """A README with the table between its two markers. Raises InputError where they are not there once."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise InputError(f"{shown} must hold the lines {BEGIN} and {END}, once and in this order; add them")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}"


@click.command()
@click.option(
    "--results", type=FILE, default=_BENCHMARKS / "results", metavar="DIR", help="Where the results are."
)
@click.option(
    "--readme", type=FILE, default=_BENCHMARKS / "README.md", metavar="FILE", help="What holds the table."
)
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 where the table is not up to date.")
def main(results: Path, readme: Path, check: bool) -> int:
    """Write the table of results into a README, between its two markers.

    \b
    Examples:
      python -m edgeai_bench.results
      python -m edgeai_bench.results --check
      python -m edgeai_bench.results --results out --readme out/README.md
    """
    with open_regular(readme) as file:
        before = file.read().decode("utf-8", "surrogateescape")
    reports = read_results(results)
    after = with_table(before, results_table(reports), one_line(readme))
    if check:
        word = "is" if before == after else "is not"
        click.echo(f"the table in {one_line(readme)} {word} what {one_line(results)} gives", err=True)
        return DONE if before == after else ANSWER_IS_NO
    if before != after:
        write_file(readme, after)
    click.echo(f"{one_line(readme)}: {len(reports)} rows from {one_line(results)}", err=True)
    return DONE


_NUMBERS = frozenset({"threads", "p50", "RAM peak"})


def _runs_of(file: Path) -> list[Report]:
    with open_regular(file) as opened:
        text = opened.read()
    try:
        made: Any = json.loads(text)
    except ValueError:
        made = {"kind": KIND}  # the reader says what is wrong with it
    if not isinstance(made, dict) or made.get("kind") != KIND:
        return []  # other results, such as comparisons
    return from_json(text, one_line(file))[0]


def _key(report: Report) -> tuple[str, str, str, str, int]:
    identity = report.identity
    model = identity.device_model or ""
    return name_of(report), identity.device_profile, model, identity.backend, identity.threads


def _row(report: Report) -> tuple[str, ...]:
    identity, p50, peak = report.identity, report.latency.p50, report.memory.peak
    device = identity.device_profile + (f" ({identity.device_model})" if identity.device_model else "")
    return (
        plain(name_of(report)),
        plain(device),
        plain(", ".join(_backends(report))),
        str(identity.threads),
        "too few samples" if p50 is None else time_text(p50.value),
        "" if p50 is None else plain(interval_text(p50)),
        "unknown" if peak is None else bytes_text(peak.value),
        report.verdict + (", quick" if report.settings.quick else ""),
        f"{identity.started_utc[:10]}, edgeai {plain(identity.edgeai_version)}",
    )


def _backends(report: Report) -> Iterator[str]:
    """Each with its version; a bundle's models may run on several."""
    bundle, identity = report.model.bundle, report.identity
    pairs = [(identity.backend, identity.library_version)]
    if bundle is not None:
        pairs = [(model.backend, model.library_version) for model in bundle.models]
    yield from dict.fromkeys(f"{backend} {version}" for backend, version in pairs)


def _legend(reports: Sequence[Report]) -> Iterator[str]:
    yield "p50 with its 95 % interval; RAM peak is the highest resident set of a process that runs the model."
    if any(report.settings.quick for report in reports):
        yield "Quick runs are a first look: two processes, whose range the interval holds."
    if any(report.verdict != "VALID" for report in reports):
        yield "NOISY: the machine was not quiet, see the warnings in the file (`edgeai report FILE`)."


if __name__ == "__main__":
    run_standalone(main, "edgeai_bench.results", "nothing was changed")
