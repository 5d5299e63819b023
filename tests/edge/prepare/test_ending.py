"""Which way is taken when it has run hot, with made-up figures; and joules by a meter that is made up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai.bundle import bare_bundle
from edgeai.errors import MeterMissing
from edgeai.measure.energy_pass import EnergyRule
from edgeai.measure.launch import model_folder, run_probe
from edgeai.measure.protocol import InputRequest, ModelRequest, Request
from edgeai.prepare import energy
from edgeai.prepare.asking import as_probed
from edgeai.prepare.ending import Ending, soak_winner
from edgeai.prepare.energy import EnergyDuel, energy_duel
from edgeai.prepare.figures import Figures
from edgeai.prepare.found import Outcome
from edgeai.prepare.looks import Looks
from edgeai.prepare.making import Forms
from edgeai.prepare.settings import SearchSettings
from edgeai.prepare.soaking import soaked
from edgeai.prepare.trial import WARM_UP
from edgeai.testing import FakeMeter
from tests.edge.prepare.making_ways import way
from tests.tiny_models import linear_onnx

RAW = Figures(0.01, 1.0, 0.1, 0.01, 10_000_000, 20_000_000, 0.01)


@pytest.fixture
def looks(tmp_path: Path) -> Looks:
    """Raw, and two that are faster."""
    model = linear_onnx(tmp_path / "m.onnx")
    request = Request(ModelRequest(str(model)), InputRequest(), str(tmp_path))
    (bare,) = bare_bundle(model).models
    settings = SearchSettings(soak_s=60.0)
    found = Looks(bare, settings, request, Forms(tmp_path, bare, request), lambda event: None)
    found.raw = looked_at(found, 1, 1.0)
    looked_at(found, 2, 0.5)
    looked_at(found, 3, 0.7)
    return found


def looked_at(looks: Looks, threads: int, ratio: float) -> Outcome:
    tried = way("onnxruntime", threads)
    figures = replace(RAW, latency_ratio=ratio, latency_s=ratio * RAW.latency_s)
    outcome = looks.outcomes[tried.key] = Outcome(tried, tried.choice, looks=[figures])
    return outcome


def after_soaking(looks: Looks, kept: dict[int, float]) -> Ending:
    """The end where ways keep such a share of their pace, by threads; raw's request names no choice."""

    def soak(request: Request, seconds: float) -> float:
        assert seconds == 60.0
        return kept[1 if request.model.choice is None else request.model.choice.threads]

    return soak_winner(looks, Ending(looks.best(), "better"), soak)


def test_a_winner_that_keeps_its_pace_stays(looks: Looks) -> None:
    end = after_soaking(looks, {2: 0.99})
    assert end.chosen.way.choice.threads == 2
    assert end.why == "better; it kept 0.990 of its pace over 60.0 s"


def test_where_raw_loses_as_much_the_winner_stays(looks: Looks) -> None:
    end = after_soaking(looks, {2: 0.8, 1: 0.8})
    assert end.chosen.way.choice.threads == 2
    assert end.soaked is not None
    assert end.soaked.raw == 0.8


def test_a_winner_that_falls_behind_makes_room_for_the_next(looks: Looks) -> None:
    end = after_soaking(looks, {2: 0.8, 1: 1.0, 3: 1.0})
    assert end.chosen.way.choice.threads == 3
    assert end.why == (
        "the next best, as onnxruntime, 2 threads lost its pace; it kept 1.000 of its pace over 60.0 s"
    )
    assert looks.outcomes[way("onnxruntime", 2).key].left == "kept 0.800 of its pace over 60.0 s, raw 1.000"


def test_where_the_next_falls_behind_too_raw_is_taken(looks: Looks) -> None:
    end = after_soaking(looks, {2: 0.8, 1: 1.0, 3: 0.8})
    assert end.chosen is looks.raw
    assert end.why.startswith("raw is best: onnxruntime, 2 threads and onnxruntime, 3 threads did not keep")


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[Request]:
    """Raw's request for a tiny model whose probe has run."""
    with model_folder() as shared:
        model = ModelRequest(str(linear_onnx(tmp_path / "m.onnx")), threads=1, prepared=False)
        request = Request(model, InputRequest(), shared, warm_up=WARM_UP, real=True)
        yield as_probed(request, run_probe(request))


def test_a_real_process_soaks(raw: Request) -> None:
    assert soaked(raw, 0.3) > 0


@pytest.mark.long  # ten processes that idle and run
def test_a_meter_sees_both_in_turn(raw: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = EnergyRule(windows=2, window_s=0.2, updates=2, runs=2, longest_s=0.5, apart_s=0.1, settle_s=0.05)
    monkeypatch.setattr(energy, "RULE", quick)

    def fight(meter: FakeMeter) -> EnergyDuel:
        return energy_duel(
            meter, raw, raw, smaller=1.0, margin=0.0, goes_on=lambda rounds: False, silence_s=20.0
        )

    found = fight(FakeMeter(lambda time_s: 5.0 * time_s))
    assert (found.meter, found.scope, len(found.a_j), len(found.b_j)) == ("fake", "made up", 1, 1)
    assert 0 < found.a_j[0] < 5.0  # 5 W for far less than a second
    assert not found.decision.take
    with pytest.raises(MeterMissing, match="the meter fake gives no energy: stale"):
        fight(FakeMeter(lambda time_s: 0.0))
