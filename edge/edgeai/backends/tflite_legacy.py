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

from ..graph.tflite_file import open_tflite, operator_name, tensor_dtype
from . import lacks_providers
from .tflite import TfliteRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..bundle import Needs, Variant
    from ..graph.flatbuffer import Table
    from . import RunOptions

_SELFTEST = Path(__file__).parent / "selftest"
# Of the greatest expected value. Rounding activations to int8 costs up to .03; wrong was .87 and more.
_TOLERANCE = 0.05

# What the self-test has models for.
_OPERATORS = {"CONV_2D", "DEPTHWISE_CONV_2D", "EMBEDDING_LOOKUP", "FULLY_CONNECTED", "BATCH_MATMUL"}


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


def _weights_by_kind(path: Path) -> dict[_Kind, list[str]]:
    """Names of the quantized weights in all subgraphs of a TFLite file, by the kind of their operator."""
    found: dict[_Kind, list[str]] = {}
    with open_tflite(path) as model:
        for kind, name in _quantized(model):
            found.setdefault(kind, []).append(name)
    return found


def _quantized(model: Table) -> Iterator[tuple[_Kind, str]]:
    operators = [operator_name(code) for code in model.tables(1)]
    for graph in model.tables(2):
        tensors = list(graph.tables(0))
        for operator in graph.tables(3):
            name = operators[operator.number(0, "<I")]
            if name in _OPERATORS:
                activations, weights = (tensors[index] for index in operator.numbers(1, 2))
                types = tensor_dtype(activations), tensor_dtype(weights)
                if types[1] in {"i8", "i4"}:
                    yield _Kind(name, *types, _scales(weights)), weights.text(3)


def _scales(tensor: Table) -> str:
    """No scale here means one for each block, which this library knows no better than one a channel."""
    quantization = tensor.table(4)
    return "tensor" if quantization is not None and quantization.length(2) == 1 else "channel"
