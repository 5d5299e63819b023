"""What opening data is told beside where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .steps import Steps


@dataclass(frozen=True)
class DataOptions:
    """steps: declared ones that make feeds; None: a default for images, and none for other kinds.

    labels: a `.csv` of file and label, a `.txt` of the classes' names in the model's order, or a `.npy` of
    labels in the order of the samples. limit: at most so many samples. seed: draws them, and random feeds.
    """

    steps: Steps | None = None
    labels: Path | None = None
    limit: int | None = None
    seed: int = 0
