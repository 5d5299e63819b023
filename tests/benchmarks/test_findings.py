"""What the doctor finds beside a run: recorded once each, and doubted once for each cause."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai.doctor import CHECKS, SEVERITIES, Finding, examine, patient_of_tree
from edgeai_bench.findings import _RULES, RECORDED, about_findings, look, seen_in
from edgeai_bench.plan import QUICK
from edgeai_bench.reading import from_json
from edgeai_bench.report import Doubt, SeenFinding, document
from edgeai_bench.verdict import verdict_of
from tests.benchmarks.made_up import report
from tests.command import call

BOARDS = Path(__file__).parents[1] / "boards"
PI_4 = BOARDS / "raspberry-pi-4"
THROTTLED = Doubt("throttled", "invalid", "the board was throttled while it was measured", "cool it")


def found_on(tree: Path) -> tuple[Finding, ...]:
    return look(replace(QUICK, tree=str(tree)))


def doubts_of(tree: Path, *known: Doubt) -> list[Doubt]:
    found = found_on(tree)
    return list(about_findings(seen_in(found, found), known))


def sick(tmp_path: Path, text: str) -> Path:
    """A Pi 4 whose firmware shows these flags."""
    tree = tmp_path / "tree"
    shutil.copytree(PI_4, tree)
    (tree / "sys/devices/platform/soc/soc:firmware/get_throttled").write_text(text)
    return tree


def test_only_checks_that_read_files_are_recorded() -> None:
    assert set(RECORDED) & {"backends", "accelerators", "permissions", "disk", "store"} == set()
    assert not any(CHECKS[name].apart for name in RECORDED)
    assert {"under-voltage", "throttling", "governor", "power-mode", "swap", "owners"} <= set(RECORDED)


def test_a_board_that_is_throttled_now_makes_a_run_invalid_with_one_doubt(tmp_path: Path) -> None:
    doubts = doubts_of(sick(tmp_path, "50005\n"))
    assert [(doubt.name, doubt.effect) for doubt in doubts] == [
        ("throttled", "invalid"),
        ("governor", "note"),
    ]
    assert verdict_of(doubts) == "INVALID"


def test_what_the_processes_saw_themselves_is_not_doubted_twice(tmp_path: Path) -> None:
    assert [doubt.name for doubt in doubts_of(sick(tmp_path, "50005\n"), THROTTLED)] == ["governor"]


def test_throttling_of_before_the_run_is_a_note() -> None:
    doubts = doubts_of(PI_4)
    assert [(doubt.name, doubt.effect) for doubt in doubts] == [
        ("throttled_since_boot", "note"),
        ("governor", "note"),
    ]
    assert verdict_of(doubts) == "VALID"


def test_a_small_power_mode_and_moving_clocks_are_notes() -> None:
    doubts = doubts_of(BOARDS / "jetson-orin-nx")
    assert [(doubt.name, doubt.effect) for doubt in doubts] == [
        ("power_mode", "note"),
        ("clocks_not_pinned", "note"),
    ]
    assert doubts[0].advice == "sudo nvpmodel -m 0"


def test_the_governor_that_keeps_the_lowest_clock_is_noise(tmp_path: Path) -> None:
    tree = tmp_path / "pc"
    shutil.copytree(BOARDS / "x86-64", tree)
    assert [(doubt.name, doubt.effect) for doubt in doubts_of(tree)] == [("governor", "note")]
    (tree / "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver").write_text("acpi-cpufreq")
    assert [(doubt.name, doubt.effect) for doubt in doubts_of(tree)] == [("governor", "noisy")]


def test_each_finding_is_kept_once_with_when_it_was_seen() -> None:
    a, b, c = (
        Finding("note", what, "why", "mend", check)
        for what, check in (("a", "swap"), ("b", "fan"), ("c", "swap"))
    )
    seen = seen_in([a, b], [b, c])
    assert [(each.what, each.seen) for each in seen] == [("b", "throughout"), ("a", "before"), ("c", "after")]


def test_a_doubt_says_when_only_one_look_saw_it() -> None:
    hot = Finding("warning", "cpu is at 83 °C, its limit is 85 °C", "why", "cool it", "temperature")
    (doubt,) = about_findings(seen_in([], [hot]), [])
    assert doubt == Doubt("hot", "note", "cpu is at 83 °C, its limit is 85 °C (after the run)", "cool it")


def test_the_rules_name_checks_that_are_recorded() -> None:
    assert {check for check, _ in _RULES} <= set(RECORDED)
    assert {severity for _, severity in _RULES} <= set(SEVERITIES)
    assert {rule.effect for rule in _RULES.values()} <= {"invalid", "noisy", "note"}


@pytest.mark.parametrize("name", sorted(path.name for path in BOARDS.iterdir() if path.is_dir()))
def test_every_boards_findings_can_be_written_and_read_back(name: str) -> None:
    found = examine(patient_of_tree(BOARDS / name), RECORDED)
    made = report(findings=seen_in(found, found))
    (back,), _ = from_json(json.dumps(document([made], [])).encode(), "a file")
    assert back.findings == made.findings


def test_a_report_of_before_there_was_a_doctor_is_still_read() -> None:
    written = document([report()], [])
    assert "findings" not in written["runs"][0]
    (back,), _ = from_json(json.dumps(written).encode(), "a file")
    assert back.findings is None


def test_a_real_run_records_what_the_doctor_finds_here() -> None:
    (run, *_) = call(
        "bench", "digits", "--quick", "--backend", "onnxruntime", "--energy", "off", "--json"
    ).document["runs"]
    now = [finding.what for finding in look(QUICK) if finding.check not in ("temperature", "swap")]
    recorded = [SeenFinding(**finding) for finding in run["findings"]]
    assert [each.what for each in recorded if each.check not in ("temperature", "swap")] == now
    assert {each.seen for each in recorded} <= {"throughout", "before", "after"}
