"""The types of what a manifest declares beside models and variants: inputs, state, windows, the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from .types import TensorSpec


@dataclass(frozen=True)
class SizeRange:
    """What a symbolic dimension may be: `min` to `max` in steps of `step`; `opt` is the usual size."""

    min: int
    opt: int
    max: int
    step: int = 1

    def holds(self, size: int) -> bool:
        """Whether a size is one of these."""
        return self.min <= size <= self.max and (size - self.min) % self.step == 0

    def __str__(self) -> str:
        steps = "" if self.step == 1 else f" in steps of {self.step}"
        return f"{self.min} to {self.max}{steps}"


@dataclass(frozen=True)
class Input:
    """An input as the manifest declares it.

    layout: `NCHW`, `NHWC`, ...; color: `RGB`, `BGR`, `GRAY`; both None where it is no image.
    ranges: by the name of a symbolic dimension. value: a constant that every element is filled with; such an
        input is not asked of the caller.
    """

    spec: TensorSpec
    layout: str | None = None
    color: str | None = None
    ranges: Mapping[str, SizeRange] = field(default_factory=dict)
    value: float | int | None = None

    def outside(self, shape: tuple[int, ...]) -> str | None:
        """Which size lies outside of its range, in words; None where none does. shape: one that fits."""
        for name, size in zip(self.spec.shape, shape, strict=False):
            limits = self.ranges.get(name) if isinstance(name, str) else None
            if limits is not None and not limits.holds(size):
                return f"{name} is {size}, and the manifest allows {limits}"
        return None


@dataclass(frozen=True)
class Loop:
    """State that goes out of the model and in again. initial: what the input is filled with at first."""

    input: str
    output: str
    initial: float = 0.0


@dataclass(frozen=True)
class Context:
    """The last `size` elements of an input, kept in front of the next; zeros at first."""

    input: str
    size: int


@dataclass(frozen=True)
class Internal:
    """State in variables inside the model: one interpreter a stream, forgotten by a reset."""


State = Loop | Context | Internal


@dataclass(frozen=True)
class Window:
    """How an input is cut from what flows in.

    size, hop: in elements of the input (samples, or frames that the `pre` steps make). rate_hz: elements a
    second. lead: zeros in front of the first element. pad: what the last, incomplete window is filled up
    with; None drops it.
    """

    input: str
    size: int
    hop: int
    rate_hz: float
    lead: int = 0
    pad: float | None = None


@dataclass(frozen=True)
class StepCall:
    """A step as a manifest calls it. where: its path in the manifest, for errors."""

    op: str
    params: Mapping[str, Any]
    where: str


@dataclass(frozen=True)
class Condition:
    """A stage runs only where another value is above a threshold.

    hold_s, lead_s: in a stream, for how long after such a value, and how much of what came before it.
    """

    from_: str
    above: float
    hold_s: float = 0.0
    lead_s: float = 0.0


@dataclass(frozen=True)
class Batch:
    """How items are put together for one run: at most `max`; `pad` fills up those that are smaller, None
    puts only items of one shape together."""

    max: int
    pad: float | None = None


@dataclass(frozen=True)
class RunStage:
    """Runs a model: `pre` steps, the model, `post` steps."""

    model: str
    from_: str
    as_: str
    pre: tuple[StepCall, ...]
    post: tuple[StepCall, ...]
    batch: Batch | None
    only_if: Condition | None
    where: str


@dataclass(frozen=True)
class StepStage:
    """A step between models, such as cutting out what was found."""

    step: StepCall
    from_: str
    as_: str
    only_if: Condition | None
    where: str


Stage = RunStage | StepStage

SOURCE_KINDS = ("image", "audio", "text", "bytes", "tensors")


@dataclass(frozen=True)
class Source:
    """What a pipeline takes. rate_hz: of sound; what comes at another rate is resampled."""

    kind: str
    rate_hz: int | None = None


@dataclass(frozen=True)
class Golden:
    """An example with what must come out: a model's tensors, or a source and the pipeline's result.

    model: None for the whole pipeline. inputs, outputs: .npz files. source: a file; result: JSON, compared
    number by number. tolerance: `abs`, `rel`, `cosine` for tensors; `abs`, `px`, `s` for a result.
    """

    id: str
    model: str | None
    inputs: Path | None
    outputs: Path | None
    source: Path | None
    result: Any
    tolerance: Mapping[str, float]
    where: str
