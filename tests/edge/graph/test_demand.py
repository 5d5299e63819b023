"""What a run moves and in which numbers it computes, on graphs small enough to count by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeai.graph.demand import demand
from edgeai.graph.traffic import Traffic


def f32(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def saved(path: Path, nodes: list[onnx.NodeProto], ends: tuple[str, str], **values: object) -> Path:
    """values: shapes of tensors, or arrays of constants."""
    constants = [numpy_helper.from_array(v, k) for k, v in values.items() if isinstance(v, np.ndarray)]
    told = {k: f32(k, *v) for k, v in values.items() if isinstance(v, tuple)}
    first, last = ends
    inner = [info for name, info in told.items() if name not in ends]
    graph = helper.make_graph(nodes, "g", [told[first]], [told[last]], constants, value_info=inner)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_an_activation_behind_a_product_moves_nothing(tmp_path: Path) -> None:
    model = saved(
        tmp_path / "m.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Relu", ["y"], ["z"])],
        ("x", "z"),
        x=(1, 8),
        w=np.zeros((8, 16), np.float32),
        y=(1, 16),
        z=(1, 16),
    )
    found = demand(model)
    # 8 floats in, 128 of weights, 16 out; both figures agree, since nothing lies between.
    assert found.traffic == Traffic(least_bytes=(8 + 128 + 16) * 4, bytes=(8 + 128 + 16) * 4)
    assert found.macs == {"f32": 128}
    assert found.unavailable == {}


def test_what_lies_between_two_products_is_written_and_read(tmp_path: Path) -> None:
    model = saved(
        tmp_path / "m.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("MatMul", ["y", "v"], ["z"])],
        ("x", "z"),
        x=(1, 8),
        w=np.zeros((8, 16), np.float32),
        v=np.zeros((16, 4), np.float32),
        y=(1, 16),
        z=(1, 4),
    )
    least = (8 + 128 + 64 + 4) * 4
    assert demand(model).traffic == Traffic(least_bytes=least, bytes=least + 2 * 16 * 4)


def test_a_look_up_reads_its_rows_and_not_the_table(tmp_path: Path) -> None:
    table = numpy_helper.from_array(np.zeros((1000, 4), np.float32), "table")
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, (2,))
    node = helper.make_node("Gather", ["table", "ids"], ["rows"])
    graph = helper.make_graph([node], "g", [ids], [f32("rows", 2, 4)], [table])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "m.onnx")
    found = demand(tmp_path / "m.onnx")
    assert found.traffic == Traffic(least_bytes=2 * 8 + 32 + 32, bytes=2 * 8 + 32 + 32)
    assert found.costs.weight_bytes == 16000


def test_shapes_that_the_file_does_not_tell_are_told_as_missing(tmp_path: Path) -> None:
    model = saved(
        tmp_path / "m.onnx",
        [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("MatMul", ["y", "w"], ["z"])],
        ("x", "z"),
        x=(1, 8),
        w=np.zeros((8, 16), np.float32),
        z=(1, 16),
    )
    found = demand(model)
    assert (found.macs, found.traffic) == (None, None)
    assert found.unavailable["traffic"] == "the shape of y is not in the file"
