"""What a user tells a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NEWEST_OPSET = 20
"""What onnxruntime 1.23.2 reads without doubt, and it is the last for JetPack 6's Python 3.10."""

OLDEST_OPSET = 13
"""Scales per channel came with opset 13 (QuantizeLinear-13, its attribute `axis`)."""


@dataclass(frozen=True)
class SourceOptions:
    """Options of `open_source`.

    via: row of the table; None to tell by the spec. task: of a Hugging Face model; None takes what its
        configuration says.
    shapes: of inputs by name, `""` for the only one; a size is a number or the name of a dimension that stays
        open. dims: least and largest size of open dimensions by name; `batch` is the first axis of every
        input unless a shape says otherwise.
    example: .npz of inputs by name, of the original's dtypes. opset: of what is written, 13 to 20.
    seed: of the values that the exported file and the original are compared on.
    trust_remote_code: whether Python code that comes with a Hugging Face model may run.
    """

    via: str | None = None
    task: str | None = None
    shapes: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    dims: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    example: Path | None = None
    opset: int = 18
    seed: int = 0
    trust_remote_code: bool = False
