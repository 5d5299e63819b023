"""tflite-runtime 2.14.0, the last of its name: for 32-bit Arm, where its successor LiteRT has no wheels.

It computes some quantized operators silently wrong, so a model is refused if it holds a kind of operator that
fails a self-test here. Wrong on x86-64, with the error as a share of the greatest output: int8 weights with a
scale for each channel against float activations in FULLY_CONNECTED (.97, int4 .87), BATCH_MATMUL (1) and
EMBEDDING_LOOKUP (1); int4 weights in CONV_2D (NaN); int8 weights with one scale in DEPTHWISE_CONV_2D (1e23).
Right: float and static int8 throughout, and int8 weights against float activations in CONV_2D.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import mmap
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BackendMissing, ModelError

# Built against numpy 1: with numpy 2 its first Interpreter raises SystemError or crashes. Never import it so.
if int(np.__version__.split(".", 1)[0]) >= 2:
    raise BackendMissing(f"it works with numpy 1 only, and numpy {np.__version__} is installed")

from tflite_runtime.interpreter import Interpreter

from . import lacks_providers
from .tflite import TfliteRunner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    from ..bundle import Needs, Variant
    from . import RunOptions

_SELFTEST = Path(__file__).parent / "selftest"
# Of the greatest expected value. Rounding activations to int8 costs up to .03; wrong was .87 and more.
_TOLERANCE = 0.05

# From TFLite's schema.fbs (BuiltinOperator, TensorType): what the self-test has models for.
_OPERATORS = {
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    7: "EMBEDDING_LOOKUP",
    9: "FULLY_CONNECTED",
    126: "BATCH_MATMUL",
}
_TYPES = {0: "f32", 2: "i32", 9: "i8", 17: "i4"}


class TfliteLegacy:
    """The backend; see `edgeai.backends.Backend`."""

    name = "tflite-runtime"

    def version(self) -> str:
        """Version of the tflite-runtime package."""
        return importlib.metadata.version("tflite-runtime")

    def lacks(self, needs: Needs) -> str | None:
        """See `Backend.lacks`."""
        return lacks_providers(needs, ("cpu",))

    def open(self, variant: Variant, options: RunOptions) -> TfliteRunner:
        """Open a TFLite file with explicit threads, after a self-test of the quantized operators it holds.

        Raises ModelError also for a file cut short, on which the library itself crashes, and for an operator
        that it computes wrongly here. A model without quantized operators runs no test.
        """
        _refuse_wrong_operators(variant.path, options.threads)

        def interpreter() -> Any:
            return Interpreter(str(variant.path), num_threads=options.threads)

        return TfliteRunner(variant.path, interpreter, options, library=self.name)


@dataclass(frozen=True)
class _Kind:
    """What decides which kernel runs: the operator, the activations, the weights and how they are scaled."""

    operator: str
    activations: str
    weights: str
    scales: str
    """`channel` or `tensor`: one scale for each channel, or one for all."""

    @property
    def test(self) -> str:
        """Name of its test: a file in the folder and a key of `expected.json`."""
        return f"{self.operator.lower()}-{self.activations}-{self.weights}-{self.scales}"

    def __str__(self) -> str:
        scales = "a scale for each channel" if self.scales == "channel" else "one scale for all channels"
        return f"{self.operator} with {self.activations} inputs, {self.weights} weights and {scales}"


def _refuse_wrong_operators(path: Path, threads: int) -> None:
    for kind, weights in _weights_by_kind(path).items():
        if kind.test not in _expectations():
            continue
        error = _self_test(kind.test, threads)
        if not error <= _TOLERANCE:  # NaN too
            raise ModelError(
                f"{path} has {len(weights)} x {kind} (first: {weights[0]!r}), which tflite-runtime computes "
                f"wrongly on this machine (self-test: {_say(error)}); {_cure(kind)}"
            )


def _say(error: float) -> str:
    if math.isnan(error):
        return "no numbers came out"
    return f"off by {error:.0%} of the greatest value" if error < 10 else "garbage came out"


def _cure(kind: _Kind) -> str:
    cure = "export it with float weights or static int8"
    if _expectations()[kind.test]["litert"]:
        cure += ", or run it with ai-edge-litert where that has wheels: pip install 'edgeai[tflite]'"
    return cure


@cache
def _expectations() -> dict[str, Any]:
    """By test: the right outputs, and whether ai-edge-litert gives them. `input` is what all of them take."""
    expectations: dict[str, Any] = json.loads((_SELFTEST / "expected.json").read_text(encoding="utf-8"))
    return expectations


@cache
def _self_test(test: str, threads: int) -> float:
    """The greatest error as a share of the greatest expected value; NaN where the library gives up.

    Threads as the model will have them, for the same kernels. `tests/edge/backends/make_selftest_models.py`
    writes the files and says where the expectations come from.
    """
    try:
        output = _run_test(test, threads)
    except (RuntimeError, ValueError):
        return math.nan
    expected = np.array(_expectations()[test]["expected"])
    return float(np.abs(output - expected).max() / np.abs(expected).max())


def _run_test(test: str, threads: int) -> NDArray[np.float64]:
    interpreter = Interpreter(str(_SELFTEST / f"{test}.tflite"), num_threads=threads)
    interpreter.allocate_tensors()
    detail = interpreter.get_input_details()[0]
    value = np.array(_expectations()["input"][: math.prod(detail["shape"])])
    if detail["dtype"] == np.int32:
        value %= 8  # row numbers of the embedding, which has 8
    interpreter.set_tensor(detail["index"], value.astype(detail["dtype"]).reshape(detail["shape"]))
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    flat: NDArray[np.float64] = output.ravel().astype(np.float64)
    return flat


# The file is read here because the library does not check it: cut short, most files ended the process with
# SIGSEGV and one was loaded. Besides, its `_get_ops_details()` leaves out all subgraphs but the first (bodies
# of IF, WHILE and CALL_ONCE), and its tensor details report int4 as int8.

# Tables of TFLite's schema.fbs by field number: a table, [a table] for a vector of them, or the size in bytes
# of a vector's elements. {} is a table whose vectors, if any, are not looked at.
_Fields: TypeAlias = "dict[int, int | dict[int, Any] | list[dict[int, Any]]]"
_TENSOR: _Fields = {0: 4, 3: 1, 4: {0: 4, 1: 4, 2: 4, 3: 8, 5: {}}, 6: {}, 7: 4}
_OPERATOR: _Fields = {1: 4, 2: 4, 4: {}, 5: 1, 7: 1, 8: 4}
_SIGNATURE: _Fields = {0: [{0: 1}], 1: [{0: 1}], 2: 1}
_MODEL: _Fields = {
    1: [{1: 1}],  # operator codes
    2: [{0: [_TENSOR], 1: 4, 2: 4, 3: [_OPERATOR], 4: 1}],  # subgraphs
    3: 1,
    4: [{0: 1}],  # buffers
    5: 4,
    6: [{0: 1}],  # metadata
    7: [_SIGNATURE],
}


def _weights_by_kind(path: Path) -> dict[_Kind, list[str]]:
    """Names of the quantized weights in all subgraphs of a TFLite file, by the kind of their operator."""
    found: dict[_Kind, list[str]] = {}
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            model = _Table(data, struct.unpack_from("<I", data)[0])
            model.check(_MODEL)
            for kind, name in _quantized(model):
                found.setdefault(kind, []).append(name)
    except (struct.error, LookupError, ValueError) as error:
        raise ModelError(f"{path} is damaged or no TFLite file ({error})") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    return found


def _quantized(model: _Table) -> Iterator[tuple[_Kind, str]]:
    operators = [_OPERATORS.get(_builtin(code)) for code in model.tables(1)]
    for graph in model.tables(2):
        tensors = list(graph.tables(0))
        for operator in graph.tables(3):
            name = operators[operator.number(0, "<I")]
            if name:
                activations, weights = (tensors[index] for index in operator.numbers(1)[:2])
                if _type(weights) in {"i8", "i4"}:
                    yield _Kind(name, _type(activations), _type(weights), _scales(weights)), weights.text(3)


def _builtin(code: _Table) -> int:
    """Old files have the number in the first field, as a byte; new ones in the fourth (schema.fbs)."""
    return max(code.number(0, "<b"), code.number(3, "<i"))


def _type(tensor: _Table) -> str:
    return _TYPES.get(tensor.number(1, "<b"), "other")


def _scales(tensor: _Table) -> str:
    """No scale here means one for each block, which this library knows no better than one a channel."""
    quantization = tensor.table(4)
    return "tensor" if quantization is not None and quantization.length(2) == 1 else "channel"


class _Table:
    """One table of a FlatBuffers file; fields by their number in schema.fbs (flatbuffers.dev/internals)."""

    def __init__(self, data: mmap.mmap, position: int) -> None:
        self._data = data
        self._position = position
        self._fields = position - self._unpack("<i", position)
        self._check_end(self._fields + self._unpack("<H", self._fields))
        self._check_end(position + self._unpack("<H", self._fields + 2))

    def check(self, fields: _Fields) -> None:
        """Raise ValueError or struct.error where a part of the table lies outside the file."""
        for field, kind in fields.items():
            if isinstance(kind, int):
                self._check_end(self._vector(field) + kind * self.length(field))
            elif isinstance(kind, list):
                for table in self.tables(field):
                    table.check(kind[0])
            else:
                one = self.table(field)
                if one is not None:
                    one.check(kind)

    def number(self, field: int, format_: str) -> int:
        """A number; 0, which is the default of all fields used here, where the field is left out."""
        position = self._field(field)
        return self._unpack(format_, position) if position else 0

    def table(self, field: int) -> _Table | None:
        position = self._field(field)
        return _Table(self._data, self._follow(position)) if position else None

    def tables(self, field: int) -> Iterator[_Table]:
        start = self._vector(field)
        for index in range(self.length(field)):
            yield _Table(self._data, self._follow(start + 4 * index))

    def numbers(self, field: int) -> tuple[int, ...]:
        return struct.unpack_from(f"<{self.length(field)}i", self._data, self._vector(field))

    def text(self, field: int) -> str:
        start = self._vector(field)
        return self._data[start : start + self.length(field)].decode("utf-8", "replace")

    def length(self, field: int) -> int:
        start = self._vector(field)
        return self._unpack("<I", start - 4) if start else 0

    def _vector(self, field: int) -> int:
        position = self._field(field)
        return self._follow(position) + 4 if position else 0

    def _field(self, field: int) -> int:
        """Where a field lies, or 0 where it is left out."""
        entry = 4 + 2 * field
        if entry >= self._unpack("<H", self._fields):
            return 0
        offset = self._unpack("<H", self._fields + entry)
        return self._position + offset if offset else 0

    def _follow(self, position: int) -> int:
        return position + self._unpack("<I", position)

    def _check_end(self, end: int) -> None:
        if end > len(self._data):
            raise ValueError(f"it ends at byte {len(self._data)} and refers to byte {end}")

    def _unpack(self, format_: str, position: int) -> int:
        if position < 0:  # which struct would count from the end
            raise ValueError(f"it refers to byte {position}")
        number: int = struct.unpack_from(format_, self._data, position)[0]
        return number
