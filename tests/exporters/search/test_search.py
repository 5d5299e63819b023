"""A search from start to end: what it keeps, resumes, and leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnx_ir")

import onnx

from edgeai.errors import ExportError
from edgeai_exporters.arrays import Feed
from edgeai_exporters.budget import Budget
from edgeai_exporters.metrics.vectors import cosine
from edgeai_exporters.outcome import Ratio
from edgeai_exporters.schemes import SCHEMES
from edgeai_exporters.search import FLOAT, Found, LatencyMeter, Samples, Timing, search
from tests.exporters.search.planted import Planted, plant

ONNX = {scheme.name: scheme for scheme in SCHEMES if scheme.format == "onnx"}
STATIC = ONNX["int8-static"]


class CountingMeter:
    """A machine on which a layer takes 1 ms with weights in float, and what is said with weights in int8."""

    where = "a machine that counts"

    def __init__(self, int8_s: dict[str, float]) -> None:
        self._int8_s = int8_s

    def time(self, models: Sequence[Path], feeds: Sequence[Feed]) -> list[Timing]:
        times = [self._latency_s(model) for model in models]
        return [Timing(each, Ratio(*[each / times[0]] * 3), 10) for each in times]

    def _latency_s(self, model: Path) -> float:
        graph = onnx.load(model).graph
        floats = {tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
        layers = [node for node in graph.node if node.name.startswith("layer")]
        return sum(1e-3 if node.input[1] in floats else self._int8_s.get(node.name, 5e-4) for node in layers)


def run(planted: Planted, folder: Path, budget: Budget, **options: Any) -> Found:
    return search(
        planted.model,
        options.pop("scheme", STATIC),
        calibration=planted.feeds[:32],
        validation=Samples(planted.feeds[32:]),
        score=cosine,
        metric="cosine",
        budget=budget,
        folder=folder,
        meter=options.pop("meter", None),
        **options,
    )


def told(found: Found) -> dict[str, Any]:
    """What must be the same whenever and wherever it ran."""
    return {**found.to_json(), "seconds": 0, "path": found.path.name, "trials": 0}


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return plant(tmp_path, 3)


def test_where_everything_quantized_is_within_the_budget_nothing_else_is_tried(
    planted: Planted, tmp_path: Path
) -> None:
    found = run(planted, tmp_path / "work", Budget(min_cosine=0.5))
    assert (found.kept, found.trials, found.is_within) == ((), 1, True)
    assert found.path == tmp_path / "work" / "int8-static.onnx"
    assert found.size_bytes == found.path.stat().st_size


def test_a_budget_that_nothing_can_keep_gives_the_blanket_variant_marked_as_outside(
    planted: Planted, tmp_path: Path
) -> None:
    found = run(planted, tmp_path / "work", Budget(min_cosine=1.1))
    assert (found.kept, found.is_within) == ((), False)
    assert "missed" in found.why


def test_without_a_meter_latency_is_unknown_and_nothing_is_called_slow(
    planted: Planted, tmp_path: Path
) -> None:
    found = run(planted, tmp_path / "work", Budget(min_cosine=0.99))
    assert found.timing is None
    assert found.is_slower is None
    assert "nothing measures" in found.latency_reason
    assert {each.gain_s for each in found.sensitivities} == {None}


def test_gains_are_what_the_meter_measured(planted: Planted, tmp_path: Path) -> None:
    found = run(planted, tmp_path / "work", Budget(min_cosine=0.99), meter=CountingMeter({"layer0": 2e-4}))
    gains = {each.layer: each.gain_s for each in found.sensitivities}
    assert gains.pop("layer0") == pytest.approx(8e-4)
    assert list(gains.values()) == [pytest.approx(5e-4)] * (found.layers - 1)
    assert found.timing is not None
    assert found.timing.ratio is not None
    quantized = found.layers - len(found.kept)
    assert found.timing.latency_s == pytest.approx(found.layers * 1e-3 - quantized * 5e-4 - 3e-4)
    assert found.is_slower is False


def test_layers_that_are_slower_in_int8_stay_in_float_though_the_budget_would_bear_them(
    planted: Planted, tmp_path: Path
) -> None:
    found = run(planted, tmp_path / "work", Budget(min_cosine=0.5), meter=CountingMeter({"layer0": 3e-3}))
    assert found.levels == {"layer0": FLOAT}


def test_a_variant_that_is_slower_than_its_source_says_so(planted: Planted, tmp_path: Path) -> None:
    slow = CountingMeter({f"layer{n}": 1.01e-3 for n in range(9)})
    found = run(planted, tmp_path / "work", Budget(min_cosine=0.5), meter=slow, prefer="size")
    assert found.is_slower is True


def test_each_layer_gets_the_cheapest_level_that_it_bears(tmp_path: Path) -> None:
    planted = plant(tmp_path, 2)
    # Of other sizes each time, so that no static scale suits all; what was planted suits no scale at all.
    sizes = 10 ** np.random.default_rng(0).uniform(0, 3, len(planted.feeds)).astype(np.float32)
    varied = replace(
        planted, feeds=[{"x": f["x"] * size} for f, size in zip(planted.feeds, sizes, strict=True)]
    )
    dynamic = [ONNX["int8-dynamic"]]
    found = run(varied, tmp_path / "work", Budget(min_cosine=0.99), instead=dynamic)
    assert {name for name, level in found.levels.items() if level == FLOAT} == planted.sensitive
    assert "int8-dynamic" in found.levels.values()
    only_float = run(varied, tmp_path / "float", Budget(min_cosine=0.99))
    assert len(only_float.kept) > len(planted.sensitive)
    assert found.size_bytes < only_float.size_bytes
    assert found.quality.mean >= 0.99
    operators = [node.op_type for node in onnx.load(found.path).graph.node]
    assert operators.count("MatMulInteger") == list(found.levels.values()).count("int8-dynamic")


def test_the_same_seed_gives_the_same_file(planted: Planted, tmp_path: Path) -> None:
    one, other = (run(planted, tmp_path / name, Budget(min_cosine=0.99), seed=5) for name in "ab")
    assert told(one) == told(other)
    assert one.path.read_bytes() == other.path.read_bytes()


def test_a_second_run_tries_nothing_again(planted: Planted, tmp_path: Path) -> None:
    first = run(planted, tmp_path / "work", Budget(min_cosine=0.99))
    again = run(planted, tmp_path / "work", Budget(min_cosine=0.99))
    assert first.trials > 0
    assert again.trials == 0
    assert told(again) == told(first)


@pytest.mark.parametrize("change", ["seed", "budget", "scheme", "feeds", "model"])
def test_what_the_result_depends_on_starts_a_journal_of_its_own(
    change: str, planted: Planted, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"seed": 0, "scheme": STATIC}
    budget = Budget(min_cosine=0.5)
    run(planted, tmp_path / "work", budget, **options)
    if change == "feeds":
        planted = replace(planted, feeds=[{"x": feed["x"] * np.float32(1.5)} for feed in planted.feeds])
    elif change == "model":
        planted = replace(plant(tmp_path, 5), feeds=planted.feeds)
    elif change == "budget":
        budget = Budget(min_cosine=0.4)
    else:
        options[change] = {"seed": 1, "scheme": ONNX["int8-static-percentile"]}[change]
    assert run(planted, tmp_path / "work", budget, **options).trials == 1


@pytest.mark.parametrize("step", [0, 2, 5, 9, 12])
def test_ctrl_c_leaves_the_journal_and_nothing_half_written(
    step: int, planted: Planted, tmp_path: Path
) -> None:
    def stop(done: int, total: int, what: str) -> None:
        if done == step:
            raise KeyboardInterrupt

    work = tmp_path / "work"
    with pytest.raises(KeyboardInterrupt):
        run(planted, work, Budget(min_cosine=0.99), on_progress=stop)
    assert [path.suffix for path in work.iterdir()] in ([".jsonl"], [])
    whole = run(planted, tmp_path / "whole", Budget(min_cosine=0.99))
    resumed = run(planted, work, Budget(min_cosine=0.99))
    assert told(resumed) == told(whole)
    assert resumed.trials <= whole.trials


_SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.exporters.search.test_search import Budget, plant, run
work = Path(sys.argv[1])
run(plant(work.parent, 3), work, Budget(min_cosine=0.99), on_progress=lambda *told: print(*told, flush=True))
"""


@pytest.mark.parametrize("steps", [4, 10])
def test_a_search_that_was_killed_goes_on_and_finds_the_same(
    steps: int, planted: Planted, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    script = _SCRIPT.format(root=str(Path(__file__).parents[3]))
    process = subprocess.Popen([sys.executable, "-c", script, work], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(steps):
        assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (work / "int8-static.onnx").exists()
    (journal,) = work.glob("*.jsonl")
    tried = len(journal.read_text().splitlines())
    assert tried >= steps - 2
    whole = run(planted, tmp_path / "whole", Budget(min_cosine=0.99))
    resumed = run(planted, work, Budget(min_cosine=0.99))
    assert told(resumed) == told(whole)
    assert resumed.path.read_bytes() == whole.path.read_bytes()
    assert 0 < resumed.trials < whole.trials
    assert sorted(path.suffix for path in work.iterdir()) == [".jsonl", ".onnx"]


def test_what_was_found_is_json(planted: Planted, tmp_path: Path) -> None:
    found = run(planted, tmp_path / "work", Budget(min_cosine=0.99))
    again = json.loads(json.dumps(found.to_json()))
    assert again["levels"] == dict.fromkeys(sorted(planted.sensitive), FLOAT)
    assert len(again["sensitivities"]) == found.layers
    assert again["path"] == str(found.path)


def test_a_meter_is_anything_that_times(planted: Planted) -> None:
    meter: LatencyMeter = CountingMeter({})
    first, second = meter.time([planted.model] * 2, planted.feeds)
    assert first == second


def test_a_model_without_anything_to_quantize_is_refused_by_name(planted: Planted, tmp_path: Path) -> None:
    # Dynamic int8 leaves convolutions alone.
    with pytest.raises(ExportError, match=r"int8-dynamic finds nothing to quantize in .*planted\.onnx"):
        run(planted, tmp_path / "work", Budget(), scheme=ONNX["int8-dynamic"])


def test_a_search_needs_samples_to_judge_by(planted: Planted, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="give samples"):
        run(replace(planted, feeds=planted.feeds[:32]), tmp_path / "work", Budget())


def test_a_scheme_that_needs_calibration_cannot_stand_in(planted: Planted, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="int8-static-sym cannot stand in for layers of int8-static"):
        run(planted, tmp_path / "work", Budget(), instead=[ONNX["int8-static-sym"]])
