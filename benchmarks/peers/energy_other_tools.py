"""The same simulated boards through the arithmetic of other tools, beside ours: who is wrong by how much.

    python benchmarks/peers/energy_other_tools.py --seed 1

The formulas are re-stated from the tools' public code as of 2026; nothing is copied, nothing of theirs runs:

- CodeCarbon, power: every `measure_power_secs` (15 s by default) and when it stops, the mean of what was read
  once a second (at least the reading of that moment) x the time since the last; formerly the one reading.
- CodeCarbon, RAPL: the counter's difference at the same moments, plus the counter's range where it went down.
- Zeus, RAPL: the counter at the end less the counter at the beginning; a process of its own looks at it once
  a second (every 0.1 s within 100 J of its range) and counts how often it went down.
- Zeus, Jetson: every 0.1 s, power now x the time since the last; a window takes what had been summed up at
  the last look before it begins and ends.
- Zeus, Pi 5: the same with the mean of two neighbouring readings; a failed read counts as the last one.
- Zeus, timeline (its GPUs): readings that differ from the one before, at half the update period and at least
  every 0.1 s; trapezoid over those between begin and end, 0 where there are fewer than two.
- edgeai: its sampler, then the one window.

The boards' sensors have no gain and no offset error, so that what is left is the arithmetic's. Each tool
measures one stretch under load: a window of 10 s as a user of those tools would, and one of 0.5 s.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # `tests` is no package that is installed

from edgeai.measure.statistics import student_t_quantile
from edgeai.power import Span
from edgeai.power.integrate import Joules, joules
from tests.simulated_meter import sampled
from tests.simulated_power import Board, draw_board

Tool = Callable[[Board, float, float], float]
GAUGE_FAMILIES = ("constant", "square", "ramp", "spikes", "jitter", "lost")
COUNTER_FAMILIES = ("constant", "square", "spikes", "wrap")


def codecarbon_power(each_second: bool) -> Tool:
    """Mean of the readings since the last moment, or the reading now, x the time since."""

    def energy(board: Board, begin: float, end: float) -> float:
        total, last, history, tick = 0.0, begin, [], 1.0 if each_second else 15.0
        moments = [begin + tick * i for i in range(1, math.ceil((end - begin) / tick))]
        for moment in [*moments, end]:
            _until(board, moment)
            history.append(_read(board))
            if moment == end or (moment - begin) % 15.0 < tick / 2:
                total += statistics.fmean(history) * (moment - last)
                last, history = moment, []
        return total

    return energy


def codecarbon_counter(board: Board, begin: float, end: float) -> float:
    """Differences, the range added where the counter went down."""
    _until(board, begin)
    last, total = _read(board), 0.0
    for moment in [*(begin + 15.0 * i for i in range(1, math.ceil((end - begin) / 15.0))), end]:
        _until(board, moment)
        now = _read(board)
        total += now - last + (board.sensor.wrap_j or 0.0 if now < last else 0.0)
        last = now
    return total


def zeus_counter(board: Board, begin: float, end: float) -> float:
    """End less begin, with the wraps that its watching process has counted by then."""
    wrap_j, wraps, last = board.sensor.wrap_j or 0.0, 0, _read(board)
    at: list[float] = []
    look = board.now()
    for moment in (begin, end):
        while look < moment:
            _until(board, look)
            now = _read(board)
            wraps += now < last
            last = now
            look = board.now() + (0.1 if wrap_j and wrap_j - now < 100.0 else 1.0)
        _until(board, moment)
        at.append(_read(board) + wraps * wrap_j)
    return at[1] - at[0]


def zeus_polled(trapezoid: bool) -> Tool:
    """Summed up every 0.1 s; a window is what was there at the last look before its ends."""

    def energy(board: Board, begin: float, end: float) -> float:
        _until(board, begin - 1.0)
        last_s, last_w, total, at = board.now(), _read(board), 0.0, []
        for moment in (begin, end):
            while True:
                now = board.now()
                power = board.read()
                power = last_w if power is None else power
                total += ((power + last_w) / 2 if trapezoid else power) * (now - last_s)
                last_s, last_w = now, power
                if now + 0.1 >= moment:
                    break
                board.sleep(0.1)
            _until(board, moment)
            at.append(total)
        return at[1] - at[0]

    return energy


def zeus_timeline(board: Board, begin: float, end: float) -> float:
    """Trapezoid over the readings within the window that differ from the one before."""
    period = min((board.sensor.update_s or 0.2) / 2, 0.1)
    kept: list[tuple[float, float]] = []
    _until(board, begin - 1.0)
    while board.now() < end:
        now, power = board.now(), board.read()
        if power is not None and (not kept or kept[-1][1] != power):
            kept.append((now, power))
        _until(board, now + period)
    inside = [point for point in kept if begin <= point[0] <= end]
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(inside))


def ours(board: Board, begin: float, end: float) -> Joules:
    """The sampler over the whole of it, and one window."""
    found = joules(sampled(board, _chance("ours")), Span(begin, end))
    assert isinstance(found, Joules)
    return found


GAUGE_TOOLS: dict[str, Tool] = {
    "CodeCarbon, one reading": codecarbon_power(each_second=False),
    "CodeCarbon, each second": codecarbon_power(each_second=True),
    "Zeus, Jetson": zeus_polled(trapezoid=False),
    "Zeus, Pi 5": zeus_polled(trapezoid=True),
    "Zeus, timeline": zeus_timeline,
}
COUNTER_TOOLS: dict[str, Tool] = {"CodeCarbon, RAPL": codecarbon_counter, "Zeus, RAPL": zeus_counter}


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--traces", type=int, default=60, help="of each family")
    asked = parser.parse_args()
    for kind, families, tools in (
        ("gauge", GAUGE_FAMILIES, GAUGE_TOOLS),
        ("counter", COUNTER_FAMILIES, COUNTER_TOOLS),
    ):
        names = [*tools, "edgeai", "edgeai says"]
        print(f"| {kind}: family, window | {' | '.join(names)} |")
        print("|---|" + "--:|" * len(names))
        for family in families:
            for length_s in (10.0, 0.5):
                print(_line(family, kind, length_s, tools, asked.seed, asked.traces), flush=True)
        print()
    return 0


def _line(family: str, kind: str, length_s: float, tools: dict[str, Tool], seed: int, traces: int) -> str:
    """Of each tool the error that half of the boards stay under, and nine of ten."""
    errors: dict[str, list[float]] = {name: [] for name in (*tools, "edgeai")}
    halves = []
    for i in range(traces):
        name = f"{seed}/{family}/{kind}/{i}"
        board = draw_board(family, kind, _chance(name), right=True)
        begin = board.windows[1][0] + _chance(name + "/begin").random()
        end = begin + length_s
        truth = board.all.energy(end) - board.all.energy(begin)
        for tool, energy in tools.items():
            fresh = draw_board(family, kind, _chance(name), right=True)
            errors[tool].append(abs(energy(fresh, begin, end) / truth - 1))
        found = ours(board, begin, end)
        errors["edgeai"].append(abs(found.energy_j / truth - 1))
        freedom = (
            min(found.freedom * (found.sigma_j / found.sampling_j) ** 4, 1e6) if found.sampling_j else 1e6
        )
        halves.append(student_t_quantile(0.975, freedom) * found.sigma_j / found.energy_j)
    cells = [_cell(values) for values in errors.values()]
    return f"| {family}, {length_s:g} s | {' | '.join(cells)} | ± {_percent(statistics.median(halves))} % |"


def _cell(errors: list[float]) -> str:
    errors = sorted(errors)
    middle, most = statistics.median(errors), errors[int(0.9 * len(errors))]
    return f"{_percent(middle)} / {_percent(most)} %"


def _percent(share: float) -> str:
    return f"{float(f'{100 * share:.2g}'):g}"


def _chance(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a simulation


def _until(board: Board, moment: float) -> None:
    if moment > board.now():
        board.sleep(moment - board.now())


def _read(board: Board) -> float:
    """Where a read fails the next one is taken: what these tools do then differs by version."""
    while True:
        value = board.read()
        if value is not None:
            return value


if __name__ == "__main__":
    sys.exit(main())
