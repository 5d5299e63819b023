"""`edgeai bench` measures energy: on played trees of all boards with a sensor, and what it says elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import edgeai_bench
from edgeai.cli.options import complete_meters
from edgeai.device import detect
from edgeai.measure.energy import Energy
from edgeai.measure.statistics import Estimate
from edgeai.power import METERS, Meter, Site, find_meter
from edgeai.sysroot import SysRoot
from edgeai.testing import PlayedRoot, swinging
from edgeai.unavailable import Unavailable
from edgeai_bench.energy import EnergyOutcome
from edgeai_bench.energy_doubts import about_energy, about_tree
from edgeai_bench.energy_options import AUTO, REQUIRE, EnergyAsked
from edgeai_bench.plan import EnergyPlan, Plan
from edgeai_bench.reading import from_json
from edgeai_bench.report import Doubt, document
from edgeai_bench.shared_results import LIMIT_BYTES, shared_text
from tests.benchmarks.made_up import ENERGY, RECORD, report, samples_ns
from tests.command import call

BOARDS = Path(__file__).parents[1] / "boards"
SCHEMA = json.loads((Path(edgeai_bench.__file__).parent / "report.schema.json").read_text(encoding="utf-8"))
SHORT = ("--backend", "onnxruntime", "--threads", "1", "--processes", "1", "--min-runs", "20", "--min-time")
SHORT += ("0.1", "--warm-up", "0.5")
TRUE_W = swinging(6.0, 1.0, 1.0)
"""What the played boards draw: its mean over a second is 6 W, so that windows of some seconds agree."""
PUBLISHED_W = {
    "jetson-orin-nano": 9.250,
    "jetson-agx-orin": 12.617,
    "jetson-thor": 38.25,
    "jetson-nano": 1.805,
}
"""What these trees show, computed by hand from their files; of others the meter is believed."""


@dataclass(frozen=True)
class Board:
    """A tree whose sensor works. shows_w: what its gauges show in total; None for counters."""

    name: str
    meter: str
    kind: str
    shows_w: float | None
    counters: int

    def played(self) -> PlayedRoot:
        return PlayedRoot(BOARDS / self.name, TRUE_W, shows_w=self.shows_w, counters=self.counters)


def found() -> Iterator[Board]:
    """Every tree on which a sensor of the table works; a new tree is picked up."""
    for tree in sorted(path for path in BOARDS.iterdir() if path.is_dir()):
        root = SysRoot(tree)
        meter: Meter | Unavailable = find_meter(Site(root, detect(root)))
        if isinstance(meter, Unavailable):
            continue
        counted = [at for at, rail in enumerate(meter.info.rails) if rail.counted]
        shows_w = None
        if meter.info.kind == "gauge_w":
            values = meter.read()
            shows_w = PUBLISHED_W.get(tree.name, sum(values[at] for at in counted))
        meter.close()
        if not meter.info.is_estimate:
            yield Board(tree.name, meter.info.name.partition("=")[0], meter.info.kind, shows_w, len(counted))


def bench(*words: object, timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
    """In a process of its own, so that many can wait at once."""
    command = [sys.executable, "-m", "edgeai", "bench", "digits", "--json", "-q", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=timeout, env=environment
    )


def check_played(board: Board, *words: object, timeout: float = 300.0) -> None:
    """One board under a known power: the section is there, and it holds the true joules."""
    with board.played() as played:
        done = bench("--root", played.path, *SHORT, *words, timeout=timeout)
        assert done.returncode == 1, done.stderr  # INVALID: it is a tree
        made = json.loads(done.stdout)
        jsonschema.Draft202012Validator(SCHEMA).validate(made)
        run = made["runs"][0]
        energy = run["energy"]
        assert "unavailable" not in energy, (board, energy)
        assert energy["meter"].partition("=")[0] == board.meter
        assert energy["scope"]
        assert f"{len(energy['windows'])} windows of " in energy["method"]
        began_s = energy["trace"]["began_s"]
        runs = sum(window["runs"] for window in energy["windows"])
        true_j = sum(played.joules(began_s + w["begin_s"], began_s + w["end_s"]) for w in energy["windows"])
        slack = late(played, 2.0)
        gross, net = energy["gross_j"], energy["net_j"]
        assert gross["low"] * (1 - slack) <= true_j / runs <= gross["high"] * (1 + slack), board
        assert gross["value"] == pytest.approx(true_j / runs, rel=0.05 + slack), board
        # The power that is played knows nothing of the load.
        assert abs(net["value"]) <= max(net["value"] - net["low"], 0.1 * gross["value"]), board
        assert energy["idle_w"] == pytest.approx(6.0, rel=0.1 + slack), board
        assert run["identity"]["tree"] == str(played.path)
        assert run["identity"]["device_profile"] == detect(SysRoot(BOARDS / board.name)).profile.id
        assert "played_tree" in [doubt["name"] for doubt in run["warnings"]]
        assert run["memory"]["peak"]["value"] > 10e6  # RAM is this machine's


def late(played: PlayedRoot, window_s: float) -> float:
    """By which share a window may be off because this machine was too busy to play a board on time."""
    return 2 * played.late_s / window_s


def check_all(boards: Sequence[Board], *words: object, at_once: int, timeout: float = 300.0) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(check_played, board, *words, timeout=timeout) for board in boards]:
            done.result()


OF_EACH_FORM = ("rapl-psys", "ina3221", "pmic", "battery")
"""A counter, volts times amperes, a firmware's text, and a slow sensor."""


def test_played_boards_of_each_form_of_sensor_show_their_true_joules() -> None:
    by_meter = {board.meter: board for board in found()}
    check_all([by_meter[meter] for meter in OF_EACH_FORM], "--quick", at_once=4)


@pytest.mark.long
def test_every_played_board_shows_its_true_joules() -> None:
    boards = list(found())
    assert {board.meter for board in boards} > set(OF_EACH_FORM)
    check_all(boards, "--quick", at_once=4)


@pytest.mark.long
def test_full_windows_show_the_true_joules_closely() -> None:
    by_kind = {board.kind: board for board in found()}
    words = (*SHORT, "--energy", "require")
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(check_full, board, words) for board in by_kind.values()]:
            done.result()


def check_full(board: Board, words: Sequence[str]) -> None:
    with board.played() as played:
        done = bench("--root", played.path, *words, timeout=400)
        assert done.returncode == 1, done.stderr
        energy = json.loads(done.stdout)["runs"][0]["energy"]
        windows, began_s = energy["windows"], energy["trace"]["began_s"]
        assert len(windows) == 5
        for window in windows:
            begin_s, end_s = window["begin_s"], window["end_s"]
            assert end_s - begin_s >= 10.0
            true_j = played.joules(began_s + begin_s, began_s + end_s)
            assert window["energy_j"] == pytest.approx(true_j, rel=0.02 + late(played, 10.0)), board


def test_a_counter_that_never_moves_is_stale() -> None:
    done = bench("--root", BOARDS / "x86-64", *SHORT, "--quick")
    run = json.loads(done.stdout)["runs"][0]
    assert run["energy"]["unavailable"].startswith("stale: ")
    assert "energy_unavailable" in [doubt["name"] for doubt in run["warnings"]]


def test_energy_that_is_required_and_comes_out_stale_is_missing() -> None:
    asked = EnergyAsked(REQUIRE)
    assert asked.is_missing([report(energy=ENERGY), report(energy=Unavailable("stale", "look at it"))])
    assert not asked.is_missing([report(energy=ENERGY)])
    assert not EnergyAsked(AUTO).is_missing([report(energy=Unavailable("stale", "look at it"))])


def sensor_here() -> bool:
    found = find_meter(Site(SysRoot(), detect()))
    return not isinstance(found, Unavailable) and not found.info.is_estimate


@pytest.mark.skipif(sensor_here(), reason="this machine has a power sensor")
def test_without_a_sensor_the_reason_is_printed_and_what_to_do() -> None:
    done = call("bench", "digits", "--quick", *SHORT, "-q")
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "energy unavailable: " in text
    why = find_meter(Site(SysRoot(), detect()))
    assert isinstance(why, Unavailable)
    assert f"{why.unavailable}; {why.advice}" in text


def test_energy_can_be_left_out() -> None:
    done = call("bench", "digits", "--quick", *SHORT, "-q", "--energy", "off", "--json")
    assert done.document["runs"][0]["energy"] == {
        "unavailable": "it was not asked for",
        "advice": "measure with --energy auto, which is the default",
    }


BARE = str(BOARDS / "arm64")
ESTIMATED = str(BOARDS / "raspberry-pi-4")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--energy", "require", "--root", BARE), 3, "--energy require: this machine has no power sensor"),
        (("--meter", "rapl", "--root", BARE), 3, "--meter rapl: "),
        (
            ("--energy", "require", "--root", ESTIMATED),
            3,
            "there is only an estimate from a model of the board",
        ),
        (("--meter", "rappl"), 2, "no meter is called 'rappl'; did you mean rapl?"),
        (("--meter", "rapl", "--energy", "off"), 2, "--energy off measures none"),
        (("--energy", "maybe"), 2, "'maybe' is not one of"),
        (("--root", "/no/such/tree"), 2, "does not exist"),
        (("--root", BARE, "--results", "out"), 2, "--results keeps figures of machines, and --root is none"),
        (("--self-test", "--energy", "require"), 2, "a comparison holds latency and RAM against each other"),
        (("--against", "digits", "--meter", "rapl"), 2, "leave --meter out"),
        (("--on", "ssh://pi@pi5", "--root", BARE), 2, "--root goes without --on"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_measured(
    words: tuple[str, ...], code: int, said: str
) -> None:
    done = call("bench", "digits", *words)
    assert done.code == code, done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_meters_complete_by_name() -> None:
    assert complete_meters(None, None, "ra") == [name for name in METERS if name.startswith("ra")]  # type: ignore[arg-type]


def test_energy_of_mlperf_is_of_the_same_run_and_idle_is_in_it() -> None:
    board = next(board for board in found() if board.name == "x86-64")
    with board.played() as played:
        words = ("--model", "digits", "--mlperf", "singlestream", "--min-time", "2", "--min-runs", "50")
        made = bench("--root", played.path, "--quick", *SHORT, *words)
        run = json.loads(made.stdout)["runs"][0]
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(made.stdout))
    mlperf, energy = run["mlperf"], run["mlperf"]["energy"]
    assert (energy["meter"], energy["scope"]) == (run["energy"]["meter"], run["energy"]["scope"])
    assert energy["power_w"]["value"] == pytest.approx(6.0, rel=0.1)
    per_query_j = energy["power_w"]["value"] * mlperf["duration_s"] / mlperf["queries"]
    assert energy["energy_per_query_j"]["value"] == pytest.approx(per_query_j)
    assert energy["energy_per_sample_j"] == energy["energy_per_query_j"]
    assert energy["energy_per_query_j"]["low"] < per_query_j < energy["energy_per_query_j"]["high"]


ASKED = Plan(energy=EnergyPlan())


def doubts(energy: Energy | Unavailable, plan: Plan = ASKED) -> dict[str, Doubt]:
    return {doubt.name: doubt for doubt in about_energy(EnergyOutcome(energy), plan)}


def test_energy_that_was_seen_well_gives_no_doubt() -> None:
    assert doubts(ENERGY) == {}


def sampling(slowdown: Estimate | None) -> Energy:
    return replace(ENERGY, sampling=replace(ENERGY.sampling, slowdown=slowdown))


def test_sampling_that_slows_the_model_is_told_of_where_that_is_certain() -> None:
    slow = doubts(sampling(Estimate(1.041, 1.012, 1.071)))
    assert slow["energy_sampling_slows"].message == (
        "reading the sensor makes an inference 4.1% slower [1.2%, 7.1%]: the joules hold that too"
    )
    assert doubts(sampling(Estimate(1.019, 1.012, 1.025))) == {}
    assert doubts(sampling(Estimate(1.05, 0.97, 1.13))) == {}
    assert doubts(sampling(None)) == {}


def test_what_the_integration_doubts_is_among_the_warnings() -> None:
    made = doubts(replace(ENERGY, doubts={"few_updates": "the sensor changed 12 times in a window"}))
    assert made["energy_few_updates"].message == "the sensor changed 12 times in a window"
    assert "updates faster" in made["energy_few_updates"].advice


def test_an_estimate_and_a_first_look_are_named() -> None:
    assert "energy_estimated" in doubts(replace(ENERGY, is_estimate=True))
    quick = doubts(ENERGY, replace(ASKED, quick=True))["energy_quick"]
    assert quick.message == "a first look at energy: 5 windows of 10 s"


def test_no_doubt_about_energy_changes_the_verdict_of_latency() -> None:
    worst = replace(
        sampling(Estimate(1.5, 1.4, 1.6)), is_estimate=True, doubts={"idle_drift": "it drifted", "new": "new"}
    )
    every = [
        *doubts(worst, replace(ASKED, quick=True)).values(),
        *doubts(Unavailable("stale", "look")).values(),
    ]
    assert {doubt.effect for doubt in every} == {"note"}
    assert len(every) == 6


def test_a_tree_makes_a_run_invalid() -> None:
    (doubt,) = about_tree(Plan(tree="tests/boards/x86-64"))
    assert (doubt.name, doubt.effect) == ("played_tree", "invalid")
    assert "tests/boards/x86-64" in doubt.message
    assert list(about_tree(Plan())) == []


def test_a_report_with_energy_is_read_back_as_it_was_written() -> None:
    made = report(energy=ENERGY)
    text = json.dumps(document([made], [])).encode()
    assert from_json(text, "r.json")[0] == [made]


def test_a_report_of_before_there_was_energy_is_still_read() -> None:
    made: dict[str, Any] = document([report()], [])
    made["runs"][0]["energy"] = {"unavailable": "edgeai reads no power sensor yet", "advice": "use a meter"}
    (read,), _ = from_json(json.dumps(made).encode(), "r.json")
    assert read.energy == Unavailable("edgeai reads no power sensor yet", "use a meter")
    assert read.identity.tree is None


def test_shared_results_hold_a_short_trace_and_no_address() -> None:
    made = report(
        energy=replace(
            ENERGY,
            meter="shelly=http://10.0.0.7",
            method="shelly=http://10.0.0.7, power integrated over time: 5 windows of 10 s",
            trace=replace(
                ENERGY.trace,
                times_s=tuple(at * 0.05001 for at in range(2000)),
                power_w=tuple(None if at == 7 else 5.87654321 for at in range(2000)),
            ),
        )
    )
    command = ("edgeai", "bench", "m.onnx", "--meter", "shelly=http://10.0.0.7")
    made = replace(made, identity=replace(made.identity, command=command))
    text = shared_text([replace(made, processes=(replace(RECORD, samples_ns=samples_ns(count=9_000)),) * 5)])
    assert len(text.encode()) <= LIMIT_BYTES
    assert "10.0.0.7" not in text
    energy = json.loads(text)["runs"][0]["energy"]
    assert energy["gross_j"] == {"value": 0.0712, "low": 0.0699, "high": 0.0725}
    times, watts = energy["trace"]["times_s"], energy["trace"]["power_w"]
    assert 20 < len(times) < 2000
    assert len(times) == len(watts)
    assert (watts[0], watts[-1]) == (None, 5.877)  # a gap stays one
