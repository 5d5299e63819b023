"""What a user asks of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FORMATS = ("onnx", "tflite")


@dataclass(frozen=True)
class Request:
    """Everything that `edgeai export` can be told.

    source: a file, `file.py:factory`, `module:factory`, a folder or a hub id. via: the row of the table of
        sources, None to tell by the source. task: of a Hugging Face model. shapes: of inputs by name (`""`
        for the only one). dims: named dimensions that stay open, each (min, max). example: .npz of inputs.
    formats: which to write. schemes: names of rows to try; empty for those that suit the target.
    data, labels: where samples come from; calibrate, evaluate: two places instead of one. limit: at most so
        many samples. random: calibrate with noise where there is no data.
    steps: manifest or bundle whose `pre` steps make feeds of sources, and whose pipeline the bundle gets.
    metric: name or `file.py:function`. max_drop: in the metric's own unit (0.005 is 0.5 points of a share).
    min_cosine: least mean cosine of outputs with the source's. Both None: 0.5 points with labels, else
        0.99.
    prefer: `speed` or `size`. target: id of the device profile that it is for; None for any machine.
    measure_on: `ssh://user@board`; None measures here. allow_drop: ship what misses the budget, too.
    resize_batch: TFLite files whose batch may be resized. work: folder that an export which was stopped goes
        on from; None for one of edgeai's own, by the request.
    """

    source: str
    out: Path
    via: str | None = None
    task: str | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dims: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    example: Path | None = None
    opset: int = 18
    formats: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    data: str | None = None
    labels: Path | None = None
    calibrate: str | None = None
    evaluate: str | None = None
    limit: int | None = None
    random: bool = False
    steps: Path | None = None
    metric: str | None = None
    max_drop: float | None = None
    min_cosine: float | None = None
    prefer: str = "speed"
    target: str | None = None
    measure_on: str | None = None
    allow_drop: bool = False
    resize_batch: bool = False
    seed: int = 0
    id: str | None = None
    version: str = "1.0.0"
    licence: str | None = None
    work: Path | None = None
    report: Path | None = None
    force: bool = False
