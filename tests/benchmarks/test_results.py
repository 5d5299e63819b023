"""Results that are kept are small and named by device, date and model; the README's table is theirs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from click.testing import CliRunner

import edgeai_bench
from edgeai.errors import InputError, UsageError
from edgeai.unavailable import Unavailable
from edgeai_bench.profiling import ProfileResult
from edgeai_bench.reading import from_json, read_document
from edgeai_bench.report import document
from edgeai_bench.results import BEGIN, END, main, read_results, results_table, with_table
from edgeai_bench.shared_results import LIMIT_BYTES, shared_text, write_results
from tests.benchmarks.made_up import DOUBT, MLPERF, PROFILE, RECORD, SOAK, report, samples_ns
from tests.command import call

if TYPE_CHECKING:
    from edgeai_bench.report import Report

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCHEMA = json.loads((Path(edgeai_bench.__file__).parent / "report.schema.json").read_text("utf-8"))


def of(name: str = "mobilenet.onnx", **changes: Any) -> Report:
    """A run of a model; keywords are fields of its identity."""
    made = report()
    return replace(
        made,
        model=replace(made.model, path=f"/home/pi/{name}"),
        identity=replace(made.identity, **changes),
    )


def large(made: Report, count: int = 20_000) -> Report:
    record = replace(RECORD, samples_ns=samples_ns(count=count), runs=count)
    return replace(made, processes=(record,) * 5, latency=replace(made.latency, samples=5 * count))


def notes(made: Report) -> list[str]:
    return [doubt.message for doubt in made.warnings if doubt.name == "thinned"]


def test_the_table_in_the_readme_is_what_the_files_give() -> None:
    text = (BENCHMARKS / "README.md").read_text("utf-8")
    reports = read_results(BENCHMARKS / "results")
    assert len(reports) >= 4, "digits and motions on two backends"
    assert with_table(text, results_table(reports), "README.md") == text


def test_kept_results_are_small_whole_and_name_no_folder() -> None:
    files = sorted((BENCHMARKS / "results").glob("*/*.json"))
    assert files
    for file in files:
        text = file.read_text("utf-8")
        assert len(text.encode()) <= LIMIT_BYTES, file
        made = json.loads(text)
        if made.get("kind") != "edgeai.bench":
            continue
        jsonschema.Draft202012Validator(SCHEMA).validate(made)
        for run in made["runs"]:
            assert file.parent.name == run["identity"]["device_profile"]
            assert file.name.startswith(run["identity"]["started_utc"][:10])
            assert not any(
                word.startswith("/") for word in [run["model"]["path"], *run["identity"]["command"]]
            )


def test_a_file_is_named_by_device_date_and_model(tmp_path: Path) -> None:
    write_results(
        tmp_path / "deep",
        [of("a b.onnx"), of("a b.onnx", backend="litert"), of("door.edge", device_profile="x86-64")],
    )
    files = sorted((tmp_path / "deep").glob("*/*"))
    assert [str(file.relative_to(tmp_path / "deep")) for file in files] == [
        "raspberry-pi-5/2025-01-01-a-b.onnx.json",
        "x86-64/2025-01-01-door.json",
    ]
    assert [run.identity.backend for run in read_document(files[0])[0]] == ["onnxruntime", "litert"]


def test_a_small_result_keeps_every_sample() -> None:
    made = of()
    ((shared,), _) = from_json(shared_text([made]).encode(), "x")
    assert shared.processes == made.processes
    assert notes(shared) == []


def test_samples_are_thinned_until_the_file_is_small_and_figures_stay() -> None:
    made = large(of())
    text = shared_text([made])
    assert 40_000 < len(text.encode()) <= LIMIT_BYTES, "no more is dropped than has to be"
    ((shared,), _) = from_json(text.encode(), "x")
    (note,) = notes(shared)
    every = shared.processes[0].keep_every
    assert f"1 of every {every} is kept" in note
    assert [each.samples_ns for each in shared.processes] == [
        each.samples_ns[::every] for each in made.processes
    ]
    assert shared.processes[0].runs == 20_000
    assert (shared.latency, shared.memory, shared.start) == (made.latency, made.memory, made.start)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text))


def test_what_was_thinned_already_is_thinned_on() -> None:
    made = large(of())
    made = replace(made, processes=tuple(replace(each, keep_every=3) for each in made.processes))
    ((shared,), _) = from_json(shared_text([made]).encode(), "x")
    thinned = len(made.processes[0].samples_ns) / len(shared.processes[0].samples_ns)
    assert shared.processes[0].keep_every == 3 * round(thinned)


def test_a_long_soak_is_thinned_too() -> None:
    made = replace(of(), soak=replace(SOAK, blocks=SOAK.blocks * 2000, glances=SOAK.glances * 2000))
    text = shared_text([made])
    assert len(text.encode()) <= LIMIT_BYTES
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text))


def test_operators_of_a_large_model_are_left_out_where_all_else_does_not_help() -> None:
    operators = PROFILE.operators * 2000
    made = replace(large(of(), 500), profile=replace(PROFILE, operators=operators))
    ((shared,), _) = from_json(shared_text([made]).encode(), "x")
    assert isinstance(shared.profile, Unavailable)
    ((shared,), _) = from_json(shared_text([replace(of(), profile=PROFILE)]).encode(), "x")
    assert isinstance(shared.profile, ProfileResult)
    assert shared.profile.operators == PROFILE.operators


def test_runs_that_do_not_fit_into_one_file_get_one_each(tmp_path: Path) -> None:
    write_results(tmp_path, [large(of(threads=threads), 500) for threads in range(1, 13)])
    files = sorted(tmp_path.glob("*/*"))
    assert len(files) == 12
    assert files[0].name == "2025-01-01-mobilenet.onnx.onnxruntime.1-threads.json"
    assert max(file.stat().st_size for file in files) <= LIMIT_BYTES
    assert len(read_results(tmp_path)) == 12


def test_folders_of_the_machine_are_left_out() -> None:
    command = ("/home/pi/.venv/bin/edgeai", "bench", "/home/pi/mobilenet.onnx", "--rate", "10/s", "/")
    made = of(command=command)
    doubt = replace(DOUBT, message="ran on 64 of /home/pi/x.npz")
    made = replace(
        made,
        settings=replace(made.settings, inputs="/home/pi/x.npz"),
        warnings=(doubt,),
        mlperf=replace(MLPERF, samples_from="64 of /home/pi/x.npz"),
    )
    text = shared_text([made])
    assert "/home/pi" not in text
    run = json.loads(text)["runs"][0]
    assert run["identity"]["command"] == ["edgeai", "bench", "mobilenet.onnx", "--rate", "10/s", "/"]
    assert run["warnings"][0]["message"] == "ran on 64 of x.npz"
    assert run["mlperf"]["samples_from"] == "64 of x.npz"


def test_the_table_is_sorted_and_holds_the_newest_run_of_each(tmp_path: Path) -> None:
    old, new = "2025-01-01T12:00:00+00:00", "2025-02-01T12:00:00+00:00"
    write_results(tmp_path, [of("b.onnx"), of("a.onnx", threads=10), of("a.onnx", threads=2)])
    write_results(tmp_path, [of("a.onnx", threads=2, started_utc=new, library_version="1.31.1")])
    write_results(tmp_path, [of("a.onnx", threads=2, started_utc=old, device_profile="jetson-nano")])
    found = read_results(tmp_path)
    assert [(each.identity.device_profile, each.identity.threads) for each in found] == [
        ("jetson-nano", 2), ("raspberry-pi-5", 2), ("raspberry-pi-5", 10), ("raspberry-pi-5", 4),
    ]  # fmt: skip
    lines = results_table(found).splitlines()
    assert lines[3] == (
        "| a.onnx | raspberry-pi-5 (Raspberry Pi 5 Model B Rev 1.0) | onnxruntime 1.31.1 | 2 | 12.3 ms | "
        "\\[12.2 ms, 12.4 ms\\] | 91.3 MB | VALID | 2025-02-01, edgeai 0.1.0 |"
    )
    assert len([line for line in lines if line.startswith("|")]) == 2 + 4


def test_a_quick_run_and_a_noisy_one_are_marked() -> None:
    made = of()
    quick = replace(made, verdict="NOISY", settings=replace(made.settings, quick=True))
    assert "| NOISY, quick |" in results_table([quick])
    assert "first look" in results_table([quick])
    assert "first look" not in results_table([made])


def test_other_documents_are_passed_over_and_damaged_ones_are_not(tmp_path: Path) -> None:
    write_results(tmp_path, [of()])
    (tmp_path / "raspberry-pi-5" / "gate.json").write_text('{"kind": "edgeai.compare"}', "utf-8")
    (tmp_path / "loose.json").write_text("{", "utf-8")
    assert len(read_results(tmp_path)) == 1
    (tmp_path / "raspberry-pi-5" / "z.json").write_text("{", "utf-8")
    with pytest.raises(InputError, match=r"z\.json is no JSON"):
        read_results(tmp_path)


def test_the_command_writes_the_table_once_and_says_when_it_is_old(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nmore\n", "utf-8")
    (tmp_path / "results").mkdir()
    words = ["--results", str(tmp_path / "results"), "--readme", str(readme)]

    def run(*more: str) -> int:
        done = CliRunner().invoke(main, [*words, *more], standalone_mode=False)
        assert done.exception is None, done.exception
        return int(done.return_value)

    assert run("--check") == 1
    assert run() == 0
    assert readme.read_text("utf-8") == f"# Title\n\n{BEGIN}\n\nNo results yet.\n\n{END}\n\nmore\n"
    write_results(tmp_path / "results", [of()])
    assert run("--check") == 1
    assert run() == run() == run("--check") == 0
    assert readme.read_text("utf-8").count("| mobilenet.onnx |") == 1


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_readme_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"README\.md must hold the lines"):
        with_table(text, "table", "README.md")


def test_results_of_a_real_run_are_written_where_they_were_asked_for(tmp_path: Path) -> None:
    words = ("--quick", "--processes", 1, "--min-runs", 5, "--min-time", 0.02, "--warm-up", 0.05)
    done = call("bench", "motions", *words, "--backend", "onnxruntime", "--results", tmp_path / "r", "--json")
    assert done.code in (0, 1), done.err
    (file,) = (tmp_path / "r").glob("*/*")
    assert f"wrote {file}" in done.err
    device, date = done.document["runs"][0]["identity"]["device_profile"], _date(done.document)
    assert file == tmp_path / "r" / device / f"{date}-motions.json"


def _date(made: Any) -> str:
    return str(made["runs"][0]["identity"]["started_utc"])[:10]


def test_a_place_that_cannot_be_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", "utf-8")
    done = call("bench", "motions", "--results", file / "below")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "is no folder; name another place" in done.err
    with pytest.raises(UsageError, match="cannot be made"):
        write_results(file, [of()])


def test_no_folder_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_results(None, [of()])
    assert list(tmp_path.iterdir()) == []
    assert "asked" not in document([of()], [])
