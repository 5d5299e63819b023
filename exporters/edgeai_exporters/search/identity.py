"""What a search depends on, as one hash: with another model, sample, scheme, seed or library it is new."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Feed
from ..budget import Budget
from ..hashing import sha256_of
from ..schemes import Scheme
from .journal import digest
from .trials import Samples

LIBRARIES = ("edgeai", "numpy", "onnx", "onnxruntime", "ai-edge-litert", "litert-quantizer")
FORMAT = 1
"""Of the journal. Raised when the same key would mean something else."""


def identity(
    model: Path,
    scheme: Scheme,
    instead: Sequence[Scheme],
    calibration: Sequence[Feed],
    samples: Samples,
    metric: str,
    budget: Budget,
    seed: int,
) -> str:
    """A sha256, as hexadecimal."""
    return digest(
        FORMAT,
        sha256_of(model),
        [asdict(each) for each in (scheme, *instead)],
        [_hash(feed) for feed in calibration],
        [_hash(feed) for feed in samples.feeds],
        None if samples.labels is None else [_hash({"": np.asarray(label)}) for label in samples.labels],
        None if samples.reference is None else [_hash(outputs) for outputs in samples.reference],
        metric,
        repr(budget),
        seed,
        {name: _version(name) for name in LIBRARIES},
    )


def _hash(arrays: Mapping[str, Any]) -> str:
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype} {array.shape} ".encode())
        # The bytes of an object array are addresses.
        found.update(repr(array.tolist()).encode() if array.dtype.kind in "OUS" else array.tobytes())
    return found.hexdigest()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
