"""The CSV log of a lab instrument, put on the board's clock by a mark in the power (see marker).

marks = [emit_marker(call), ..., emit_marker(call)]      before and after what is measured, on the board
trace = trace_of_log(path, marks, needed=Span(begin_s, end_s))
"""

from __future__ import annotations

import csv
import time
from array import array
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, one_line
from .csv_columns import Columns, find_columns
from .meter import GAUGE_W, ErrorModel, MeterInfo, Rail
from .trace import Span, Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_PREAMBLE_LINES = 100
_BAD_SHARE = 0.01
_FINEST_S = 0.001
"""Finer rows are averaged to this: a window of seconds needs no more, and a trace is kept in memory."""
_MARGIN_S = 1.0


class LogError(ConfigError):
    """A log that cannot be used: not there, no header, no mark, too coarse, or not of the whole run."""


@dataclass(frozen=True)
class Log:
    """Rows of a log. times_s: of the instrument's clock, rising. interval_s: the median between rows."""

    path: Path
    columns: Columns
    times_s: array[float]
    watts: array[float]
    interval_s: float


def read_log(path: Path) -> Log:
    """Read a whole log. Raises LogError, with the line where there is one."""
    times_s, watts = array("d"), array("d")
    columns, bad, lines = None, [], 0
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            columns, first_line = header(path, file)
            read = columns.reader()
            for line, cells in enumerate(csv.reader(file, delimiter=columns.delimiter), first_line + 1):
                lines += 1
                row = read(cells)
                if row is None:
                    if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#"):
                        bad.append(line)
                elif times_s and row[0] < times_s[-1]:
                    raise LogError(
                        f"{_shown(path)}: line {line} lies before the one above it; cut it to one run"
                    )
                elif not times_s or row[0] > times_s[-1]:
                    times_s.append(row[0])
                    watts.append(row[1])
    except OSError as error:
        raise LogError(
            f"{_shown(path)}: the log cannot be read ({one_line(error.strerror or error)})"
        ) from error
    except csv.Error as error:
        raise LogError(f"{_shown(path)}: no CSV ({one_line(error)})") from error
    if len(bad) > max(1, _BAD_SHARE * lines):
        raise LogError(
            f"{_shown(path)}: line {bad[0]} holds no time and power, as {len(bad)} of {lines} do not"
        )
    if len(times_s) < 2:
        raise LogError(f"{_shown(path)}: the log has {len(times_s)} rows")
    steps = sorted(after - before for before, after in pairwise(times_s))
    return Log(path, columns, times_s, watts, steps[len(steps) // 2])


def header(path: Path, lines: Iterator[str]) -> tuple[Columns, int]:
    """Read up to the line that names the columns: what it says, and its number. Raises LogError."""
    wrong = "no line names a column of time and one of power"
    for number, line in enumerate(lines, 1):
        if number > _PREAMBLE_LINES:
            break
        delimiter = max(",;\t", key=line.count)
        if not line.count(delimiter):
            continue
        try:
            cells = next(csv.reader([line], delimiter=delimiter))
        except csv.Error:  # a binary file
            continue
        found = find_columns(cells, delimiter)
        if isinstance(found, Columns):
            return found, number
        wrong = found or wrong
    raise LogError(
        f"{_shown(path)}: {wrong}; a header such as `time_s,power_w` is needed (or volts and amperes)"
    )


def trace_of_log(path: Path, marks: Sequence[Sequence[Span]], needed: Span) -> Trace:
    """What the instrument saw, on the clock of the board that drew the marks: one, or one at either end.

    needed: what the log must cover. Raises LogError where it has no mark, or more than one that fits.
    """
    from .alignment import find_marker, thinned

    log = read_log(path)
    found = find_marker(log, marks)
    begin_s, end_s = found.to_run(log.times_s[0]), found.to_run(log.times_s[-1])
    slack_s = log.interval_s + found.sigma_s
    if begin_s > needed.begin_s + slack_s or end_s < needed.end_s - slack_s:
        missing_s = max(begin_s - needed.begin_s, needed.end_s - end_s)
        where = "begins" if begin_s - needed.begin_s == missing_s else "ends"
        raise LogError(
            f"{_shown(path)}: the log does not cover the run: it {where} {missing_s:.1f} s too "
            f"{'late' if where == 'begins' else 'early'}; start it before the run and stop it after"
        )
    times_s, watts = thinned(log, found, _FINEST_S, needed.begin_s - _MARGIN_S, needed.end_s + _MARGIN_S)
    period_s = max(log.interval_s / found.rate, _FINEST_S)
    return Trace(
        meter=MeterInfo(
            name=f"csv={path}",
            scope="supply, as logged by the instrument",
            kind=GAUGE_W,
            rails=(Rail("logged"),),
            update_s=period_s,
            error=ErrorModel(
                gain=0.01,
                offset_w=0.0,
                lsb=_step(log.watts),
                source="an assumption: 1 % of the value, as a log does not say what the instrument's maker "
                "promises. lsb: the smallest step in the log",
            ),
            notes=(*_guesses(log.columns), found.sentence),
        ),
        times_s=times_s,
        values=tuple((value,) for value in watts),
        failed_s=(),
        read_s=0.0,
        period_s=period_s,
    )


def wait_for(
    path: Path,
    timeout_s: float = 600.0,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until the log is there and has stopped growing. Raises LogError after the time."""
    until_s, size = clock() + timeout_s, -1
    while clock() < until_s:
        now = path.stat().st_size if path.is_file() else -1
        if now > 0 and now == size:
            return
        size = now
        sleep(1.0)
    raise LogError(
        f"{_shown(path)}: no finished log within {timeout_s:.0f} s; save the instrument's log there"
    )


def _step(watts: array[float]) -> float:
    """The smallest difference between two values of a log."""
    values = sorted(set(watts[:100_000]))
    return min((after - before for before, after in pairwise(values)), default=0.0)


def _guesses(columns: Columns) -> tuple[str, ...]:
    names = {"time": "s", "power": "W", "current": "A", "voltage": "V"}
    return tuple(
        f"the log's column {column.title!r} names no unit: taken for {names[column.quantity]}"
        for column in (columns.time, *columns.factors)
        if column.is_guessed
    )


def _shown(path: Path) -> str:
    return one_line(path)
