"""What an ONNX file holds, as the onnx library tells it."""

from __future__ import annotations

import math
import os
import random
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import edgeai
from edgeai.bundle import ANY, TensorSpec
from edgeai.errors import ModelError, ModelNotFound
from edgeai.graph import UNKNOWN_RANK, GraphSummary, Weights, protobuf, read_graph
from edgeai.graph.onnx_file import read_onnx
from tests import tiny_models

PUBLIC = ("silero-vad", "ppocr-det", "ppocr-rec", "ppocr-cls", "magika", "basic-pitch-onnx", "face-onnx")


# --- The same facts, by the onnx library ------------------------------------------------------------------


def graphs_of(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        yield from graphs_of_node(node)


def graphs_of_node(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            yield from graphs_of(graph)


def tensors_of(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        for attribute in node.attribute:
            yield from (*attribute.tensors, *([attribute.t] if attribute.HasField("t") else []))


def short(code: int) -> str:
    if code == TensorProto.STRING:
        return "str"
    name = np.dtype(helper.tensor_dtype_to_np_dtype(code)).name
    if name == "bool":
        return name
    return name.replace("uint", "u").replace("int", "i").replace("float", "f").replace("complex", "c")


def by_library(path: Path) -> GraphSummary:
    model = onnx.load(path, load_external_data=False)
    graphs = [*graphs_of(model.graph)]
    bodies = [graph.node for graph in graphs]
    for function in model.functions:
        bodies.append(function.node)
        for node in function.node:
            inner = [*graphs_of_node(node)]
            graphs += inner
            bodies += [graph.node for graph in inner]
    weights: dict[str, Weights] = {}
    tensors = [tensor for graph in graphs for tensor in graph.initializer]
    for graph in graphs:
        for sparse in graph.sparse_initializer:
            tensors += [sparse.values, sparse.indices]
    for nodes in bodies:
        tensors += tensors_of(nodes)
    for tensor in tensors:
        dtype = short(tensor.data_type)
        count = math.prod(tensor.dims)
        size = sum(map(len, tensor.string_data)) if dtype == "str" else numpy_helper.to_array(tensor).nbytes
        weights[dtype] = weights.get(dtype, Weights()) + Weights(1, count, size)
    operators = Counter(f"{node.domain}.{node.op_type}".lstrip(".") for nodes in bodies for node in nodes)
    constants = {tensor.name for tensor in model.graph.initializer}
    return GraphSummary(
        format="onnx",
        version=model.ir_version,
        opsets={opset.domain or "ai.onnx": opset.version for opset in model.opset_import},
        producer=f"{model.producer_name} {model.producer_version}".strip() or None,
        operators=operators,
        weights=weights,
        inputs=tuple(spec_of(value) for value in model.graph.input if value.name not in constants),
        outputs=tuple(map(spec_of, model.graph.output)),
        graphs=len(graphs) + len(model.functions),
        metadata={entry.key: len(entry.value.encode()) for entry in model.metadata_props},
    )


def spec_of(value: Any) -> TensorSpec:
    kind = value.type.tensor_type
    shape = tuple(
        size.dim_value if size.HasField("dim_value") and size.dim_value >= 0 else size.dim_param or ANY
        for size in kind.shape.dim
    )
    return TensorSpec(value.name, short(kind.elem_type), shape if kind.HasField("shape") else UNKNOWN_RANK)


def save(path: Path, graph: Any, **more: Any) -> Path:
    more.setdefault("opset_imports", [helper.make_opsetid("", 17)])
    onnx.save(helper.make_model(graph, ir_version=8, **more), path)
    return path


def value(name: str = "x", shape: Any = (1,), kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def constant(values: Any, name: str = "w") -> Any:
    return numpy_helper.from_array(np.asarray(values), name)


# --- Real models -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model_id", PUBLIC)
def test_a_public_model_holds_what_the_library_says(
    public_model: Callable[[str], Path], model_id: str
) -> None:
    path = public_model(model_id)
    assert read_onnx(path) == by_library(path)
    assert read_graph(str(path)) == read_onnx(path)


@pytest.mark.parametrize("model_id", PUBLIC)
def test_inputs_and_outputs_are_those_of_a_session(
    public_model: Callable[[str], Path], model_id: str
) -> None:
    path = public_model(model_id)
    found = read_onnx(path)
    with edgeai.load(path, threads=1) as session:
        assert (found.inputs, found.outputs) == (session.inputs, session.outputs)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint8", "int32", "int64"])
@pytest.mark.parametrize("shape", [("N", 4), (), (None, 3)])
def test_a_tiny_model_holds_what_the_library_says(tmp_path: Path, dtype: str, shape: tuple[Any, ...]) -> None:
    path = tiny_models.linear_onnx(tmp_path / "linear.onnx", shape, dtype)
    assert read_onnx(path) == by_library(path)


def test_operators_come_most_frequent_first(public_model: Callable[[str], Path]) -> None:
    counts = list(read_onnx(public_model("ppocr-rec")).operators.values())
    assert counts == sorted(counts, reverse=True)


# --- What models may hold ----------------------------------------------------------------------------------


def test_bodies_of_control_flow_are_counted_at_any_depth(tmp_path: Path) -> None:
    nodes = [helper.make_node("Neg", ["x"], ["y0"])]
    for depth in range(1, 5):
        body = helper.make_graph(nodes, f"body{depth}", [], [value(f"y{depth - 1}")], [constant([1.5])])
        nodes = [helper.make_node("If", ["c"], [f"y{depth}"], then_branch=body, else_branch=body)]
    loop = helper.make_node(
        "Loop", ["n", "c"], ["y"], body=helper.make_graph(nodes, "loop", [], [value("y4")])
    )
    path = save(tmp_path / "deep.onnx", helper.make_graph([loop], "main", [value()], [value("y")]))
    found = read_onnx(path)
    assert found == by_library(path)
    assert found.operators == {"Neg": 16, "If": 15, "Loop": 1}
    assert found.weights == {"f64": Weights(30, 30, 240)}
    assert found.graphs == 32


def test_functions_of_the_model_are_counted(tmp_path: Path) -> None:
    opset = helper.make_opsetid("", 17)
    nodes = [
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Constant", [], ["c"], value=constant([1])),
    ]
    function = helper.make_function("acme", "Twice", ["a"], ["b"], nodes, [opset])
    graph = helper.make_graph(
        [helper.make_node("Twice", ["x"], ["y"], domain="acme")], "g", [value()], [value("y")]
    )
    path = save(
        tmp_path / "function.onnx",
        graph,
        functions=[function],
        opset_imports=[opset, helper.make_opsetid("acme", 3)],
    )
    found = read_onnx(path)
    assert found == by_library(path)
    assert found.operators == {"acme.Twice": 1, "Relu": 1, "Constant": 1}
    assert found.opsets == {"ai.onnx": 17, "acme": 3}


def test_initializers_that_are_listed_as_inputs_are_none(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "g",
        [value(), value("w")],
        [value("y")],
        [constant(np.ones(1, np.float32))],
    )
    path = save(tmp_path / "old.onnx", graph)
    assert [spec.name for spec in read_onnx(path).inputs] == ["x"]


def test_every_kind_of_element_is_counted_in_its_size(tmp_path: Path) -> None:
    kinds = {
        "f32": (TensorProto.FLOAT, 12), "f64": (TensorProto.DOUBLE, 24), "f16": (TensorProto.FLOAT16, 6),
        "bf16": (TensorProto.BFLOAT16, 6), "i4": (TensorProto.INT4, 2), "u4": (TensorProto.UINT4, 2),
        "i8": (TensorProto.INT8, 3), "bool": (TensorProto.BOOL, 3), "c64": (TensorProto.COMPLEX64, 24),
        "f8e4m3fn": (TensorProto.FLOAT8E4M3FN, 3), "f4e2m1": (23, 2),
    }  # fmt: skip
    tensors = [
        TensorProto(name=name, data_type=code, dims=[3], raw_data=bytes(size))
        for name, (code, size) in kinds.items()
    ]
    unpacked = helper.make_tensor("unpacked", TensorProto.FLOAT, [2, 2], [1.0, 2.0, 3.0, 4.0])
    texts = helper.make_tensor("texts", TensorProto.STRING, [2], [b"ab", b"cde"])
    graph = helper.make_graph([], "g", [], [], [*tensors, unpacked, texts])
    found = read_onnx(save(tmp_path / "kinds.onnx", graph))
    wanted = {name: Weights(1, 3, size) for name, (_, size) in kinds.items()}
    wanted["f32"] += Weights(1, 4, 16)
    assert found.weights == {**wanted, "str": Weights(1, 2, 5)}
    assert found.weight_bytes == sum(weights.size_bytes for weights in found.weights.values())


def test_an_unknown_kind_of_element_is_named_by_its_number(tmp_path: Path) -> None:
    tensor = TensorProto(name="w", data_type=99, dims=[3], raw_data=b"1234")
    graph = helper.make_graph([], "g", [], [], [tensor])
    assert read_onnx(save(tmp_path / "new.onnx", graph)).weights == {"type 99": Weights(1, 3, 4)}


def test_sparse_weights_are_counted_as_they_are_stored(tmp_path: Path) -> None:
    sparse = helper.make_sparse_tensor(
        constant(np.ones(3, np.float32)), constant(np.array([1, 5, 7]), "w_indexes"), [100]
    )
    graph = helper.make_graph([], "g", [value("w"), value()], [], sparse_initializer=[sparse])
    path = save(tmp_path / "sparse.onnx", graph)
    found = read_onnx(path)
    assert found.weights == {"i64": Weights(1, 3, 24), "f32": Weights(1, 3, 12)}
    assert [spec.name for spec in found.inputs] == ["x"]


def test_weights_in_other_files_are_counted_and_the_files_named(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [], "g", [], [], [constant(np.zeros((50, 50), np.float32), name) for name in ("a", "b")]
    )
    model = helper.make_model(graph, ir_version=8)
    onnx.save(
        model, tmp_path / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    found = read_onnx(tmp_path / "m.onnx")
    assert found.external_files == ("weights.bin",)
    assert found.weights == {"f32": Weights(2, 5000, 20_000)}


def test_a_model_without_names_is_read(tmp_path: Path) -> None:
    model = onnx.ModelProto(ir_version=8)
    model.graph.node.add()
    model.graph.input.add()
    model.graph.initializer.add(data_type=TensorProto.FLOAT)
    onnx.save(model, tmp_path / "bare.onnx")
    found = read_onnx(tmp_path / "bare.onnx")
    assert found.operators == {"": 1}
    assert found.weights == {"f32": Weights(1, 1, 4)}
    assert (found.producer, found.opsets, found.metadata) == (None, {}, {})
    assert found.inputs == ()  # an initializer without a name hides an input without one


def test_shapes_are_fixed_named_free_or_unknown(tmp_path: Path) -> None:
    inputs = [value("a", (2, "N", None)), value("b", ()), value("c", None), value("d", (-1, 0))]
    path = save(tmp_path / "shapes.onnx", helper.make_graph([], "g", inputs, []))
    shapes = [spec.shape for spec in read_onnx(path).inputs]
    assert shapes == [(2, "N", ANY), (), UNKNOWN_RANK, (ANY, 0)]


def test_what_is_no_tensor_says_what_it_is(tmp_path: Path) -> None:
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
    kinds = {
        "sequence": helper.make_sequence_type_proto(tensor),
        "map": helper.make_map_type_proto(TensorProto.INT64, tensor),
        "optional": helper.make_optional_type_proto(tensor),
        "sparse": helper.make_sparse_tensor_type_proto(TensorProto.FLOAT, [1]),
    }
    outputs = [helper.make_value_info(name, kind) for name, kind in kinds.items()]
    path = save(tmp_path / "kinds.onnx", helper.make_graph([], "g", [], outputs))
    assert read_onnx(path).outputs == tuple(TensorSpec(name, name, UNKNOWN_RANK) for name in kinds)


def test_metadata_is_told_by_key_and_size(tmp_path: Path) -> None:
    model = helper.make_model(helper.make_graph([], "g", [], []), ir_version=8)
    helper.set_model_props(model, {"names": "chien, chat, été", "empty": ""})
    onnx.save(model, tmp_path / "m.onnx")
    assert read_onnx(tmp_path / "m.onnx").metadata == {"names": len("chien, chat, été".encode()), "empty": 0}


def test_a_tree_of_many_numbers_is_stepped_over(tmp_path: Path) -> None:
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", nodes_values=[0.5] * 10**6
    )
    path = save(tmp_path / "trees.onnx", helper.make_graph([node], "g", [value()], [value("y")]))
    assert read_onnx(path).operators == {"ai.onnx.ml.TreeEnsembleRegressor": 1}


def test_a_gigabyte_of_weights_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    # Field by field, because the library would make the gigabyte: model, graph, initializer, raw_data.
    size = 1 << 30
    tensor = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[size]).SerializeToString()
    tensor += b"\x4a" + varint(size)
    graph = b"\x2a" + varint(len(tensor) + size) + tensor
    head = b"\x08\x08\x3a" + varint(len(graph) + size) + graph
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    before = resource.getrusage(resource.RUSAGE_SELF)
    assert read_onnx(path).weights == {"u8": Weights(1, size, size)}
    after = resource.getrusage(resource.RUSAGE_SELF)
    # A page is 64 KiB at most, so that reading the file would fault 16,384 times at least.
    assert after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt < 2000


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


# --- Damaged files -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny_models.linear_onnx(tmp_path_factory.mktemp("whole") / "linear.onnx").read_bytes()


def refusal(path: Path) -> str:
    """What the error says; empty where the file is read."""
    try:
        read_onnx(path)
    except ModelError as error:
        return str(error)
    return ""


def assert_read_or_refused(path: Path) -> None:
    said = refusal(path)
    assert not said or (said.startswith(str(path)) and said.isprintable() and len(said) < 700)


def test_a_file_cut_short_anywhere_is_an_error(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "cut.onnx"
    # Behind the graph comes the opset, without which the rest is a model of its own.
    end_of_graph = whole.rindex(b"B\x04\n\x00\x10\x0d")
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert bool(refusal(path)) == (length != end_of_graph), length


def test_any_byte_may_be_changed(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "changed.onnx"
    path.write_bytes(whole)
    with path.open("r+b", buffering=0) as file:
        for position in range(1, len(whole)):
            for flip in (0x01, 0x08, 0x80, 0xFF):
                os.pwrite(file.fileno(), bytes([whole[position] ^ flip]), position)
                assert_read_or_refused(path)
            os.pwrite(file.fileno(), whole[position : position + 1], position)
    assert refusal(path) == ""


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_noise_is_an_error_or_a_model(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.onnx"
    path.write_bytes(b"\x08\x08\x3a" + noise)
    assert_read_or_refused(path)


@pytest.mark.parametrize("model_id", ["silero-vad", "basic-pitch-onnx"])
def test_bits_flipped_in_a_real_model_are_borne(
    public_model: Callable[[str], Path], model_id: str, tmp_path: Path
) -> None:
    chance, good = random.Random(model_id), public_model(model_id).read_bytes()
    path = tmp_path / "flipped.onnx"
    for _ in range(40):
        bad = bytearray(good)
        for _ in range(chance.choice([1, 16, 1000])):
            bad[chance.randrange(1, len(bad))] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        assert_read_or_refused(path)


def test_bodies_nested_a_hundred_thousand_deep_are_read(tmp_path: Path) -> None:
    # Bottom up: graph { node { attribute { g: graph } } }, each wrapped in its length.
    layers = [b""]
    size = 0
    for _ in range(100_000):
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            head = tag + varint(size)
            layers.append(head)
            size += len(head)
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x08\x08\x3a" + varint(size) + b"".join(reversed(layers)))
    assert read_onnx(path).graphs == 100_001


def test_a_file_of_endless_fields_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MOST_FIELDS", 1000)
    path = tmp_path / "fields.onnx"
    path.write_bytes(b"\x08\x08" * 2000)
    with pytest.raises(ModelError, match="it has more than 1,000 fields"):
        read_onnx(path)


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (TensorProto(name="w", data_type=1, dims=[3], raw_data=bytes(11)), "'w' has 11 bytes instead of 12"),
        (TensorProto(name="w", data_type=1, dims=[-3]), "tensor 'w' has no possible shape"),
        (TensorProto(name="w", data_type=1, dims=[1] * 65), "tensor 'w' has no possible shape"),
        (TensorProto(name="n" * 70_000), "has 70,000 bytes"),
    ],
)
def test_a_tensor_that_cannot_be_is_an_error(tmp_path: Path, tensor: Any, said: str) -> None:
    path = save(tmp_path / "bad.onnx", helper.make_graph([], "g", [], [], [tensor]))
    with pytest.raises(ModelError, match=said):
        read_onnx(path)


def test_a_model_without_a_graph_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "none.onnx"
    path.write_bytes(b"\x08\x08")
    with pytest.raises(ModelError, match=r"is damaged or no ONNX file \(it has 0 main graphs\)"):
        read_onnx(path)


def test_what_is_no_onnx_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(ModelError, match="no bundle, ONNX or TFLite"):
        read_onnx(tmp_path / "text.onnx")
    with pytest.raises(ModelNotFound):
        read_onnx(tmp_path / "absent.onnx")
    (tmp_path / "model.tflite").write_bytes(b"\0\0\0\0TFL3")
    with pytest.raises(ModelError, match="is TFLite; read it with read_tflite"):
        read_onnx(tmp_path / "model.tflite")
