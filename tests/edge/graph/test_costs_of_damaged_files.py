"""Counting what a damaged or hostile file costs ends soon, in figures or in an error of ours."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flatbuffers
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper

from edgeai.errors import ModelError
from edgeai.graph import read_graph
from edgeai.graph.costs import costs
from edgeai.showing import describe
from tests.command import call


def damaged(whole: bytes, count: int) -> Iterator[bytes]:
    """Cut off, with bits turned over, and with stretches of other content."""
    draw = random.Random(11)
    for _ in range(count):
        yield whole[: draw.randrange(100, len(whole))]
        flipped = bytearray(whole)
        for _ in range(draw.choice([1, 8, 64])):
            # Structure lies at both ends, weights between.
            place = draw.choice(
                [draw.randrange(4000), -1 - draw.randrange(40_000), draw.randrange(len(whole))]
            )
            flipped[place] ^= 1 << draw.randrange(8)
        yield bytes(flipped)
        start = draw.randrange(len(whole) - 1000)
        yield whole[:start] + draw.randbytes(draw.randrange(1, 1000)) + whole[start + 1000 :]


@pytest.mark.parametrize("model", ["face-onnx", "silero-vad", "face-tflite", "okay-nabu"])
def test_a_damaged_file_gives_figures_or_an_error_of_ours(
    model: str, public_model: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = public_model(model)
    file = tmp_path / f"damaged{whole.suffix}"
    said: list[str] = []
    for content in damaged(whole.read_bytes(), 40):
        file.write_bytes(content)
        try:
            found = costs(file)
        except ModelError as error:
            said.append(str(error))
            continue
        assert json.loads(json.dumps(found.to_json()))
        for key in ("multiply_accumulates", "activation_bytes", "peak_memory_bytes"):
            value = getattr(found, key)
            assert (value is None) == (key in found.unavailable)
            assert value is None or value >= 0
        assert describe(file).variants
    assert 0 < len(said) < 120
    assert not [line for line in said if "\n" in line]


def doubling_ifs() -> bytes:
    """An If in both branches of another, 12 levels of them."""
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [], [y])
    for _ in range(12):
        node = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)
        body = helper.make_graph([node], "g", [], [y])
    opsets = [helper.make_opsetid("", 17)]
    content: bytes = helper.make_model(body, opset_imports=opsets, ir_version=8).SerializeToString()
    return content


def deep_ifs() -> bytes:
    """A hundred thousand in each other, as no library writes it: graph, node, attribute, graph."""
    layers, size = [b""], 0
    for _ in range(100_000):
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            layers.append(tag + varint(size))
            size += len(layers[-1])
    return b"\x08\x08\x3a" + varint(size) + b"".join(reversed(layers))


def varint(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


@pytest.mark.parametrize(("content", "graphs"), [(doubling_ifs, 2**13 - 1), (deep_ifs, 100_001)])
def test_graphs_too_deep_or_too_many_are_not_counted_and_show_tells_the_rest(
    content: Callable[[], bytes], graphs: int, tmp_path: Path
) -> None:
    path = tmp_path / "nested.onnx"
    path.write_bytes(content())
    assert read_graph(path).graphs == graphs
    with pytest.raises(ModelError, match="over 1000 graphs, or more than 50 in each other"):
        costs(path)
    (variant,) = call("show", path, "--json").document["variants"]
    assert "over 1000 graphs" in variant["cost"]["unavailable"]["cost"]
    done = call("show", path, "-v")
    assert (done.code, done.err) == (0, "")
    assert "cost unknown: nested.onnx is damaged" in done.out


def test_graphs_that_call_each_other_ever_more_often_end(tmp_path: Path) -> None:
    """40 graphs, each with the next one in both branches: 2**40 where nobody counts along."""
    model = schema.ModelT()
    model.version, model.buffers, model.subgraphs = 3, [schema.BufferT()], []
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.IF
    model.operatorCodes = [code]
    for index in range(40):
        graph = schema.SubGraphT()
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = "c", [1], schema.TensorType.BOOL
        graph.tensors, graph.inputs, graph.outputs, graph.operators = [tensor], [0], [0], []
        if index < 39:
            call_next = schema.OperatorT()
            call_next.inputs, call_next.outputs = [0], [0]
            call_next.builtinOptionsType = schema.BuiltinOptions.IfOptions
            call_next.builtinOptions = schema.IfOptionsT()
            call_next.builtinOptions.thenSubgraphIndex = index + 1
            call_next.builtinOptions.elseSubgraphIndex = index + 1
            graph.operators = [call_next]
        model.subgraphs.append(graph)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "calls.tflite"
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(ModelError, match="call each other in a circle, or too often"):
        costs(path)
    assert read_graph(path).operators == {"IF": 39}


def test_sizes_larger_than_any_machine_are_told_not_printed(tmp_path: Path) -> None:
    def value(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1 << 62] * 60)

    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [value("x"), value("w")], [value("y")]
    )
    path = tmp_path / "huge.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    reason = "the shapes in the file are larger than any machine"
    assert costs(path).unavailable == {
        "multiply_accumulates": reason,
        "activation_bytes": reason,
        "peak_memory_bytes": "the activations are unknown",
    }
    assert call("show", path, "-v").code == 0


def test_a_long_graph_whose_values_all_live_to_the_end_is_counted(tmp_path: Path) -> None:
    """With a look at everything that lives at every node this would take an hour."""
    count = 20_000
    nodes = [helper.make_node("Concat", ["x"], [f"v{index}"], axis=0) for index in range(count)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info(f"v{index}", TensorProto.FLOAT, [2]) for index in range(count)],
    )
    path = tmp_path / "long.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    assert costs(path).activation_bytes == 8 * (count + 1)


def test_weights_larger_than_any_float_are_shown(tmp_path: Path) -> None:
    """Of weights in other files nothing says how large they really are."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 62] * 60)
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="w.bin")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    path = tmp_path / "w.onnx"
    path.write_bytes(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        ).SerializeToString()
    )
    assert (
        costs(path).unavailable["peak_memory_bytes"] == "the shapes in the file are larger than any machine"
    )
    assert call("show", path).code == 0
    assert call("show", path, "--json").code == 0
