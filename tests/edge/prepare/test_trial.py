"""Ways in processes of their own, next to raw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai.measure.launch import model_folder, run_probe
from edgeai.measure.protocol import InputRequest, ModelRequest, Request
from edgeai.prepare.asking import as_probed
from edgeai.prepare.trial import WARM_UP, Lost, Trials, measure_pair, request_of
from edgeai.prepared.choice import Form
from tests.edge.prepare.making_ways import other_onnx, way, write_backends
from tests.tiny_models import linear_onnx


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Request]:
    """Raw's request for a tiny model whose probe has run; faulty backends can be imported."""
    write_backends(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with model_folder() as shared:
        model = ModelRequest(str(linear_onnx(tmp_path / "m.onnx")), threads=1, prepared=False)
        request = Request(model, InputRequest(), shared, warm_up=WARM_UP, real=True)
        yield as_probed(request, run_probe(request))


def test_raw_beside_raw_gives_every_figure(raw: Request) -> None:
    with Trials(raw, 1, 20.0) as trials:
        figures = trials.measure(raw, 1)
    assert 0.1 < figures.latency_ratio < 10
    assert figures.latency_s > 0
    assert figures.load_s > 0
    assert figures.anonymous_bytes is not None
    assert figures.peak_bytes is not None


def test_a_way_that_crashes_hangs_or_is_wrong_is_lost_and_the_next_one_is_measured(
    raw: Request, tmp_path: Path
) -> None:
    other_onnx(tmp_path / "other.onnx")
    wrong = replace(way().choice, form=Form("optimized", "other.onnx"))
    missing = replace(way().choice, form=Form("optimized", "nowhere.onnx"))
    with Trials(raw, 1, 3.0) as trials:
        with pytest.raises(Lost, match=r"crashed with SIGSEGV in the phase 'load'"):
            trials.measure(request_of(raw, way("faulty:Crashes").choice, None, None), 1)
        with pytest.raises(Lost, match=r"said nothing for 3 s in the phase 'load'"):
            trials.measure(request_of(raw, way("faulty:Hangs").choice, None, None), 1)
        with pytest.raises(Lost, match=r"its outputs are not raw's: y differs by 4 "):
            trials.measure(request_of(raw, wrong, tmp_path, None), 1)
        with pytest.raises(Lost, match=r"nowhere\.onnx"):
            trials.measure(request_of(raw, missing, tmp_path, None), 1)
        assert trials.measure(request_of(raw, way().choice, None, None), 1).latency_s > 0


def test_a_tolerance_is_the_variants_own(raw: Request, tmp_path: Path) -> None:
    other_onnx(tmp_path / "other.onnx")
    choice = replace(way().choice, form=Form("optimized", "other.onnx"))
    with Trials(raw, 1, 20.0) as trials:
        assert trials.measure(request_of(raw, choice, tmp_path, {"abs": 4.1}), 1).latency_s > 0
        with pytest.raises(Lost, match=r"allowed: abs 3\.9"):
            trials.measure(request_of(raw, choice, tmp_path, {"abs": 3.9}), 1)


def test_where_raw_dies_it_is_started_again(raw: Request) -> None:
    with Trials(raw, 1, 20.0) as trials:
        assert trials._beside is not None
        trials._beside._process.kill()
        trials._beside._process.wait()
        assert trials.measure(raw, 1).latency_s > 0


def test_a_pair_of_fresh_processes_takes_turns(raw: Request) -> None:
    pair = measure_pair(raw, raw, 1, 1, silence_s=20.0)
    assert len(pair.a_s) == len(pair.b_s) >= 6
    assert pair.a.latency_ratio == 1.0
    with pytest.raises(Lost, match="SIGSEGV"):
        measure_pair(raw, request_of(raw, way("faulty:Crashes").choice, None, None), 1, 0, silence_s=20.0)
