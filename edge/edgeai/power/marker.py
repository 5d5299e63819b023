"""A mark in the power that a board draws, by which an instrument's log is aligned with its clock.

The board is busy and idle by the Barker code of length 11 (+++---+--+-), whose correlation with itself when
shifted is at most 1/11 of that in place: https://en.wikipedia.org/wiki/Barker_code. It has three busy pulses.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .trace import Span

if TYPE_CHECKING:
    from collections.abc import Callable

CHIP_S = 0.5
"""Of one element of the code. An instrument needs four rows in it to be aligned (see csv_log)."""

QUIET_S = 1.0
"""Idle before the code, so that its first pulse has an edge."""

BUSY = ((3, 3), (1, 2), (1, 1))
"""Elements busy and idle after it, of each pulse."""

DURATION_S = QUIET_S + CHIP_S * 11


def emit_marker(
    call: Callable[[], object],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Span, ...]:
    """Draw the mark with calls of a load, such as an inference; DURATION_S, more where a call is long.

    Returns when it was really busy, in seconds of the clock.
    """
    sleep(QUIET_S)
    pulses = []
    for busy, idle in BUSY:
        begin_s = clock()
        while clock() - begin_s < busy * CHIP_S:
            call()
        end_s = clock()
        pulses.append(Span(begin_s, end_s))
        sleep(idle * CHIP_S)
    return tuple(pulses)
