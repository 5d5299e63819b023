"""What is weak about a measurement of energy: names and sentences."""

from __future__ import annotations

from ..quantities import change_text, digits, percent_text, time_text
from .energy_parts import Seen, scatter_of

ENOUGH_UPDATES = 100
"""Changes of the sensor's values that a window should hold."""
SAME_AGAIN = 3.0
"""Update periods for which a gauge may show the same value in the median and still be as fast as said."""
ENOUGH_COVERAGE = 0.95
LONG_GAP_S, LONG_GAP_UPDATES = 1.0, 10
"""A gap is long past that time and that many update periods."""
LARGE_DRIFT = 0.05
"""Share by which idling, or windows from the first to the last, may move."""
SCATTERED = 3.0
"""Windows that differ by that many times what the sensor explains, and by over 1 %, disagree."""
LEAST_SCATTER = 0.01
STUCK_UPDATES, STUCK_SHARE = 50, 0.25
"""A value that stays for so many update periods and such a share of a window may be an old one."""


def doubts_of(seen: Seen) -> dict[str, str]:
    """By name, in the order in which they matter."""
    found = {
        "few_updates": _few_updates(seen),
        "low_coverage": _low_coverage(seen),
        "long_gap": _long_gap(seen),
        "value_stuck": _stuck(seen),
        "idle_drift": _idle_drift(seen),
        "windows_disagree": _windows_disagree(seen),
        "windows_drift": _windows_drift(seen),
        "not_above_idle": _not_above_idle(seen),
    }
    return {name: text for name, text in found.items() if text is not None}


def _few_updates(seen: Seen) -> str | None:
    fewest = min(load.updates for load in seen.loads)
    if fewest >= ENOUGH_UPDATES or _published_is_enough(seen):
        return None
    return f"the sensor changed {fewest} times in a window, and it takes {ENOUGH_UPDATES}; measure for longer"


def _published_is_enough(seen: Seen) -> bool:
    """Whether what is published may be believed where fewer changes were seen: a counter that is read seldom
    was brought up to date many times in between, and a gauge of coarse steps shows the same value again."""
    curve, shortest_s = seen.curve, min(load.duration_s for load in seen.loads)
    published_s = curve.meter.update_s
    if published_s is None or shortest_s / published_s < ENOUGH_UPDATES:
        return False
    if curve.is_counter:
        return not curve.held
    return curve.seen_update_s is not None and curve.seen_update_s <= SAME_AGAIN * published_s


def _low_coverage(seen: Seen) -> str | None:
    coverage = seen.curve.coverage(seen.spans)
    if coverage >= ENOUGH_COVERAGE:
        return None
    return f"only {percent_text(coverage)} of the windows lie near a read of the sensor"


def _long_gap(seen: Seen) -> str | None:
    gap_s = seen.curve.longest_gap_s(seen.spans)
    if gap_s <= max(LONG_GAP_S, LONG_GAP_UPDATES * seen.curve.update_s):
        return None
    return f"the sensor gave nothing for {time_text(gap_s)} within a window"


def _stuck(seen: Seen) -> str | None:
    longest_s = max(seen.curve.longest_same_s(span) for span in seen.spans)
    shortest_s = min(load.duration_s for load in seen.loads)
    if longest_s <= max(STUCK_SHARE * shortest_s, STUCK_UPDATES * seen.curve.update_s):
        return None
    return (
        f"the sensor showed the same value for {time_text(longest_s)} within a window; it may be an old one"
    )


def _idle_drift(seen: Seen) -> str | None:
    before_w = seen.before.joules.power_w
    moved = seen.idle_drift_w / before_w if before_w > 0 else 0.0
    if abs(moved) <= LARGE_DRIFT:
        return None
    return f"idling moved by {change_text(1 + moved)} from before to after; let the board settle first"


def _windows_disagree(seen: Seen) -> str | None:
    scatter = scatter_of(seen)
    least = LEAST_SCATTER * seen.energy_j / len(seen.loads) ** 0.5
    if scatter.found <= max(SCATTERED * scatter.expected, least):
        return None
    each = scatter.found * len(seen.loads) ** 0.5 / seen.energy_j
    return (
        f"windows differ by {percent_text(each)}, more than the sensor explains; something else ran as well"
    )


def _windows_drift(seen: Seen) -> str | None:
    if len(seen.loads) < 3:
        return None
    first, last = (seen.loads[i].energy_j / seen.windows[i].runs for i in (0, -1))
    if abs(last / first - 1) <= LARGE_DRIFT:
        return None
    return f"an inference's energy moved by {change_text(last / first)} from the first window to the last"


def _not_above_idle(seen: Seen) -> str | None:
    if seen.net_j > 0:
        return None
    return (
        f"under load it takes no more than idling ({digits(seen.idle_w)} W): the sensor may not see the load"
    )
