"""Golden samples of a bundle: held-out inputs with what the source gives, for `edgeai check` on a device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Feed, Outputs
from .quality import Quality

SAMPLES = 2
LIMIT_BYTES = 256 << 10
"""Of all golden files together: a device downloads them with each version."""
_ROOM = 2.0
"""How many times further from the source than on any held-out sample another CPU's kernels may come."""
_LEAST = 1e-4
"""What f32 sums in another order may cost of a cosine."""


def golden_samples(
    model: str, samples: Iterator[tuple[Feed, Outputs]], folder: Path
) -> tuple[list[Mapping[str, Any]], dict[str, Path]]:
    """The manifest's `golden`, and its files by their path in the bundle: the first that are small enough."""
    entries: list[Mapping[str, Any]] = []
    files: dict[str, Path] = {}
    folder.mkdir(exist_ok=True)
    left = LIMIT_BYTES
    for number, (feed, outputs) in enumerate(samples):
        if number >= SAMPLES:
            break
        names = [f"golden/{number}-{what}.npz" for what in ("inputs", "outputs")]
        paths = [folder / Path(name).name for name in names]
        for path, arrays in zip(paths, (feed, outputs), strict=True):
            np.savez_compressed(path, **dict(arrays))  # type: ignore[arg-type,unused-ignore]  # names of arrays
        left -= sum(path.stat().st_size for path in paths)
        if left < 0:
            break
        files |= dict(zip(names, paths, strict=True))
        entries.append({"id": f"sample-{number}", "model": model, "inputs": names[0], "outputs": names[1]})
    return entries, files


def tolerance_of(quality: Quality) -> dict[str, float]:
    """How far a variant's outputs may be from the source's, from how far its proof found the worst."""
    return {"cosine": round(1 - _ROOM * max(1 - quality.worst_cosine, _LEAST), 6)}
