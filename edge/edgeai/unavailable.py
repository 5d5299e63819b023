"""What stands in a report for a figure that cannot be had."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unavailable:
    """A figure that this machine cannot give."""

    unavailable: str
    advice: str


class Barred(Unavailable):
    """What could give the figure is there and may not be read: said before all that is merely absent."""
