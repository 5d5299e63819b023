"""The arithmetic of TFLite's operators against counts by hand; shapes are those of its documentation."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeai.graph.costs import costs

Shape = list[int]

# Gates of an LSTM with 4 inputs and 6 units: four matrices each for inputs and state, no peepholes, biases.
GATES: list[Shape | None] = [
    *([[6, 4]] * 4), *([[6, 6]] * 4), *([None] * 3), *([[6]] * 4), None, None,
]  # fmt: skip
STATES: list[Shape | None] = [[2, 6], [2, 6]]


def one_operator(
    path: Path, operator: str, inputs: list[Shape | None], output: Shape, transposed: bool = False
) -> Path:
    """A TFLite file of one operator on f32 tensors of these shapes; None for an input that is left out."""
    graph, made, code = schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    graph.tensors = []
    for shape in (*(shape for shape in inputs if shape is not None), output):
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"t{len(graph.tensors)}", shape
        graph.tensors.append(tensor)
    places = iter(range(len(graph.tensors) - 1))
    made.inputs = [-1 if shape is None else next(places) for shape in inputs]
    made.outputs = [len(graph.tensors) - 1]
    if operator == "BATCH_MATMUL":
        made.builtinOptionsType = schema.BuiltinOptions.BatchMatMulOptions
        made.builtinOptions = schema.BatchMatMulOptionsT()
        made.builtinOptions.adjX = transposed
    graph.inputs, graph.outputs, graph.operators = [*range(len(graph.tensors) - 1)], made.outputs, [made]
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


@pytest.mark.parametrize(
    ("operator", "inputs", "output", "count"),
    [
        ("CONV_2D", [[1, 10, 10, 3], [16, 3, 3, 3], [16]], [1, 8, 8, 16], 64 * 16 * 27),
        ("DEPTHWISE_CONV_2D", [[1, 6, 6, 8], [1, 3, 3, 8], [8]], [1, 4, 4, 8], 16 * 8 * 9),
        ("DEPTHWISE_CONV_2D", [[1, 6, 6, 4], [1, 3, 3, 8], [8]], [1, 4, 4, 8], 16 * 8 * 9),
        ("TRANSPOSE_CONV", [[4], [6, 3, 3, 4], [1, 5, 5, 4]], [1, 7, 7, 6], 25 * 4 * 54),
        ("CONV_3D", [[1, 4, 4, 4, 3], [2, 2, 2, 3, 5]], [1, 3, 3, 3, 5], 27 * 5 * 24),
        ("FULLY_CONNECTED", [[2, 3, 30], [7, 30], [7]], [2, 3, 7], 6 * 7 * 30),
        ("BATCH_MATMUL", [[4, 5, 32], [4, 32, 9]], [4, 5, 9], 4 * 5 * 32 * 9),
        ("SVDF", [[2, 40], [16, 40], [16, 8], [8], [2, 128]], [2, 8], 2 * (16 * 40 + 16 * 8)),
        ("RNN", [[2, 4], [6, 4], [6, 6], [6], [2, 6]], [2, 6], 2 * (24 + 36)),
        ("UNIDIRECTIONAL_SEQUENCE_RNN", [[2, 10, 4], [6, 4], [6, 6], [6], [2, 6]], [2, 10, 6], 20 * 60),
        (
            "BIDIRECTIONAL_SEQUENCE_RNN",
            [[2, 10, 4], *([[6, 4], [6, 6], [6], [2, 6]] * 2)],
            [2, 10, 12],
            20 * 120,
        ),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", [[2, 10, 4], *GATES, *STATES], [2, 10, 6], 20 * 4 * 60),
        ("LSTM", [[2, 4], *GATES, *STATES], [2, 6], 2 * 4 * 60),
        (
            "BIDIRECTIONAL_SEQUENCE_LSTM",
            [[2, 10, 4], *GATES, *GATES, *STATES, *STATES],
            [2, 10, 12],
            20 * 480,
        ),
        ("ADD", [[2, 5], [2, 5]], [2, 5], 0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_multiply_accumulates_are_those_counted_by_hand(
    operator: str, inputs: list[Shape | None], output: Shape, count: int, tmp_path: Path
) -> None:
    found = costs(one_operator(tmp_path / "a.tflite", operator, inputs, output))
    assert found.multiply_accumulates == count
    assert found.unavailable == {}


def test_a_transposed_left_side_is_read_from_the_options(tmp_path: Path) -> None:
    path = one_operator(tmp_path / "a.tflite", "BATCH_MATMUL", [[4, 32, 5], [4, 32, 9]], [4, 5, 9], True)
    assert costs(path).multiply_accumulates == 4 * 5 * 32 * 9
