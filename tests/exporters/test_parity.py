"""A variant is held against its source: what is different shows, and what is wrong is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai
from edgeai.errors import ExportError, ModelError, VariantSkipped
from edgeai_exporters.budget import Budget
from edgeai_exporters.data import Data
from edgeai_exporters.data.opening import open_data
from edgeai_exporters.outcome import Ratio
from edgeai_exporters.parity import make_reference, parity, prove
from edgeai_exporters.probes import ProbeFeed, run_probe
from edgeai_exporters.search.found import Timing
from tests.tiny_models import linear_onnx, linear_tflite

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def _model(path: Path, nodes: list[Any], weights: dict[str, Any], shape: list[Any] | None = None) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape or ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def _scaled(path: Path, factor: float = 2.0, offset: float = 1.0) -> Path:
    """y = factor * x + offset."""
    nodes = [helper.make_node("Mul", ["x", "f"], ["d"]), helper.make_node("Add", ["d", "o"], ["y"])]
    return _model(path, nodes, {"f": np.float32(factor), "o": np.float32(offset)})


@pytest.fixture
def samples(tmp_path: Path) -> Data:
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, labels=x.argmax(axis=1))
    return open_data(tmp_path / "d.npz", edgeai.load(linear_onnx(tmp_path / "in.onnx")).inputs)


def test_the_source_itself_is_the_same_in_every_figure(tmp_path: Path, samples: Data) -> None:
    source = linear_onnx(tmp_path / "m.onnx")
    (quality,) = parity(source, source, samples, budget=Budget(max_drop=0.0, min_cosine=1.0))
    assert (quality.max_error, quality.mean_error, quality.worst_cosine) == (0, 0, 1)
    assert (quality.top1_agreement, quality.metric.name, quality.metric.drop.value) == (1, "top1", 0)
    assert quality.samples == 40
    assert quality.passes
    assert quality.size_bytes == source.stat().st_size


def test_errors_are_those_that_numpy_computes(tmp_path: Path, samples: Data) -> None:
    (quality,) = parity(_scaled(tmp_path / "v.onnx", 2.0, 1.5), linear_onnx(tmp_path / "m.onnx"), samples)
    assert quality.max_error == pytest.approx(0.5, abs=1e-6)
    assert quality.mean_error == pytest.approx(0.5, abs=1e-6)
    x = np.concatenate([samples.feed(row)["x"] for row in range(samples.count)]).astype(np.float64)
    source, variant = 2 * x + 1, 2 * x + 1.5
    lengths = np.linalg.norm(source, axis=1) * np.linalg.norm(variant, axis=1)
    assert quality.cosine == pytest.approx(np.mean((source * variant).sum(axis=1) / lengths), abs=1e-6)
    assert quality.worst_cosine == pytest.approx(np.min((source * variant).sum(axis=1) / lengths), abs=1e-6)
    assert quality.top1_agreement == 1


def test_a_tflite_variant_runs_in_its_own_runtime(tmp_path: Path, samples: Data) -> None:
    pytest.importorskip("ai_edge_litert")
    (quality,) = parity(linear_tflite(tmp_path / "m.tflite"), linear_onnx(tmp_path / "m.onnx"), samples)
    assert (quality.format, quality.backend) == ("tflite", "litert")
    assert quality.max_error == pytest.approx(0, abs=1e-6)
    assert quality.passes


def test_the_metric_may_fall_as_far_as_the_budget_says(tmp_path: Path, samples: Data) -> None:
    """y = -x: the likeliest class is the least likely one."""
    source, variant = linear_onnx(tmp_path / "m.onnx"), _scaled(tmp_path / "v.onnx", -1.0, 0.0)
    (quality,) = parity(variant, source, samples, budget=Budget(max_drop=0.005))
    assert quality.metric.value.value == 0
    assert quality.metric.drop.value == 1
    assert not quality.passes
    assert quality.why.startswith("the metric falls by 1 (95 % below 1), 0.005 is allowed")


def test_a_function_that_runs_the_original_is_a_source(tmp_path: Path, samples: Data) -> None:
    variant = linear_onnx(tmp_path / "m.onnx")
    (quality,) = parity(variant, lambda feed: {"y": feed["x"] * 2 + 1}, samples)
    assert quality.max_error == 0


def test_rows_that_disturb_each_other_in_a_batch_are_told(tmp_path: Path, samples: Data) -> None:
    """The variant subtracts the batch's mean: of one sample alone nothing is left but a constant."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[0]),
        helper.make_node("Sub", ["x", "m"], ["d"]),
        helper.make_node("Add", ["d", "o"], ["y"]),
    ]
    variant = _model(tmp_path / "v.onnx", nodes, {"o": np.float32(1)})
    source = _model(tmp_path / "s.onnx", [nodes[2]], {"o": np.float32(1), "d": np.zeros((1, 4), np.float32)})
    reference = make_reference(lambda feed: {"y": np.ones_like(feed["x"])}, samples, has_batch=True)
    quality = prove(variant, reference, samples)
    assert quality.worst_cosine == 1
    assert len(quality.problems) == 3
    assert quality.problems[0].startswith("batch 3: a row has cosine ")
    assert source.exists()


def test_padded_rows_are_part_of_the_proof(tmp_path: Path, samples: Data) -> None:
    source = linear_onnx(tmp_path / "m.onnx")
    (quality,) = parity(source, source, samples)
    names = [probe.name for probe in quality.probes]
    assert names[:3] == ["batch 3", "batch 7", "batch 7, 2 of them zeros"]
    assert names[3:] == ["low end", "high end", "zeros", "tiny", "10 times"]


def test_a_fixed_batch_is_not_asked_for_others(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "m.onnx", (1, 4))
    np.save(tmp_path / "x.npy", np.ones((3, 4), np.float32))
    data = open_data(tmp_path / "x.npy", edgeai.load(model).inputs)
    (quality,) = parity(model, model, data)
    assert not any(probe.name.startswith("batch") for probe in quality.probes)


def test_nan_where_the_source_has_none_fails_whatever_the_budget(tmp_path: Path, samples: Data) -> None:
    """y = sqrt(x): NaN for what is negative."""
    variant = _model(tmp_path / "v.onnx", [helper.make_node("Sqrt", ["x"], ["y"])], {})
    (quality,) = parity(variant, linear_onnx(tmp_path / "m.onnx"), samples)
    assert "d.npz[0]: output y is NaN or infinite where the source's is not" in quality.problems
    assert not quality.passes


def test_what_overflows_beyond_the_range_is_told(tmp_path: Path) -> None:
    """Half precision ends at 65504: 10 times what was seen is beyond it."""
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["h"], ["y"], to=TensorProto.FLOAT),
    ]
    variant = _model(tmp_path / "v.onnx", nodes, {})
    np.save(tmp_path / "x.npy", np.full((4, 4), 10000, np.float32) * [[1, 0.5, 0.2, 0.1]])
    data = open_data(tmp_path / "x.npy", edgeai.load(variant).inputs)
    (quality,) = parity(variant, lambda feed: {"y": feed["x"]}, data)
    assert quality.problems == ("10 times: output y is NaN or infinite where the source's is not",)


def test_a_source_that_gives_nan_proves_nothing(tmp_path: Path, samples: Data) -> None:
    source = _model(tmp_path / "s.onnx", [helper.make_node("Sqrt", ["x"], ["y"])], {})
    with pytest.raises(ExportError, match=r"the source itself gives NaN for d\.npz\[0\] in output y"):
        parity(source, source, samples)


def test_another_model_is_refused(tmp_path: Path, samples: Data) -> None:
    weights = {"w": np.ones((4, 3), np.float32)}
    other = _model(tmp_path / "o.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], weights)
    with pytest.raises(
        ExportError, match=r"output y is \[1, 4\], and here is y \[1, 3\]; they are not the same"
    ):
        parity(other, linear_onnx(tmp_path / "m.onnx"), samples)


def test_outputs_of_other_names_are_found_by_shape_and_value(tmp_path: Path, samples: Data) -> None:
    variant = linear_onnx(tmp_path / "m.onnx")
    reference = make_reference(lambda feed: {"scores": feed["x"] * 2 + 1}, samples)
    assert prove(variant, reference, samples).max_error == 0


def test_a_twin_in_another_layout_is_turned(tmp_path: Path) -> None:
    """The source takes and gives NCHW, the variant NHWC."""

    def write(name: str, shape: list[int], axes: list[int]) -> Path:
        """y = x times 1, 2, 3 by channel."""
        by_channel = np.array([1, 2, 3], np.float32).reshape(axes)
        return _model(tmp_path / name, [helper.make_node("Mul", ["x", "w"], ["y"])], {"w": by_channel}, shape)

    source = write("s.onnx", [1, 3, 4, 5], [1, 3, 1, 1])
    variant = write("v.onnx", [1, 4, 5, 3], [1, 1, 1, 3])
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(4, 3, 4, 5)).astype(np.float32))
    data = open_data(tmp_path / "x.npy", edgeai.load(source).inputs)
    (quality,) = parity(variant, source, data)
    assert quality.max_error == 0


def test_the_json_is_short_deterministic_and_without_timings(tmp_path: Path, samples: Data) -> None:
    source, variant = linear_onnx(tmp_path / "m.onnx"), _scaled(tmp_path / "v.onnx", 2.1, 1.0)
    one, two = (
        json.dumps(parity(variant, source, samples, seed=3, budget=Budget(max_drop=0.005))[0].to_json())
        for _ in range(2)
    )
    assert one == two
    document = json.loads(one)
    assert document["metric"]["name"] == "top1"
    assert document["passes"] is True
    assert document["max_error"] == float(f"{document['max_error']:.6g}")
    assert "latency" not in document


def test_the_budget_may_ask_for_certainty(tmp_path: Path, samples: Data) -> None:
    source = linear_onnx(tmp_path / "m.onnx")
    seen, certain = Budget(max_drop=0.005), Budget(max_drop=0.005, certain=True)
    (quality,) = parity(source, source, samples, budget=seen)
    assert quality.passes
    assert not quality.judged(certain).passes  # 40 samples cannot show half a point
    assert quality.judged(Budget(max_drop=0.1, certain=True)).passes


def _bundle(tmp_path: Path, *variants: Path, **needs: Any) -> Path:
    """A bundle of these files as variants of the model `lin`; the last has the needs."""
    from edgeai.building import build

    rows = [{"id": each.stem, "format": "onnx", "files": [each.name]} for each in variants]
    rows[-1]["needs"] = needs
    manifest = {"schema": 1, "id": "acme/lin", "version": "1.0.0", "models": {"lin": {"variants": rows}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return build(tmp_path / "manifest.json", tmp_path / "lin.edge").path


def test_every_variant_of_a_bundle_is_proven(tmp_path: Path, samples: Data) -> None:
    source = linear_onnx(tmp_path / "f32.onnx")
    bundle = _bundle(tmp_path, source, _scaled(tmp_path / "coarse.onnx", 2.25))
    asked: list[tuple[int, int, str]] = []
    qualities = parity(bundle, source, samples, on_progress=lambda *told: asked.append(told))
    assert [(each.model, each.variant) for each in qualities] == [("lin", "f32"), ("lin", "coarse")]
    assert [each.max_error == 0 for each in qualities] == [True, False]
    assert qualities[0].size_bytes == source.stat().st_size
    assert asked[0] == (1, 40, "running source")
    assert asked[-1] == (40, 40, "running coarse")
    reference = make_reference(edgeai.load(source).run, samples)
    assert (
        prove(bundle, reference, samples, model="lin", variant="coarse").max_error == qualities[1].max_error
    )
    with pytest.raises(ExportError, match="has no variant 'fine'; it has: f32, coarse"):
        prove(bundle, reference, samples, variant="fine")


def test_a_variant_that_does_not_run_here_is_left_out_aloud(tmp_path: Path, samples: Data) -> None:
    source = linear_onnx(tmp_path / "f32.onnx")
    bundle = _bundle(tmp_path, source, _scaled(tmp_path / "other.onnx"), cpu=["no-such-feature"])
    with pytest.warns(VariantSkipped, match="other is not proven: .*no-such-feature"):
        qualities = parity(bundle, source, samples)
    assert [each.variant for each in qualities] == ["f32"]
    only = _bundle_of_one(tmp_path, source)
    with pytest.warns(VariantSkipped), pytest.raises(ModelError, match="no-such-feature"):
        parity(only, source, samples)


def _bundle_of_one(tmp_path: Path, source: Path) -> Path:
    (tmp_path / "lin.edge").unlink()
    return _bundle(tmp_path, source, cpu=["no-such-feature"])


def test_latency_is_that_of_turns_with_the_source_and_names_the_machine(
    tmp_path: Path, samples: Data
) -> None:
    def take_turns(runs: Sequence[Callable[[], object]]) -> list[Timing]:
        for run in runs:
            run()
        ratios = [Ratio(1, 1, 1), Ratio(0.5, 0.4, 0.6)]
        return [Timing(0.002, ratio, 6) for ratio in ratios[: len(runs)]]

    source = linear_onnx(tmp_path / "m.onnx")
    (quality,) = parity(source, source, samples, threads=1, take_turns=take_turns)
    assert quality.latency is not None
    assert quality.latency.machine.endswith("threads: 1")
    assert (quality.latency.latency_s, quality.latency.source_s) == (0.002, 0.002)
    document = quality.to_json(latency=True)["latency"]
    assert (document["ratio"], document["ratio_interval"]) == (0.5, [0.4, 0.6])
    (alone,) = parity(source, lambda feed: {"y": feed["x"] * 2 + 1}, samples, take_turns=take_turns)
    assert alone.latency is not None
    assert (alone.latency.source_s, alone.latency.ratio) == (None, None)


def test_a_number_near_zero_that_changes_its_sign_in_a_batch_is_no_disturbance() -> None:
    def outputs(value: float, rows: int) -> dict[str, Any]:
        return {"y": np.full((rows, 1), value, np.float32)}

    probe = ProbeFeed("batch 3", {}, outputs(1e-5, 3), rows=(0, 0, 0))
    source, alone = [outputs(1e-5, 1)], [outputs(11e-5, 1)]
    for value, is_wrong in ((-9e-5, False), (-1.0, True)):  # off by as much as alone; by far more
        found = run_probe(probe, lambda feed, value=value: outputs(value, 3), alone, source)  # type: ignore[misc]
        assert found is not None
        assert found.cosine == -1
        assert bool(found.problem) is is_wrong
