"""What a run over sources gives: answers, failures, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import EdgeError, one_line
from .pipeline.result import Result, StageTime


@dataclass(frozen=True)
class Answer:
    """What came of an item, or of a stretch of sound.

    source: the item's name. latency_s: from the item, or the chunk that completed the answer, to the answer.
    drawn: the picture with the answer on it.
    """

    source: str
    result: Result
    latency_s: float
    drawn: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """As a line of `edgeai run` says it; times of the source where it has any."""
        times = {"start_s": self.result.start_s, "end_s": self.result.end_s}
        return {
            "source": self.source,
            **{name: round(value, 6) for name, value in times.items() if value is not None},
            "latency_s": round(self.latency_s, 6),
            **({} if self.drawn is None else {"drawn": str(self.drawn)}),
            "result": self.result.to_json(),
        }


@dataclass(frozen=True)
class Failed:
    """A source, or an item of one, that could not be run; the others are."""

    source: str
    error: EdgeError

    def __str__(self) -> str:
        text = str(self.error)
        return text if self.source in text else f"{one_line(self.source)}: {text}"


@dataclass
class Totals:
    """What a run came to so far.

    items: chunks of sound count too. busy_s: from items to answers, without reading sources. sound_s: how
    much sound there was. stages: what steps and models took, by the stage's name; empty without a pipeline.
    """

    items: int = 0
    answers: int = 0
    failed: int = 0
    busy_s: float = 0.0
    sound_s: float = 0.0
    stages: dict[str, StageTime] = field(default_factory=dict)
