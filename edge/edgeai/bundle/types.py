"""The types of a bundle that every load needs; `bare` makes them for a bare model file.

What only a manifest declares (stages, windows, state, ...) stands in `declared`: Python makes each dataclass
anew in each process, up to 1 ms each, and a load should pay for those alone that it uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .declared import Golden, Input, Source, Stage, State, Window

# Short names, as the manifest spells them, against numpy's.
NUMPY_DTYPES = {
    "bool": "bool",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "u64": "uint64",
    "c64": "complex64",
    "c128": "complex128",
    "str": "object",
}

ANY = "?"
"""A dimension without a name: any size, independent of every other `?`."""


@dataclass(frozen=True)
class Quantization:
    """real = (raw - zero_point) * scale, for a whole tensor."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type and shape of one input or output.

    dtype: a key of NUMPY_DTYPES.
    shape: a number for a fixed size, a name for a symbolic one (one name, one size), `ANY` for a free one.
    quantization: set where the file stores integers that stand for real values.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    quantization: Quantization | None = None

    @property
    def is_static(self) -> bool:
        """Whether every dimension is a number."""
        return all(isinstance(size, int) for size in self.shape)

    def fits(self, shape: tuple[int, ...], sizes: dict[str, int] | None = None) -> bool:
        """Whether an array's shape fits.

        sizes: collects what each named dimension stood for; one dict for all inputs makes them agree.
        """
        names = {} if sizes is None else sizes

        def fits_one(size: int, wanted: int | str) -> bool:
            if isinstance(wanted, int):
                return size == wanted
            return wanted == ANY or names.setdefault(wanted, size) == size

        return len(shape) == len(self.shape) and all(map(fits_one, shape, self.shape))

    def __str__(self) -> str:
        sizes = ", ".join(str(size) for size in self.shape)
        text = f"{self.name}: {self.dtype}[{sizes}]"
        if self.quantization:
            text += f" (scale {self.quantization.scale:g}, zero point {self.quantization.zero_point})"
        return one_line(text, 200)


@dataclass(frozen=True)
class Needs:
    """What a variant needs of the device.

    versions: by backend, such as `>=1.20`. ir: ONNX IR version. cpu: features of /proc/cpuinfo, all of them.
    providers: execution providers, one of which must be there. unknown: needs that this edgeai cannot judge.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    ir: int | None = None
    cpu: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Variant:
    """One form of a model that some backend can run."""

    id: str
    format: str
    """`onnx` or `tflite`; a backend's entry lists the formats it reads. Others are skipped."""
    path: Path
    """The file to open; others that it names (external weights) lie beside it."""
    precision: str | None = None
    needs: Needs = Needs()
    tolerance: Mapping[str, float] = field(default_factory=dict)
    """How far its outputs may be from the reference: `cosine` (at least), `abs`, `rel` (at most)."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The file's own names of inputs and outputs, by the manifest's."""
    signature: str | None = None
    """Which of a TFLite file's signatures to run, where it has several."""
    files: Mapping[str, str] = field(default_factory=dict)
    """sha256 in hex by path inside the bundle."""
    cost: Mapping[str, Any] = field(default_factory=dict)
    """What one run takes, as `edgeai.graph.costs.Costs.to_json` writes it; empty where nothing is said."""


@dataclass(frozen=True)
class Model:
    """A named model and the variants it offers, in the author's order of preference."""

    name: str
    variants: tuple[Variant, ...]
    inputs: Mapping[str, Input] = field(default_factory=dict)
    outputs: Mapping[str, TensorSpec] = field(default_factory=dict)
    state: tuple[State, ...] = ()
    window: Window | None = None


@dataclass(frozen=True)
class Bundle:
    """Named models, what happens before, between and after them, and where all that came from.

    folder: where its files lie. manifest: as it was read, unknown keys included; empty for a bare model.
    identity: sha256 of the canonical manifest, in hex; None for a bare model.
    """

    path: Path
    models: tuple[Model, ...]
    folder: Path | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    identity: str | None = None
    id: str | None = None
    version: str | None = None
    source: Source | None = None
    stages: tuple[Stage, ...] = ()
    result: str | None = None
    """The value that the pipeline answers with: a stage's `as`."""
    golden: tuple[Golden, ...] = ()
    assets: Mapping[str, Path] = field(default_factory=dict)
    """Files beside the models, such as lists of labels, by path inside the bundle."""
    licence: str | None = None

    @property
    def is_bare(self) -> bool:
        """Whether this is a bare model file."""
        return self.folder is None


def list_specs(specs: Iterable[TensorSpec]) -> str:
    """What a model wants or gives, as an error shows it."""
    return one_line("; ".join(str(spec) for spec in specs))
