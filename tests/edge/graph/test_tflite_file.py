"""What a TFLite file holds, as the schema's own generated code tells it."""

from __future__ import annotations

import math
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeai
from edgeai.bundle import ANY, Quantization, TensorSpec
from edgeai.errors import ModelError, ModelNotFound
from edgeai.graph import GraphSummary, Weights, read_graph
from edgeai.graph.tflite_file import read_tflite
from edgeai.graph.tflite_operators import BUILTIN_OPERATORS
from tests import tiny_models

pytest.importorskip("ai_edge_litert", reason="writing and comparing TFLite models needs edgeai[tflite]")

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

PUBLIC = ("basic-pitch-tflite", "face-tflite", "okay-nabu")
SELFTEST = sorted((Path(edgeai.__file__).parent / "backends" / "selftest").glob("*.tflite"))

SHORT = {
    "FLOAT32": "f32", "FLOAT16": "f16", "FLOAT64": "f64", "BFLOAT16": "bf16", "BOOL": "bool", "STRING": "str",
    "INT4": "i4", "INT8": "i8", "INT16": "i16", "INT32": "i32", "INT64": "i64",
    "UINT8": "u8", "UINT16": "u16", "UINT32": "u32", "UINT64": "u64",
}  # fmt: skip
BYTES = {"f32": 4, "f16": 2, "f64": 8, "i8": 1, "u8": 1, "i32": 4, "i64": 8, "bool": 1}


# --- The same facts, by the generated code -----------------------------------------------------------------


def names(enum: Any) -> dict[int, str]:
    return {number: name for name, number in vars(enum).items() if not name.startswith("_")}


def by_library(path: Path) -> GraphSummary:
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    operators = names(schema.BuiltinOperator)
    codes = [
        code.customCode.decode()
        if code.customCode
        else operators[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for code in model.operatorCodes or []
    ]
    sizes = [0 if buffer.data is None else len(buffer.data) for buffer in model.buffers]
    weights: dict[str, Weights] = {}
    for index, tensor in {
        t.buffer: t for g in reversed(model.subgraphs) for t in reversed(g.tensors)
    }.items():
        if sizes[index]:
            dtype = dtype_of(tensor)
            count = math.prod([] if tensor.shape is None else tensor.shape)
            weights[dtype] = weights.get(dtype, Weights()) + Weights(1, int(count), sizes[index])
    signatures = model.signatureDefs or []
    graph = model.subgraphs[signatures[0].subgraphIndex if signatures else 0]
    return GraphSummary(
        format="tflite",
        version=model.version,
        producer=(model.description or b"").decode() or None,
        operators=Counter(codes[op.opcodeIndex] for g in model.subgraphs for op in g.operators or []),
        weights=weights,
        inputs=specs(graph, graph.inputs, signatures[0].inputs if signatures else []),
        outputs=specs(graph, graph.outputs, signatures[0].outputs if signatures else []),
        graphs=len(model.subgraphs),
        signatures=tuple(signature.signatureKey.decode() for signature in signatures),
        metadata={entry.name.decode(): sizes[entry.buffer] for entry in model.metadata or []},
    )


def dtype_of(tensor: Any) -> str:
    return SHORT[names(schema.TensorType)[tensor.type]]


def specs(graph: Any, indexes: Any, maps: Any) -> tuple[TensorSpec, ...]:
    called = {entry.tensorIndex: entry.name.decode() for entry in maps}
    return tuple(
        spec(graph.tensors[index], called.get(index)) for index in ([] if indexes is None else indexes)
    )


def spec(tensor: Any, name: str | None) -> TensorSpec:
    sizes = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    shape = tuple(ANY if size < 0 else int(size) for size in ([] if sizes is None else sizes))
    said = tensor.quantization
    is_scaled = said is not None and said.scale is not None and len(said.scale) == 1
    quantization = None
    if is_scaled and dtype_of(tensor) in {"i8", "u8", "i16"}:
        quantization = Quantization(float(said.scale[0]), int(said.zeroPoint[0]))
    return TensorSpec(name or tensor.name.decode(), dtype_of(tensor), shape, quantization)


def save(path: Path, model: Any) -> Path:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def small_model(**tensor: Any) -> Any:
    """A model of one graph with one tensor, whose fields are the keywords."""
    model, graph, one = schema.ModelT(), schema.SubGraphT(), schema.TensorT()
    model.version, model.buffers, model.subgraphs = 3, [schema.BufferT(), schema.BufferT()], [graph]
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [one], [0], [0], []
    one.name, one.buffer = "t", 1
    for name, value in tensor.items():
        setattr(one, name, value)
    return model


# --- Real models -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model_id", PUBLIC)
def test_a_public_model_holds_what_the_schema_says(
    public_model: Callable[[str], Path], model_id: str
) -> None:
    path = public_model(model_id)
    assert read_tflite(path) == by_library(path)
    assert read_graph(str(path)) == read_tflite(path)


@pytest.mark.parametrize("model_id", PUBLIC)
def test_inputs_and_outputs_are_those_of_a_session(
    public_model: Callable[[str], Path], model_id: str
) -> None:
    path = public_model(model_id)
    found = read_tflite(path)
    with edgeai.load(path, threads=1) as session:
        assert (found.inputs, found.outputs) == (session.raw_inputs, session.raw_outputs)


@pytest.mark.parametrize("path", SELFTEST, ids=[path.stem for path in SELFTEST])
def test_quantized_weights_are_counted(path: Path) -> None:
    found = read_tflite(path)
    assert found == by_library(path)
    assert {"i8", "i4"} & set(found.weights)


@pytest.mark.parametrize("signatures", [("serving_default",), ("first", "second"), ("", "")])
def test_a_tiny_model_holds_what_the_schema_says(tmp_path: Path, signatures: tuple[str, ...]) -> None:
    path = tiny_models.linear_tflite(tmp_path / "linear.tflite", signatures)
    found = read_tflite(path)
    assert found == by_library(path)
    assert found.graphs == len(signatures)
    assert found.signatures == tuple(filter(None, signatures))
    assert found.operators == {"MUL": len(signatures), "ADD": len(signatures)}
    assert found.inputs == (TensorSpec("x", "f32", (ANY, 4)),)


def test_operators_come_most_frequent_first(public_model: Callable[[str], Path]) -> None:
    counts = list(read_tflite(public_model("face-tflite")).operators.values())
    assert counts == sorted(counts, reverse=True)


# --- What models may hold ----------------------------------------------------------------------------------


def test_the_names_of_operators_are_the_schemas() -> None:
    known = names(schema.BuiltinOperator)
    assert dict(enumerate(BUILTIN_OPERATORS)) == {
        number: known[number] for number in range(len(BUILTIN_OPERATORS))
    }


def test_every_type_of_the_schema_has_a_name(tmp_path: Path) -> None:
    for number, name in names(schema.TensorType).items():
        path = save(tmp_path / "type.tflite", small_model(type=number, shape=[2]))
        short = read_tflite(path).inputs[0].dtype
        assert short == SHORT.get(name, short)
        assert not short.startswith("type ")


def test_a_type_or_an_operator_that_is_newer_is_named_by_its_number(tmp_path: Path) -> None:
    model, code = small_model(type=99, shape=[2]), schema.OperatorCodeT()
    code.builtinCode = 999
    model.operatorCodes = [code]
    model.subgraphs[0].operators = [schema.OperatorT()]
    model.buffers[1].data = np.zeros(6, np.uint8)
    found = read_tflite(save(tmp_path / "new.tflite", model))
    assert found.operators == {"BUILTIN_999": 1}
    assert found.weights == {"type 99": Weights(1, 2, 6)}


def test_a_custom_operator_goes_by_its_own_name(tmp_path: Path) -> None:
    model, code = small_model(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "TFLite_Detection_PostProcess"
    model.operatorCodes, model.subgraphs[0].operators = [code], [schema.OperatorT()]
    assert read_tflite(save(tmp_path / "m.tflite", model)).operators == {"TFLite_Detection_PostProcess": 1}


def test_old_files_number_their_operators_in_the_first_field(tmp_path: Path) -> None:
    model, code = small_model(), schema.OperatorCodeT()
    code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    model.operatorCodes, model.subgraphs[0].operators = [code], [schema.OperatorT()]
    assert read_tflite(save(tmp_path / "m.tflite", model)).operators == {"CONV_2D": 1}


def test_a_buffer_that_two_tensors_share_counts_once(tmp_path: Path) -> None:
    model = small_model(shape=[2, 3])
    model.buffers[1].data = np.zeros(24, np.uint8)
    model.subgraphs[0].tensors *= 2
    assert read_tflite(save(tmp_path / "m.tflite", model)).weights == {"f32": Weights(1, 6, 24)}


@pytest.mark.parametrize(("shape", "size", "elements"), [([3], 2, 3), ([4], 2, 4), ([100], 2, 4), ([], 1, 1)])
def test_elements_of_4_bits_share_bytes(tmp_path: Path, shape: list[int], size: int, elements: int) -> None:
    model = small_model(type=schema.TensorType.INT4, shape=shape)
    model.buffers[1].data = np.zeros(size, np.uint8)
    assert read_tflite(save(tmp_path / "m.tflite", model)).weights == {"i4": Weights(1, elements, size)}


def test_weights_behind_the_tables_are_counted(tmp_path: Path) -> None:
    model = small_model(shape=[8])
    model.buffers[1].offset, model.buffers[1].size = 4096, 32
    path = save(tmp_path / "m.tflite", model)
    path.write_bytes(path.read_bytes().ljust(4096 + 32, b"\0"))
    assert read_tflite(path).weights == {"f32": Weights(1, 8, 32)}


def test_a_model_without_names_is_read(tmp_path: Path) -> None:
    found = read_tflite(save(tmp_path / "m.tflite", small_model(name=None)))
    assert found.inputs == (TensorSpec("", "f32", ()),)
    assert (found.producer, found.metadata, found.operators) == (None, {}, {})


def test_a_scale_for_each_channel_is_no_quantization_of_the_whole(tmp_path: Path) -> None:
    said = schema.QuantizationParametersT()
    said.scale, said.zeroPoint = [0.5, 0.25], [0, 0]
    model = small_model(type=schema.TensorType.INT8, shape=[2], quantization=said)
    assert read_tflite(save(tmp_path / "m.tflite", model)).inputs[0].quantization is None


# --- Damaged files -----------------------------------------------------------------------------------------


def refusal(path: Path) -> str:
    """What the error says; empty where the file is read."""
    try:
        read_tflite(path)
    except ModelError as error:
        return str(error)
    return ""


def assert_read_or_refused(path: Path) -> None:
    said = refusal(path)
    assert not said or (said.startswith(str(path)) and said.isprintable() and len(said) < 700)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny_models.linear_tflite(tmp_path_factory.mktemp("whole") / "linear.tflite").read_bytes()


def test_any_byte_may_be_changed(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "changed.tflite"
    path.write_bytes(whole)
    with path.open("r+b", buffering=0) as file:
        for position in range(len(whole)):
            for flip in (0x01, 0x80, 0xFF):
                os.pwrite(file.fileno(), bytes([whole[position] ^ flip]), position)
                assert_read_or_refused(path)
            os.pwrite(file.fileno(), whole[position : position + 1], position)
    assert refusal(path) == ""


def test_a_file_cut_short_is_refused(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "cut.tflite"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert refusal(path), length


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_noise_is_an_error_or_a_model(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.tflite"
    path.write_bytes(noise[:4].ljust(4, b"\0") + b"TFL3" + noise[4:])
    assert_read_or_refused(path)


@pytest.mark.parametrize("model_id", PUBLIC)
def test_bits_flipped_in_a_real_model_are_borne(
    public_model: Callable[[str], Path], model_id: str, tmp_path: Path
) -> None:
    chance, good = random.Random(model_id), public_model(model_id).read_bytes()
    path = tmp_path / "flipped.tflite"
    for _ in range(40):
        bad = bytearray(good)
        for _ in range(chance.choice([1, 16, 1000])):
            position = chance.randrange(8, len(bad))
            bad[position] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        assert_read_or_refused(path)


def test_tables_that_repeat_each_other_are_given_up(tmp_path: Path) -> None:
    """20,000 times the same graph, of 20,000 times the same operator: 400 million tables in 160 kB."""
    builder = flatbuffers.Builder(1024)
    schema.OperatorStart(builder)
    operators = repeated(builder, schema.OperatorEnd(builder), schema.SubGraphStartOperatorsVector)
    schema.SubGraphStart(builder)
    schema.SubGraphAddOperators(builder, operators)
    graphs = repeated(builder, schema.SubGraphEnd(builder), schema.ModelStartSubgraphsVector)
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    path = tmp_path / "hostile.tflite"
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(ModelError, match="its tables refer to each other without end"):
        read_tflite(path)


def repeated(builder: Any, offset: int, start: Callable[[Any, int], None], times: int = 20_000) -> Any:
    start(builder, times)
    for _ in range(times):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [1] * 65}, "tensor 't' has no possible shape"),
        ({"name": "n" * 70_000}, "has 70,000 bytes"),
        ({"buffer": 2}, "list index out of range"),
    ],
)
def test_a_tensor_that_cannot_be_is_an_error(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        read_tflite(save(tmp_path / "bad.tflite", small_model(**change)))


def test_an_input_that_is_no_tensor_is_an_error(tmp_path: Path) -> None:
    model = small_model()
    model.subgraphs[0].inputs = [-1]
    with pytest.raises(ModelError, match="its graph has the tensor -1 for an input or output"):
        read_tflite(save(tmp_path / "bad.tflite", model))


def test_a_model_without_a_graph_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is damaged or no TFLite file \(it has no graph\)"):
        read_tflite(save(tmp_path / "none.tflite", schema.ModelT()))


def test_what_is_no_tflite_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        read_tflite(tmp_path / "absent.tflite")
    (tmp_path / "model.onnx").write_bytes(b"\x08\x08")
    with pytest.raises(ModelError, match="is ONNX; read it with read_onnx"):
        read_tflite(tmp_path / "model.onnx")
