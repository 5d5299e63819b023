"""What runtimes' profilers write is read rightly: runs apart, nested operators counted once, parts placed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeai.backends import RunOptions
from edgeai.backends.profiling import open_profiler, own_times
from edgeai.bundle import Variant
from edgeai.errors import BackendMissing, InputError, RunError
from edgeai.included import included_path
from edgeai.open_bundle import open_bundle
from tests.tiny_models import linear_tflite


def test_own_times_leave_out_what_lies_directly_inside() -> None:
    # An outer span with two inside, one of which holds a third; then one apart.
    spans = [(0.0, 10.0), (1.0, 4.0), (2.0, 1.0), (6.0, 3.0), (10.0, 2.0)]
    assert own_times(spans) == [3.0, 3.0, 1.0, 3.0, 2.0]


def test_own_times_of_spans_that_begin_together_take_the_first_as_the_outer_one() -> None:
    assert own_times([(5.0, 8.0), (5.0, 8.0)]) == [0.0, 8.0]


def test_own_times_of_nothing_are_none() -> None:
    assert own_times([]) == []


def node(name: str, ts: int, dur: int, index: int, operator: str = "Conv", **args: str) -> dict[str, Any]:
    known = {"op_name": operator, "node_index": str(index), "provider": "CPUExecutionProvider"}
    event = {"cat": "Node", "ph": "X", "name": f"{name}_kernel_time", "ts": ts, "dur": dur}
    return event | {"args": known | args}


def run(ts: int, dur: int) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "ts": ts, "dur": dur, "args": {}}


def test_onnx_runtimes_events_are_told_apart_by_run() -> None:
    from edgeai.backends.onnxruntime_profile import runs_of

    fence = {"cat": "Node", "name": "/a_fence_before", "ts": 100, "dur": 1, "args": {"op_name": "Conv"}}
    load = {"cat": "Session", "name": "session_initialization", "ts": 0, "dur": 90}
    events = [load, fence, node("/a", 101, 30, 0), run(100, 50), node("/a", 201, 20, 0), run(200, 40)]
    first, second = runs_of(events)
    assert (first.latency_s, second.latency_s) == (pytest.approx(50e-6), pytest.approx(40e-6))
    assert [each.duration_s for each in first.operators] == [pytest.approx(30e-6)]
    (only,) = second.operators
    assert (only.name, only.operator, only.provider, only.place) == ("/a", "Conv", "cpu", 0)
    assert only.start_s == pytest.approx(1e-6)


def test_of_onnx_runtimes_nodes_with_bodies_the_bodys_time_counts_once() -> None:
    from edgeai.backends.onnxruntime_profile import runs_of

    outer = node("/if", 101, 40, 0, "If")
    inner = [node("/then/a", 105, 10, 0), node("/then/b", 120, 15, 1)]
    # Written when they end: the outer one last.
    (only,) = runs_of([*inner, outer, node("/c", 142, 5, 1), run(100, 50)])
    assert [each.name for each in only.operators] == ["/if", "/then/a", "/then/b", "/c"]
    assert [round(each.own_s * 1e6) for each in only.operators] == [15, 10, 15, 5]
    assert sum(each.own_s for each in only.operators) <= only.latency_s


def test_an_onnx_node_keeps_its_provider_and_one_without_a_name_goes_by_its_number() -> None:
    from edgeai.backends.onnxruntime_profile import runs_of

    events = [
        node("", 1, 2, 7, "Mul", provider="CUDAExecutionProvider"),
        node("/b", 4, 2, 8, provider=""),
        run(0, 9),
    ]
    first, second = runs_of(events)[0].operators
    assert (first.name, first.provider) == ("Mul 7", "cuda")
    assert second.provider is None


def test_litert_operators_inside_xnnpack_are_placed_after_what_ran_before_them() -> None:
    pytest.importorskip("ai_edge_litert")
    from edgeai.backends.litert_c_api import OPERATOR, SCOPE, XNNPACK_OPERATOR, Event
    from edgeai.backends.litert_profile import run_of

    names = [[("PAD", "pad/out"), ("CONV_2D", "conv/out")]]
    events = [
        Event("LiteRT::Run[buffer registration]", SCOPE, 900, 50, 0, 0),
        Event("Invoke", SCOPE, 1000, 100, 0, 0),
        Event("PAD", OPERATOR, 1010, 20, 0, 0),
        Event("Convolution", XNNPACK_OPERATOR, 0, 40, 0, 0),
        Event("Copy", XNNPACK_OPERATOR, 0, 5, 1, 0),
        Event("QUANTIZE", OPERATOR, 1080, 10, 9, 0),
        Event("Copy", XNNPACK_OPERATOR, 0, 3, 0, 0),
        Event("Invoke", 1 << 5, 0, 2**32, -1, 0),  # telemetry: its time is no time
    ]
    found = run_of(events, names)
    assert found.latency_s == pytest.approx(100e-6)
    assert [(each.name, each.provider) for each in found.operators] == [
        ("pad/out", "cpu"),
        ("xnnpack part 1, operator 0", "xnnpack"),
        ("xnnpack part 1, operator 1", "xnnpack"),
        ("QUANTIZE 9", "cpu"),  # a node that is not in the file
        ("xnnpack part 2, operator 0", "xnnpack"),
    ]
    assert [round(each.start_s * 1e6) for each in found.operators] == [10, 30, 70, 80, 90]
    assert [each.is_placed for each in found.operators] == [False, True, True, False, True]


def test_litert_nodes_that_run_graphs_keep_only_their_own_time() -> None:
    pytest.importorskip("ai_edge_litert")
    from edgeai.backends.litert_c_api import OPERATOR, SCOPE, Event
    from edgeai.backends.litert_profile import run_of

    events = [
        Event("Invoke", SCOPE, 1000, 100, 0, 0),
        Event("WHILE", OPERATOR, 1000, 90, 0, 0),
        Event("Invoke", SCOPE, 1005, 60, 1, 0),
        Event("ADD", OPERATOR, 1010, 50, 0, 1),
    ]
    found = run_of(events, [[("WHILE", "loop")], [("ADD", "sum")]])
    assert {each.name: round(each.own_s * 1e6) for each in found.operators} == {"loop": 30, "sum": 50}
    assert found.latency_s == pytest.approx(100e-6)


def digits_variant(id_: str) -> Variant:
    bundle, held = open_bundle(included_path("digits"))
    assert held is not None
    held.close()
    return next(each for each in bundle.models[0].variants if each.id == id_)


def digit(variant: Variant) -> dict[str, np.ndarray[Any, Any]]:
    return {variant.names.get("input", "input"): np.zeros((1, 1, 28, 28), np.float32)}


@pytest.mark.parametrize(("backend", "id_"), [("onnxruntime", "onnx-f32"), ("litert", "tflite-f32")])
def test_a_profiler_tells_every_run_and_leaves_nothing_where_the_user_works(
    backend: str, id_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ai_edge_litert" if backend == "litert" else "onnxruntime")
    variant, work, folder = digits_variant(id_), tmp_path / "work", tmp_path / "profile"
    work.mkdir()
    folder.mkdir()
    monkeypatch.chdir(work)
    profiler = open_profiler(backend, variant, RunOptions(), folder)
    for _ in range(4):
        profiler.run(digit(variant))
    runs = profiler.finish()[-4:]
    assert len(runs) == 4
    kinds = {" ".join(each.operator for each in one.operators) for one in runs}
    assert len(kinds) == 1  # the same operators in every run
    assert "onv" in "".join(each.operator + each.name for each in runs[0].operators).replace(
        "CONV_2D", "Conv"
    )
    for one in runs:
        assert 0 < sum(each.own_s for each in one.operators) <= one.latency_s * 1.05 + 2e-6
    assert list(work.iterdir()) == []


def test_nodes_of_an_interpreter_can_be_timed_from_outside(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    from edgeai.backends.tflite_nodes import NodeProfiler

    variant = digits_variant("tflite-f32")

    def interpreter() -> Any:
        return Interpreter(str(variant.path), num_threads=1)

    profiler = NodeProfiler(variant.path, interpreter, RunOptions(), "for a test")
    for _ in range(3):
        profiler.run(digit(variant))
    runs = profiler.finish()
    assert len(runs) == 3
    for one in runs:
        assert one.operators
        assert all(each.provider in {"xnnpack", "cpu"} for each in one.operators)
        assert 0 < sum(each.own_s for each in one.operators) < one.latency_s
    part = next(each for each in runs[0].operators if each.provider == "xnnpack")
    assert part.operator == "xnnpack part"
    assert "CONV_2D" in part.name  # what the part took over is told


def test_watching_nodes_changes_no_answer() -> None:
    pytest.importorskip("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    from edgeai.backends.litert import LiteRt
    from edgeai.backends.tflite_nodes import NodeProfiler

    variant = digits_variant("tflite-f32")
    feed = {
        name: np.random.default_rng(0).random(array.shape, np.float32)
        for name, array in digit(variant).items()
    }
    plain = LiteRt().open(variant, RunOptions())
    want = plain.run(feed)
    profiler = NodeProfiler(variant.path, lambda: Interpreter(str(variant.path)), RunOptions(), "for a test")
    profiler.run(feed)
    for name, array in profiler._runner.run(feed).items():
        np.testing.assert_array_equal(array, want[name])
    profiler.finish()


def test_a_backend_without_a_profiler_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        BackendMissing, match=r"^tflite-runtime has no profiler .* these have: onnxruntime, litert$"
    ):
        open_profiler("tflite-runtime", digits_variant("tflite-f32"), RunOptions(), tmp_path)


def profiled_linear(path: Path, folder: Path, signature: str | None, rows: int) -> list[set[str]]:
    """Types of the operators of each of three runs, with so many rows."""
    (model,) = open_bundle(path)[0].models
    folder.mkdir()
    profiler = open_profiler("litert", model.variants[0], RunOptions(signature=signature), folder)
    for _ in range(3):
        profiler.run({"x": np.ones((rows, 4), np.float32)})
    return [{each.operator for each in one.operators} for one in profiler.finish()[-3:]]


@pytest.mark.parametrize("rows", [1, 3, 4096])
@pytest.mark.parametrize(
    ("signatures", "asked"), [(("serving_default",), None), (("",), None), (("one", "two"), "two")]
)
def test_litert_profiles_any_signature_and_size(
    tmp_path: Path, signatures: tuple[str, ...], asked: str | None, rows: int
) -> None:
    pytest.importorskip("ai_edge_litert")
    path = linear_tflite(tmp_path / "linear.tflite", signatures=signatures)
    kinds = profiled_linear(path, tmp_path / "profile", asked, rows)
    assert kinds[0]
    assert kinds[0] == kinds[1] == kinds[2]


def test_the_c_api_refuses_a_signature_and_a_shape_that_are_not_there(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from edgeai.backends.litert_c_api import CompiledModel

    path = linear_tflite(tmp_path / "linear.tflite")
    with pytest.raises(InputError, match="has no signature 'nosuch'"):
        CompiledModel(path, 1, "nosuch")
    model = CompiledModel(path, 1, None)
    with pytest.raises(InputError, match="input 0 has 2 dimensions, the array given 3"):
        model.run({"x": np.ones((1, 2, 4), np.float32)})
    with pytest.raises(RunError, match=r"LiteRT's CompiledModelResizeInputTensor failed \(status \d+\)"):
        model.run({"x": np.ones((1, 5), np.float32)})
    events = model.run({"x": np.ones((2, 4), np.float32)})  # it still runs
    model.close()
    assert events
