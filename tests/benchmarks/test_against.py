"""Two programs that take turns, for real: what differs is found, what does not is not called."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgeai.errors import UsageError
from edgeai.included import find_model
from edgeai.measure.alternate import PairRule
from edgeai.measure.protocol import InputRequest, ModelRequest
from edgeai.measure.timing import WarmUpRule
from edgeai.testing import write_fake_model
from edgeai_bench.comparing.live import Contender, LivePlan, compare_live
from tests.benchmarks.test_compare import VALIDATOR

FAKE = "edgeai.testing:FakeBackend"
SHORT = LivePlan(
    pairs=4,
    most_pairs=4,
    rule=PairRule(min_turns=3, seconds=0.05, turn_s=0.002),
    warm_up=WarmUpRule(min_s=0.0, max_s=0.05, block_s=0.005),
)


def contender(path: Path) -> Contender:
    return Contender(ModelRequest(str(path), backend=FAKE, threads=1), InputRequest())


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edgeai", "bench", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=120)


def test_a_model_that_takes_twice_as_much_of_everything_is_found(tmp_path: Path) -> None:
    a = write_fake_model(tmp_path / "a.onnx", busy_s=0.001, load_s=0.05, touch_bytes=8 << 20)
    b = write_fake_model(tmp_path / "b.onnx", busy_s=0.002, load_s=0.2, touch_bytes=16 << 20)
    found = compare_live(contender(a), contender(b), SHORT)
    assert (found.name, found.method, found.a.name, found.warnings) == ("b.onnx", "turns", "a.onnx", ())
    for change in found.changes:
        assert change.unavailable is None
        assert change.low is not None
        assert change.low > 1, change
    assert len(found.turns) == len(found.changes[0].a_each) == 4
    assert [turn.b_first for turn in found.turns] == [False, True, False, True]  # loads go A B B A too
    assert all(len(turn.a_ns) == len(turn.b_ns) >= 3 for turn in found.turns)
    assert min(min(turn.b_ns) for turn in found.turns) >= 2_000_000
    ram = {change.figure: change for change in found.changes}["ram_incremental"]
    assert ram.a is not None
    assert ram.b is not None
    assert ram.b - ram.a == pytest.approx(8 << 20, abs=1 << 20)


def test_ram_of_equal_models_is_equal_within_half_a_percent(tmp_path: Path) -> None:
    a = write_fake_model(tmp_path / "a.onnx", touch_bytes=32 << 20)
    found = compare_live(contender(a), contender(a), replace(SHORT, pairs=2, most_pairs=2))
    peak = {change.figure: change for change in found.changes}["ram_peak"]
    assert peak.ratio == pytest.approx(1, abs=0.005)


def test_outputs_that_differ_from_the_probes_make_it_invalid(tmp_path: Path) -> None:
    a = write_fake_model(tmp_path / "a.onnx")
    b = write_fake_model(tmp_path / "b.onnx", noise=100.0)  # other outputs in each process
    found = compare_live(contender(a), contender(b), replace(SHORT, pairs=2, most_pairs=2))
    (doubt,) = found.warnings
    assert (doubt.name, doubt.effect) == ("wrong_output", "invalid")
    assert "of 2 processes of B gave other outputs" in doubt.message


@pytest.mark.parametrize(("precision", "pairs"), [(1e9, 2), (0.0, 3)])
def test_pairs_follow_until_the_ratio_is_known(tmp_path: Path, precision: float, pairs: int) -> None:
    a = write_fake_model(tmp_path / "a.onnx")
    plan = replace(SHORT, pairs=2, most_pairs=3, precision=precision)
    assert len(compare_live(contender(a), contender(a), plan).turns) == pairs


def test_one_pair_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    a = write_fake_model(tmp_path / "a.onnx")
    with pytest.raises(UsageError, match="at least 2 pairs"):
        compare_live(contender(a), contender(a), replace(SHORT, pairs=1))


def test_a_gate_on_a_model_twice_as_slow_ends_with_exit_code_1_and_junit(tmp_path: Path) -> None:
    a = write_fake_model(tmp_path / "a.onnx", busy_s=0.001)
    b = write_fake_model(tmp_path / "b.onnx", busy_s=0.002)
    out = tmp_path / "gates.xml"
    options = ["--backend", FAKE, "--threads", "1", "--quick", "--processes", "4", "--min-time", "50ms"]
    done = run(a, "--against", b, *options, "--fail-if-slower", "5%", "--junit", out, "--json", "-q")
    assert done.returncode == 1, done.stderr
    made = json.loads(done.stdout)
    VALIDATOR.validate(made)
    (each,) = made["comparisons"]
    assert (each["name"], each["a"]["name"], each["a"]["threads"]) == ("b.onnx", "a.onnx", 1)
    outcomes = {gate["figure"]: gate["outcome"] for gate in made["gates"]}
    assert outcomes["latency_p50"] == outcomes["cpu_s_per_inference"] == "failed"
    assert "b.onnx on " in done.stderr
    assert "the whole interval is past the limit of 5.00 %" in done.stderr
    suite = ElementTree.parse(out).getroot()[0]  # noqa: S314 - our own file
    cases = {case.get("name"): case for case in suite}
    assert cases["latency_p50 not slower"].find("failure") is not None


def test_the_self_test_takes_the_included_model_and_gives_a_floor() -> None:
    done = run("--self-test", "--quick", "--threads", "1", "--processes", "2", "--min-time", "50ms", "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    VALIDATOR.validate(made)
    (each,) = made["comparisons"]
    assert each["a"] == each["b"]
    assert each["a"]["path"] == str(find_model(Path("digits")))
    floor = {entry["figure"]: entry for entry in made["self_test"]}
    assert set(floor) >= {"latency_p50", "load", "ram_peak"}
    assert all(0 < entry["visible"] <= entry["safe_limit"] for entry in floor.values())


def test_two_backends_of_a_model_are_compared_by_two_names(tmp_path: Path) -> None:
    a = write_fake_model(tmp_path / "a.onnx")
    done = run(a, "--against", a, "--backend", f"{FAKE},onnxruntime", "--quick", "--threads", "1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "onnxruntime" in done.stderr or "ONNX" in done.stderr  # which cannot read what the fake one reads


def test_a_missing_model_is_told_in_one_line(tmp_path: Path) -> None:
    a = write_fake_model(tmp_path / "a.onnx")
    done = run(a, "--against", tmp_path / "gone.onnx", "--backend", FAKE)
    assert done.returncode == 2
    assert "gone.onnx" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    a = write_fake_model(tmp_path / "a.onnx", busy_s=0.001)
    before = {*Path("/dev/shm").glob("edgeai-bench-*"), *Path("/tmp").glob("edgeai-bench-*")}  # noqa: S108
    with subprocess.Popen(
        command(a, "--against", a, "--backend", FAKE, "--threads", "1", "--min-time", "20s"),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        end = time.monotonic() + 30
        while not children_of(process.pid) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(1.0)
        workers = children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    assert workers
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    after = {*Path("/dev/shm").glob("edgeai-bench-*"), *Path("/tmp").glob("edgeai-bench-*")}  # noqa: S108
    own = {folder for folder in after - before if folder.stat().st_uid == os.getuid() and is_of_none(folder)}
    assert own == set()


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def is_of_none(folder: Path) -> bool:
    """Whether nobody holds the lock of a folder: then its launcher has gone without removing it."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
