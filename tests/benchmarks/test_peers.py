"""Peers: that bare libraries and edgeai run side by side, and what is made of their figures."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeai.errors import ConfigError, InputError, RunError, UsageError, WorkerCrashed
from edgeai.included import included_path
from edgeai.measure.launch import run_measure
from edgeai.measure.protocol import InputRequest, Tensor
from edgeai.measure.timing import StopRule, WarmUpRule
from edgeai_bench.peers import lineup, table
from edgeai_bench.peers.case import Case, OpenCase, file_case, opened_case
from edgeai_bench.peers.lineup import Peer, again_of, base_of, by_edgeai, grid_of_onnxruntime, others_of
from edgeai_bench.peers.memory_limit import memory_group
from edgeai_bench.peers.outcome import (
    SCHEMA,
    CaseIdentity,
    CaseResult,
    Machine,
    Outcome,
    PeerResult,
    PeerRound,
    joined,
    read_outcome,
    to_json,
)
from edgeai_bench.peers.plot import svg
from edgeai_bench.peers.ratios import (
    ANONYMOUS,
    CPU,
    FIRST,
    LATENCY,
    RAM,
    figure,
    geometric_mean,
    half_width,
    noise,
    ratio,
)
from edgeai_bench.peers.rounds import RoundRule
from edgeai_bench.peers.run import request_of, run_case
from edgeai_bench.peers.tables import document

ROOT = Path(__file__).resolve().parents[2]
TINY = RoundRule(
    rounds=1, turns=2, seconds=0.0, turn_s=0.001, warm_up=WarmUpRule(min_s=0.0, max_s=0.02, block_s=0.005)
)


@pytest.fixture
def digits() -> Iterator[OpenCase]:
    case = Case("digits", included_path("digits"), name="digits")
    with opened_case(case, warm_up=TINY.warm_up, silence_s=60) as opened:
        yield opened


def test_the_script_measures_bare_and_edgeai_and_keeps_what_it_found(tmp_path: Path) -> None:
    kept, text, drawing = (tmp_path / name for name in ("peers.json", "peers.md", "peers.svg"))
    command = [sys.executable, "benchmarks/peers/suite.py", "--suite", "none", "--quick", "--raw-only"]
    inputs = tmp_path / "one.npz"
    digits = np.load(included_path("digits").with_suffix(".samples.npz"))["x"]
    np.savez(inputs, input=digits[:1].astype(np.float32) / 255)
    model = f"figures={included_path('digits')}#digits@{inputs}"
    command += ["--rounds", "2", "--model", model, "--threads", "1"]
    command += ["--json", str(kept), "--markdown", str(text), "--svg", str(drawing)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    outcome = read_outcome(kept)
    (result,) = outcome.results
    labels = [peer.label for peer in result.peers]
    assert labels == ["ONNX Runtime", lineup.AGAIN, "OpenVINO", "MNN", "edgeai raw"]
    assert (result.case.id, result.case.format, result.threads) == ("figures", "onnx", 1)
    for label in ("ONNX Runtime", lineup.AGAIN, "edgeai raw"):
        peer = result.peer(label)
        assert peer is not None
        assert (peer.unavailable, peer.wrong, len(peer.rounds)) == (None, None, 2)
        assert all(len(one.medians_ns) >= 5 and min(one.medians_ns) > 0 for one in peer.rounds)
        assert ratio(peer, peer, LATENCY) is not None
    assert "| figures | edgeai raw |" in text.read_text()
    assert ET.fromstring(drawing.read_text()).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own
    assert "[1/1] figures, 1 thread" in done.stderr


def test_who_is_missing_or_rejects_the_model_is_lost_and_says_why(
    digits: OpenCase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = replace(table.PEERS["openvino"], library="no_such_library", package="no-such-package")
    monkeypatch.setitem(table.PEERS, "openvino", entry)
    monkeypatch.setitem(table.PEERS, "mnn", replace(table.PEERS["mnn"], formats=()))
    peers = [
        base_of(digits),
        Peer("bad option", "onnxruntime", {"optimize": "more"}),
        *others_of(digits),
        by_edgeai(digits, prepared="1", home=str(tmp_path)),
    ]
    result = run_case(digits, peers, TINY, threads=1, seed=0)
    assert [len(peer.rounds) for peer in result.peers] == [1, 0, 0, 0, 0]
    reasons = [peer.unavailable or "" for peer in result.peers]
    assert reasons[1] == "onnxruntime: KeyError: 'more'"
    assert reasons[2] == "not installed: pip install no-such-package"
    assert reasons[3] == "reads no onnx"
    assert reasons[4].startswith("edgeai: ")
    assert "prepare" in reasons[4]


def test_other_outputs_are_wrong_and_count_in_no_ratio(digits: OpenCase) -> None:
    kept = Path(digits.base.folder) / "outputs-0.npy"
    np.save(kept, np.load(kept) + 1)
    result = run_case(digits, [base_of(digits)], TINY, threads=1, seed=0)
    (peer,) = result.peers
    assert peer.wrong is not None
    assert "differs by 1" in peer.wrong
    outcome = Outcome(SCHEMA, MACHINE, "2026-01-01T00:00:00+00:00", (), False, 0, (result,))
    assert "wrong outputs" in document(outcome)
    assert "| digits | ONNX Runtime |" not in document(outcome)


def test_under_a_memory_limit_that_is_too_small_the_process_is_killed_and_with_room_it_runs(
    digits: OpenCase,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes control groups")
    stop = StopRule(min_runs=5, min_s=0.0, max_s=1.0, precision=None)

    def run(limit_bytes: int) -> int:
        with memory_group() as group:
            more = {"group": group, "limit_bytes": str(limit_bytes)}
            request = request_of(digits, base_of(digits), 1, digits.file, **more)
            asked = replace(request, stop=stop, warm_up=TINY.warm_up)
            return run_measure(asked, silence_s=60).steady.runs

    try:
        assert run(1 << 30) >= 5
    except ConfigError as error:
        pytest.skip(str(error))
    with pytest.raises((WorkerCrashed, RunError), match="memory ran out"):
        run(1 << 20)


def test_a_file_is_named_by_hand_or_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    file.touch()
    assert file_case(str(file)) == Case("net", file)
    assert file_case(f"mine={file}#second") == Case("mine", file, name="second")
    assert file_case(f"{file}@{file}") == Case("net", file, InputRequest(file=str(file)))
    with pytest.raises(UsageError, match="there is no"):
        file_case("absent.onnx")


def test_the_grid_does_not_hold_the_defaults_twice() -> None:
    settings = [point.settings for point in grid_of_onnxruntime()]
    assert {"optimize": "all", "spinning": "1", "arena": "1"} not in settings
    assert len({str(each) for each in settings}) == len(settings) == 16


MACHINE = Machine("Board", "x86_64", 2, ("avx2",), 1 << 30, "6.1", "3.11.7", "0.1")


def made_round(factor: float, ram: int | None = 8_000_000) -> PeerRound:
    turns = (1000, 1500, 800)
    return PeerRound(
        tuple(round(factor * turn) for turn in turns),
        tuple(factor * turn / 1e9 for turn in turns),
        factor * 0.2,
        factor * 0.1,
        None if ram is None else round(factor * ram),
        round(factor * 4_000_000),
        50_000_000,
    )


def made_peer(label: str, *factors: float, **more: object) -> PeerResult:
    rounds = tuple(made_round(factor) for factor in factors)
    return replace(PeerResult(label, "onnxruntime", {}, "1.0", rounds), **more)  # type: ignore[arg-type]


def made_case(*peers: PeerResult, id_: str = "net", threads: int | None = 1) -> CaseResult:
    identity = CaseIdentity(id_, "00", 1, "onnx", (Tensor("x", "f32", (1, 2)),))
    return CaseResult(identity, threads, peers[0].label, "again", peers)


def test_ratios_are_of_rounds_and_exact_where_there_is_no_noise() -> None:
    base, half = made_peer("bare", 1, 1, 1), made_peer("ours", 0.5, 0.5, 0.5)
    for name in (LATENCY, FIRST, RAM, ANONYMOUS, CPU):
        found = ratio(base, half, name)
        assert found is not None
        assert (found.ratio, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    assert figure(half, FIRST) == pytest.approx(0.15)
    assert figure(base, LATENCY) == pytest.approx(1e-6)


def test_a_ratio_that_differs_between_rounds_has_the_interval_of_student() -> None:
    found = ratio(made_peer("bare", 1, 1), made_peer("ours", 0.5, 2), FIRST)
    assert found is not None
    assert found.ratio == pytest.approx(1.0)
    # Two logarithms ±ln 2 away from 0: t(0.975, 1) = 12.7062 standard errors of ln 2.
    assert np.log(found.high) == pytest.approx(12.7062 * np.log(2), rel=1e-4)


def test_what_is_not_known_or_too_small_has_no_ratio() -> None:
    base = made_peer("bare", 1, 1)
    unknown = replace(base, rounds=(made_round(1), made_round(1, ram=None)))
    small = replace(base, rounds=(made_round(1, ram=100_000),) * 2)
    assert ratio(base, unknown, RAM) is None
    assert figure(unknown, RAM) is None
    assert ratio(small, base, RAM) is None
    assert ratio(base, replace(base, rounds=base.rounds[:1]), LATENCY) is None
    shrunk = ratio(base, replace(base, rounds=(replace(made_round(1), anonymous_bytes=-5),) * 2), ANONYMOUS)
    assert shrunk is not None
    assert shrunk.ratio == pytest.approx((1 << 18) / 4_000_000)  # no smaller than can be told


def test_a_geometric_mean_takes_a_plain_number_for_a_model_that_was_rejected() -> None:
    quarter = ratio(made_peer("bare", 1, 1), made_peer("ours", 0.25, 0.25), LATENCY)
    assert quarter is not None
    mean = geometric_mean([quarter, 1.0])
    assert mean is not None
    assert (mean.value, mean.low, mean.high, mean.n) == pytest.approx((0.5, 0.5, 0.5, 2))
    assert geometric_mean([]) is None


def test_noise_is_what_a_program_is_off_from_itself() -> None:
    steady = made_case(made_peer("bare", 1, 1), made_peer("again", 1.02, 1.02))
    assert noise(steady) == pytest.approx(0.02)
    shaky = made_case(made_peer("bare", 1, 1), made_peer("again", 0.98, 1.02))
    found = ratio(shaky.peers[0], shaky.peers[1], LATENCY)
    assert found is not None
    assert noise(shaky) == half_width(found)
    assert noise(made_case(made_peer("bare", 1, 1))) is None


def made_outcome(*results: CaseResult, machine: Machine = MACHINE) -> Outcome:
    return Outcome(SCHEMA, machine, "2026-01-01T00:00:00+00:00", ("python", "x"), False, 0, results)


def test_what_is_kept_is_read_back_and_joined_by_model_and_threads(tmp_path: Path) -> None:
    file = tmp_path / "peers.json"
    first = made_outcome(made_case(made_peer("bare", 1, 1)), made_case(made_peer("bare", 2, 2), threads=None))
    file.write_text(to_json(first))
    assert read_outcome(file) == first
    newer = made_case(made_peer("bare", 3, 3))
    both = joined(first, made_outcome(newer, made_case(made_peer("bare", 1, 1), id_="other")))
    assert [(each.case.id, each.threads) for each in both.results] == [
        ("net", 1),
        ("net", None),
        ("other", 1),
    ]
    assert both.results[0] == newer
    with pytest.raises(InputError, match="another machine"):
        joined(first, made_outcome(machine=replace(MACHINE, kernel="6.2")))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "edgeai-peers/1"}', '{"schema": "edgeai-peers/9"}']
)
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "peers.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"peers.json is no result of the peers"):
        read_outcome(file)


def test_tables_and_drawing_tell_who_was_not_measured() -> None:
    lost = made_peer("MNN", unavailable="its converter rejects the model")
    case = made_case(
        made_peer("bare", 1, 1), made_peer("again", 1, 1), lost, made_peer("ours", 0.5, 0.5), id_="a<b"
    )
    text = document(made_outcome(case))
    assert "| ours | 1 of 1 | 0.500 [0.500, 0.500] |" in text
    assert "| MNN | 0 of 1 | - |" in text
    assert "MNN: its converter rejects the model" in text
    drawn = ET.fromstring(svg(made_outcome(case)))  # noqa: S314 - our own
    texts = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "a<b" in texts
    # A dot a peer in the key, and one for each with a ratio: again and ours.
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 3 + 2


def test_the_double_of_the_base_is_the_same_library(digits: OpenCase) -> None:
    assert again_of(digits).kind == base_of(digits).kind == "onnxruntime"
