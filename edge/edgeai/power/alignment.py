"""Where in an instrument's log a board's marks lie, and so what the board's clock was at each row.

First roughly: the normalised correlation of the log with the marks' shape, at every place. Then finely: the
edges, one by one, through which a straight line is laid (offset, and with two marks the drift of the clocks).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .csv_log import Log, LogError
from .trace import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROWS_A_PULSE = 4
"""Rows in the shortest pulse or pause: with fewer, its edges cannot be told."""
_BINS_A_PULSE = 8
_LEAST_SCORE = 0.6
"""Correlation of what is taken for a mark: a mark under noise as large as half its height still has 0.7."""
_NEXT_BEST = 0.85
"""So much of the best correlation another place may have; with more, it is not told which is the mark."""
_QUARTZ = 100e-6
"""Drift between two clocks that are usual: two quartzes of 50 parts in a million each."""
_MOST_DRIFT = 500e-6
"""Drift up to which the second mark is looked for."""
_BEFORE_S, _AFTER_S = 0.5, 0.25
"""Of the quiet around a mark, what is compared."""


@dataclass(frozen=True)
class Alignment:
    """log time = offset_s + rate x (run time - zero_s). sigma_s: one standard deviation anywhere in the run.

    score: correlation of the log with the marks, 1 at best. edges: so many were used.
    """

    offset_s: float
    rate: float
    zero_s: float
    sigma_s: float
    score: float
    edges: int
    has_drift: bool

    def to_run(self, log_s: float) -> float:
        """The board's clock when the instrument's said so."""
        return self.zero_s + (log_s - self.offset_s) / self.rate

    @property
    def sentence(self) -> str:
        """For a reader of the report."""
        drift = (
            f"its clock runs {(self.rate - 1) * 1e6:+.0f} ppm against the board's"
            if self.has_drift
            else "its clock is taken to run as the board's, since the marks do not tell better"
        )
        return f"the log is aligned to within {self.sigma_s * 1e3:.1f} ms by {self.edges} edges; {drift}"


def find_marker(log: Log, marks: Sequence[Sequence[Span]]) -> Alignment:
    """Find one mark, or one at either end of a run. marks: of each the spans in which the board was busy.

    Raises LogError where the rows are too far apart, or where no place, or more than one, fits.
    """
    shortest_s = min(_shortest(mark) for mark in marks)
    if log.interval_s > shortest_s / ROWS_A_PULSE:
        raise LogError(
            f"{log.path}: a row every {log.interval_s:.3g} s is too seldom to find the mark; the log needs "
            f"one at least every {shortest_s / ROWS_A_PULSE:.3g} s"
        )
    width_s = max(shortest_s / _BINS_A_PULSE, log.interval_s)
    score, firsts_s = _search(log, marks, width_s)
    return _refine(log, marks, firsts_s, width_s, score)


def thinned(
    log: Log, found: Alignment, finest_s: float, begin_s: float, end_s: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Rows between two moments of the run: times on its clock, and watts. Means where rows are finer."""
    import numpy as np

    times = found.zero_s + (np.asarray(log.times_s) - found.offset_s) / found.rate
    watts = np.asarray(log.watts)
    keep = (times >= begin_s) & (times <= end_s)
    times, watts = times[keep], watts[keep]
    if len(times) and log.interval_s < finest_s / 2:
        starts = np.flatnonzero(np.diff(np.floor(times / finest_s), prepend=-np.inf))
        counts = np.diff(starts, append=len(times))
        times = np.add.reduceat(times, starts) / counts
        watts = np.add.reduceat(watts, starts) / counts
    return tuple(times.tolist()), tuple(watts.tolist())


def _shortest(mark: Sequence[Span]) -> float:
    """The shortest pulse, or pause between two."""
    pauses = [after.begin_s - before.end_s for before, after in pairwise(mark)]
    return min([pulse.duration_s for pulse in mark] + pauses)


def _search(log: Log, marks: Sequence[Sequence[Span]], width_s: float) -> tuple[float, list[float]]:
    """The best correlation, and when in the log each mark's first pulse began, to within a width."""
    import numpy as np

    binned = _binned(log, width_s)
    away = [round((mark[0].begin_s - marks[0][0].begin_s) / width_s) for mark in marks]
    slack = [int(np.ceil(bins * _MOST_DRIFT)) + 1 if bins else 0 for bins in away]
    scores = [_correlate(binned, _shape(mark, width_s)) for mark in marks]
    near = [_largest_near(each, bins)[skip:] for each, skip, bins in zip(scores, away, slack, strict=True)]
    room = min(map(len, near))
    if room == 0:
        run_s = marks[-1][-1].end_s - marks[0][0].begin_s
        log_s = log.times_s[-1] - log.times_s[0]
        raise LogError(
            f"{log.path}: the log covers {log_s:.1f} s, and the run with its marks took {run_s:.1f} s; start "
            "the log before the run and stop it after"
        )
    total: Floats = np.mean([each[:room] for each in near], axis=0)
    best = _only_place(log, marks, total, width_s)
    firsts = []
    for each, skip, bins in zip(scores, away, slack, strict=True):
        low = max(best + skip - bins, 0)
        place = low + int(np.argmax(each[low : best + skip + bins + 1]))
        firsts.append(log.times_s[0] + place * width_s + _BEFORE_S)
    return float(total[best]), firsts


def _only_place(log: Log, marks: Sequence[Sequence[Span]], scores: Floats, width_s: float) -> int:
    """Where the marks fit best. Raises LogError where they fit nowhere, or elsewhere as well."""
    import numpy as np

    best = int(np.argmax(scores))
    score = float(scores[best])
    if score < _LEAST_SCORE:
        raise LogError(
            f"{log.path}: the mark of the run ({len(marks[0])} busy pulses) is not in the log (the best "
            f"place fits by {max(score, 0):.0%}); was the log running from before to after, and does it "
            "measure this board?"
        )
    around = int(_length(marks[0]) / width_s / 4)
    others = scores.copy()
    others[max(best - around, 0) : best + around + 1] = -1
    if others.max() > _NEXT_BEST * score:
        first, second = (log.times_s[0] + place * width_s for place in (best, int(np.argmax(others))))
        raise LogError(
            f"{log.path}: the mark fits at {first:.1f} s and at {second:.1f} s of the log; cut it to one run"
        )
    return best


def _binned(log: Log, width_s: float) -> Floats:
    """Mean watts of each stretch of that width; NaN where the log has a gap."""
    import numpy as np

    places = ((np.asarray(log.times_s) - log.times_s[0]) / width_s).astype(np.int64)
    counts = np.bincount(places)
    with np.errstate(invalid="ignore"):
        means: Floats = np.bincount(places, weights=np.asarray(log.watts)) / counts
    return means


def _shape(mark: Sequence[Span], width_s: float) -> Floats:
    """The mark in stretches of that width: the share of each in which the board was busy."""
    import numpy as np

    begin_s, end_s = mark[0].begin_s - _BEFORE_S, mark[-1].end_s + _AFTER_S
    edges = begin_s + width_s * np.arange(int((end_s - begin_s) / width_s) + 1)
    busy = np.zeros(len(edges) - 1)
    for pulse in mark:
        busy += np.clip(np.minimum(edges[1:], pulse.end_s) - np.maximum(edges[:-1], pulse.begin_s), 0, None)
    return busy / width_s


def _correlate(values: Floats, shape: Floats) -> Floats:
    """Pearson's r of the shape with every stretch of the values, by those that are there; -1 in gaps."""
    import numpy as np

    there = np.isfinite(values)
    filled = np.where(there, values - np.nanmean(values), 0.0)

    def sums(of: Any, by: Any) -> Any:
        return np.correlate(of, by, mode="valid")

    ones = np.ones(len(shape))
    mask = there.astype(float)
    n = sums(mask, ones)
    with np.errstate(divide="ignore", invalid="ignore"):
        both = sums(filled, shape) - sums(filled, ones) * sums(mask, shape) / n
        of_values = sums(filled**2, ones) - sums(filled, ones) ** 2 / n
        of_shape = sums(mask, shape**2) - sums(mask, shape) ** 2 / n
        r = both / np.sqrt(of_values * of_shape)
    return np.where((n >= 0.8 * len(shape)) & np.isfinite(r), r, -1.0)


def _largest_near(values: Floats, slack: int) -> Floats:
    """Of each place the largest value within so many places of it."""
    import numpy as np

    if slack == 0:
        return values
    padded = np.pad(values, slack, constant_values=-1.0)
    windows: Floats = np.lib.stride_tricks.sliding_window_view(padded, 2 * slack + 1)
    largest: Floats = windows.max(axis=1)
    return largest


def _refine(
    log: Log, marks: Sequence[Sequence[Span]], firsts_s: Sequence[float], width_s: float, score: float
) -> Alignment:
    """Lay a line through the edges of all marks."""
    import numpy as np

    pairs = [_edges(log, mark, first_s, width_s) for mark, first_s in zip(marks, firsts_s, strict=True)]
    x, y = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    if len(x) < 3:
        raise LogError(f"{log.path}: all edges of the mark but {len(x)} lie in gaps of the log")
    zero_s, middle = marks[0][0].begin_s, x.mean()
    wide = float(np.sqrt(((x - middle) ** 2).sum()))
    rate = float(((x - middle) * (y - y.mean())).sum()) / wide**2
    one_s = float(np.sqrt(((y - y.mean() - rate * (x - middle)) ** 2).sum() / (len(x) - 2)))
    # What the edges say of the drift counts where it is more certain than what is known of any quartz.
    has_drift = len(marks) > 1 and max(one_s, log.interval_s / 12**0.5) / wide < _QUARTZ
    if not has_drift:
        rate = 1.0
    offset_s = float(y.mean() + rate * (zero_s - middle))
    # A line through points at its two ends is sqrt(2) less certain there than in its middle. And an edge lies
    # anywhere between two rows, all of them at the same place where the mark is in step with the rows.
    ends = one_s * (2**0.5 if has_drift else 1.0) / len(x) ** 0.5
    unknown_s = 0.0 if has_drift else _QUARTZ * float(np.ptp(x)) / 2
    sigma_s = float(np.sqrt(ends**2 + unknown_s**2 + log.interval_s**2 / 12))
    return Alignment(offset_s, rate, zero_s, sigma_s, score, len(x), has_drift)


def _edges(log: Log, mark: Sequence[Span], first_s: float, width_s: float) -> tuple[Floats, Floats]:
    """A mark's edges: when they were in the run, and in the log. Without those in gaps, and stray ones."""
    import numpy as np

    times, watts = np.asarray(log.times_s), np.asarray(log.watts)
    shift_s, reach_s = first_s - mark[0].begin_s, _shortest(mark) / 2
    moments = [moment for pulse in mark for moment in (pulse.begin_s, pulse.end_s)]
    found = [_edge(times, watts, moment + shift_s, reach_s) for moment in moments]
    x = np.array([moment for moment, seen in zip(moments, found, strict=True) if seen is not None])
    y = np.array([seen for seen in found if seen is not None])
    if len(x):
        late = y - x - np.median(y - x)
        keep = np.abs(late) <= 3 * max(width_s, 1.4826 * float(np.median(np.abs(late))))
        x, y = x[keep], y[keep]
    return x, y


def _edge(times: Any, watts: Any, near_s: float, reach_s: float) -> float | None:
    """When the watts step, up or down, within reach of a moment: the split with the least squares left."""
    import numpy as np

    first, last = np.searchsorted(times, [near_s - reach_s, near_s + reach_s])
    here = watts[first:last]
    if len(here) < ROWS_A_PULSE:
        return None
    n = np.arange(1, len(here))
    left = np.cumsum(here)[:-1]
    right = here.sum() - left
    gain = left**2 / n + right**2 / (len(here) - n)  # the squares about one mean, less those about two
    split = first + int(np.argmax(gain)) + 1
    return float(times[split - 1] + times[split]) / 2


def _length(mark: Sequence[Span]) -> float:
    return mark[-1].end_s - mark[0].begin_s
