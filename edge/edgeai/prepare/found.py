"""What a search found, candidate by candidate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..prepared.record import Tried
from .duel import Duel
from .figures import Figures, middle
from .ways import Way

if TYPE_CHECKING:
    from ..prepared.choice import Choice
    from ..variants import Skipped
    from .energy import EnergyDuel
    from .soaking import Soaked


@dataclass(frozen=True)
class Event:
    """How far a search is. share, left_s: of the budget. best: the best way so far, in words."""

    stage: str
    what: str
    share: float
    left_s: float
    best: str | None = None


OnEvent = Callable[[Event], object]


@dataclass
class Outcome:
    """One way that was looked at.

    choice, folder: as it is opened, once its form is made. looks: figures of each process.
    left: why it was not taken; empty for the winner and for what is not decided yet. lost: whether it failed.
    """

    way: Way
    choice: Choice | None = None
    folder: Path | None = None
    looks: list[Figures] = field(default_factory=list)
    left: str = ""
    lost: bool = False

    @property
    def figures(self) -> Figures | None:
        """The middle of all looks; None where it was lost or not tried."""
        return middle(self.looks) if self.looks and not self.lost else None

    @property
    def known(self) -> Figures:
        """The same, of one that was measured."""
        figures = self.figures
        assert figures is not None
        return figures

    def lose(self, why: str) -> None:
        """It cannot be used."""
        self.lost, self.left = True, why

    def tried(self) -> Tried:
        """For the record."""
        figures = self.figures
        return Tried(self.way.label, {} if figures is None else figures.to_dict(), self.left)


@dataclass(frozen=True)
class Searched:
    """The end of a search for one model.

    model: its name; "" for a bare file. noise: by what raw differed from itself, as a ratio.
    chosen: one of the outcomes; raw's own where nothing was proven better. duel: of the winner, or of the
    last challenger; None where there was nobody to fight.
    front: labels of those that no other beats in latency, RAM and load at once.
    untried: how many ways the budget was too short for. written_bytes: of forms, kept or not.
    inputs: shapes that were fed, by name. open_dimensions: those whose size nobody gave, so that one was made
    up; what is best may differ with the real one.
    """

    model: str
    objective: str
    raw: Outcome
    chosen: Outcome
    outcomes: tuple[Outcome, ...]
    skipped: tuple[Skipped, ...]
    front: tuple[str, ...]
    why: str
    noise: float
    spent_s: float
    written_bytes: int
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    open_dimensions: tuple[str, ...] = ()
    untried: int = 0
    duel: Duel | None = None
    energy: EnergyDuel | None = None
    soaked: Soaked | None = None

    @property
    def is_raw(self) -> bool:
        """Whether raw stays."""
        return self.chosen is self.raw
