"""onnx's own node tests through the writer and LiteRT; `python -m` prints OPERATORS.md."""

from __future__ import annotations

import sys
import tempfile
import textwrap
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from edgeai.errors import ExportError
from edgeai_exporters.tflite import write_tflite
from edgeai_exporters.tflite.table import LOWERINGS
from tests.exporters.tflite.running import Array, LiteRT

# Inputs that are weights or settings in real models are given as constants: TFLite files have them inside.
_REDUCTIONS = ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
CONSTANTS: dict[str, tuple[int, ...]] = {
    **{f"Reduce{kind}": (1,) for kind in _REDUCTIONS},
    **dict.fromkeys(
        ["Conv", "ConvTranspose", "ScatterElements", "ScatterND", "AffineGrid", "CastLike"], (1,)
    ),
    **dict.fromkeys(["Reshape", "Expand", "Tile", "Squeeze", "Unsqueeze", "Split", "CenterCropPad"], (1,)),
    **dict.fromkeys(["TopK", "OneHot", "CumSum", "Trilu", "AffineGrid"], (1,)),
    **dict.fromkeys(["ConstantOfShape", "BlackmanWindow", "HannWindow", "HammingWindow"], (0,)),
    **dict.fromkeys(["Dropout", "Clip", "DFT", "Col2Im"], (1, 2)),
    **dict.fromkeys(["Pad", "Resize", "Upsample"], (1, 2, 3)),
    **dict.fromkeys(["GRU", "RNN"], (1, 2, 3, 4)),
    "LSTM": (1, 2, 3, 4, 7),
    "Range": (0, 1, 2),
    "STFT": (1, 3),
    "Slice": (1, 2, 3, 4),
}
# onnx's own relative tolerance, and these absolute ones: LiteRT's exp and log are approximations, and onnx's
# reference rounds to float16 at every step where LiteRT computes in float32.
TOLERANCE = {"float32": 1e-5, "float16": 1e-3}
WIDTH = 110


@dataclass(frozen=True)
class Result:
    """status: passes, refused (as UnsupportedOperator or ExportError say it), or wrong."""

    name: str
    operator: str
    status: str
    why: str = ""


def results() -> list[Result]:
    """Of all node cases of the installed onnx."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # of onnx's reference, which makes the expected outputs
        return [_result(case, Path(folder, "case.tflite")) for case in collect_testcases(None)]


def _result(case: Any, path: Path) -> Result:
    nodes = case.model.graph.node
    operator = nodes[0].op_type if len(nodes) == 1 else ""
    for inputs, outputs in case.data_sets:
        why = _difference(case, path, inputs, outputs)
        if why:
            return Result(case.name, operator, *why)
    return Result(case.name, operator, "passes")


def _difference(
    case: Any, path: Path, inputs: Sequence[Any], outputs: Sequence[Any]
) -> tuple[str, str] | None:
    graph = case.model.graph
    feeds = {value.name: _array(data) for value, data in zip(graph.input, inputs, strict=False)}
    given = {name: array for name, array in feeds.items() if isinstance(array, np.ndarray)}
    fixed = {name: given[name] for name in _constants(graph) if name in given}
    shapes = {name: array.shape for name, array in given.items() if name not in fixed}
    try:
        write_tflite(case.model, path, shapes=shapes, constants=fixed)
    except ExportError as error:
        return "refused", str(error)
    got = LiteRT(path).run({name: given[name] for name in shapes})
    for value, data in zip(graph.output, outputs, strict=True):
        want = _array(data)
        assert isinstance(want, np.ndarray)
        if got[value.name].dtype != want.dtype or not _is_close(got[value.name], want, case.rtol):
            return "wrong", f"{value.name}: {got[value.name]} instead of {want}"
    return None


def _array(data: Any) -> Array | None:
    """None for what is no tensor."""
    if isinstance(data, onnx.TensorProto):
        return np.asarray(numpy_helper.to_array(data))
    return np.asarray(data) if isinstance(data, np.ndarray) or np.isscalar(data) else None


def _constants(graph: onnx.GraphProto) -> set[str]:
    return {
        name
        for node in graph.node
        for index, name in enumerate(node.input)
        if index in CONSTANTS.get(node.op_type, ())
    }


def _is_close(got: Array, want: Array, rtol: float) -> bool:
    atol = TOLERANCE.get(want.dtype.name, 0.0)
    return got.shape == want.shape and np.allclose(got, want, rtol, atol, equal_nan=True)


def document(found: Iterable[Result]) -> str:
    """OPERATORS.md."""
    found = list(found)
    total = Counter(result.status for result in found)
    by_operator: dict[str, Counter[str]] = defaultdict(Counter)
    for result in found:
        by_operator[result.operator][result.status] += 1
    several = by_operator.pop("", Counter())
    written = sorted({*LOWERINGS, "If", "Loop", "Scan", "Constant", "Shape", "Size"})
    others = sorted(set(by_operator).difference(written))
    through = [name for name in others if by_operator[name]["passes"]]
    refused = [name for name in others if not by_operator[name]["passes"]]
    passed, refusals = f"{total['passes']:,}", f"{total['refused']:,}"
    told = (
        f"Of the {len(found):,} node tests of onnx {onnx.__version__}, {passed} give the expected outputs "
        f"under LiteRT and {refusals} are refused with an error that names the node; none gives anything "
        "else. Weights, shapes, axes and the like are constants there, as in real models. What is float64 "
        "is computed in float32."
    )
    beside = (
        "Beside each operator: how many of its tests pass, of how many (nothing where onnx has none). Of the "
        f"tests with several nodes, {several['passes']} of {sum(several.values())} pass."
    )
    lines = [
        "# Operators that can be written as TFLite",
        "",
        "Printed by `python -m tests.exporters.tflite.node_cases`; a test keeps it true.",
        "",
        textwrap.fill(told, WIDTH),
        "",
        textwrap.fill(beside, WIDTH),
        "",
        "## Written",
        "",
        _listed(written, by_operator),
        "",
        "## Written as the operators that ONNX defines them by, or computed beforehand from constants",
        "",
        _listed(through, by_operator),
        "",
        "## Refused",
        "",
        _listed(refused, by_operator),
    ]
    return "\n".join(lines) + "\n"


def _listed(names: Iterable[str], counts: dict[str, Counter[str]]) -> str:
    words = []
    for name in names:
        count = counts.get(name, Counter())
        words.append(f"{name} {count['passes']}/{sum(count.values())}" if count else name)
    return textwrap.fill(", ".join(words), WIDTH, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(document(results()))
