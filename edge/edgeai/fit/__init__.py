"""Whether a model fits a board, and about how fast it may be there: for boards that nobody holds.

Everything here is an estimate, from the model's file and the board's profile. `edgeai bench` measures.
"""

from __future__ import annotations

from .fitting import Fit, fit_board, fit_here
from .memory import NO, TIGHT, UNKNOWN, YES, Need, Room
from .roofline import CPU, Speed
from .sized import Sizes, sized_demands

__all__ = [
    "Fit",
    "fit_board",
    "fit_here",
    "Need",
    "Room",
    "Speed",
    "Sizes",
    "sized_demands",
    "YES",
    "TIGHT",
    "NO",
    "UNKNOWN",
    "CPU",
]
