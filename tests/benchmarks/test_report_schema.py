"""What `edgeai bench --json` writes is what report.schema.json says, field by field and nothing besides."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import psutil
import pytest

import edgeai_bench
from edgeai import unavailable
from edgeai.measure import conditions, energy, memory, protocol, soak, statistics
from edgeai_bench import (
    figures,
    limits,
    mlperf,
    mlperf_energy,
    pipeline_report,
    profiling,
    soak_report,
)
from edgeai_bench import report as reports
from edgeai_bench.report import (
    OF_BOARDS,
    OF_BUNDLES,
    OF_LONG_RUNS,
    OF_PREPARED,
    OF_SUITES,
    OF_THE_DOCTOR,
    Failure,
    document,
)
from tests.benchmarks.made_up import (
    BUNDLE,
    DOUBT,
    ENERGY,
    MLPERF,
    PACED,
    PIPELINE,
    PROFILE,
    QUIET,
    RECORD,
    SOAK,
    STAGES,
    STREAM,
    STREAMED,
    report,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEMA: dict[str, Any] = json.loads(
    (Path(edgeai_bench.__file__).parent / "report.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
DATACLASSES: dict[str, Any] = {
    "Run": reports.Report,
    "Doubt": reports.Doubt,
    "SeenFinding": reports.SeenFinding,
    "Estimate": statistics.Estimate,
    "ModelIdentity": reports.ModelIdentity,
    "Tensor": protocol.Tensor,
    "Identity": reports.Identity,
    "Settings": reports.Settings,
    "Latency": figures.Latency,
    "Start": reports.Start,
    "MemoryUse": reports.MemoryUse,
    "PacedResult": reports.PacedResult,
    "Unavailable": unavailable.Unavailable,
    "ProcessRecord": reports.ProcessRecord,
    "PhaseRecord": reports.PhaseRecord,
    "Memory": memory.Memory,
    "Conditions": conditions.Conditions,
    "Change": conditions.Change,
    "Failure": reports.Failure,
    "BundleIdentity": pipeline_report.BundleIdentity,
    "BundleModel": pipeline_report.BundleModel,
    "PipelineResult": pipeline_report.PipelineResult,
    "StageResult": pipeline_report.StageResult,
    "StreamResult": pipeline_report.StreamResult,
    "PipelineMeasured": protocol.PipelineMeasured,
    "StageSamples": protocol.StageSamples,
    "Streamed": protocol.Streamed,
    "MlperfResult": mlperf.MlperfResult,
    "QueryTimes": mlperf.QueryTimes,
    "ServerLimit": mlperf.ServerLimit,
    "SoakResult": soak_report.SoakResult,
    "SoakMinute": soak_report.SoakMinute,
    "SoakCourse": soak_report.SoakCourse,
    "SoakBlock": soak.Block,
    "SoakGlance": soak.Glance,
    "Comparison": statistics.Comparison,
    "LimitVerdict": limits.LimitVerdict,
    "ProfileResult": profiling.ProfileResult,
    "OperatorShare": profiling.OperatorShare,
    "TypeShare": profiling.TypeShare,
    "ProviderShare": profiling.ProviderShare,
    "Energy": energy.Energy,
    "EnergyWindow": energy.EnergyWindow,
    "IdleSpan": energy.IdleSpan,
    "Sampling": energy.Sampling,
    "PowerTrace": energy.PowerTrace,
    "QueryEnergy": mlperf_energy.QueryEnergy,
}
OPTIONAL = (*OF_BOARDS, *OF_BUNDLES, *OF_LONG_RUNS, *OF_PREPARED, *OF_SUITES, *OF_THE_DOCTOR)


def plain(made: dict[str, Any]) -> dict[str, Any]:
    """As a reader of the file gets it: lists where we had tuples."""
    read: dict[str, Any] = json.loads(json.dumps(made, allow_nan=False))
    return read


def a_document() -> dict[str, Any]:
    settings = replace(
        report().settings,
        inputs="/home/pi/inputs.npz",
        input_sha256="0123456789abcdef" * 4,
        values={"sr": 16000.0},
        loops={"state": "next_state"},
    )
    paced = replace(RECORD, paced_change=QUIET, paced_samples_ns=(12_300_000,), paced_keep_every=1)
    full = report(warnings=(DOUBT,), paced=PACED, verdict="NOISY", settings=settings, processes=(paced,) * 5)
    failure = Failure("broken.onnx", None, "ModelError", "broken.onnx is damaged", skipped=False)
    return plain(document([report(), full, long_run(), of_a_stream()], [failure]))


def long_run() -> reports.Report:
    found = reports.SeenFinding("swap", "note", "1.00 MB are in swap", "they are slow", "free it", "after")
    return report(mlperf=MLPERF, soak=SOAK, profile=PROFILE, energy=ENERGY, findings=(found,))


def of_a_stream() -> reports.Report:
    record = replace(RECORD, pipeline=protocol.PipelineMeasured(STAGES, STREAMED))
    model = replace(report().model, format="edge", inputs=(), outputs=(), bundle=BUNDLE)
    return report(model=model, pipeline=replace(PIPELINE, call="hop", stream=STREAM), processes=(record,))


def objects(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of an object in a schema, with where it stands."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path or "/", schema
        for key, value in schema.items():
            yield from objects(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from objects(value, f"{path}/{index}")


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", sorted(DATACLASSES))
def test_each_part_has_the_fields_of_its_dataclass(name: str) -> None:
    fields = [field.name for field in dataclasses.fields(DATACLASSES[name])]
    assert list(SCHEMA["$defs"][name]["properties"]) == fields
    assert SCHEMA["$defs"][name]["required"] == [field for field in fields if field not in OPTIONAL]


def test_no_part_is_without_a_dataclass() -> None:
    assert set(SCHEMA["$defs"]) == set(DATACLASSES)


def test_every_object_is_closed_and_every_field_is_described() -> None:
    for path, schema in objects(SCHEMA):
        assert schema["description"].endswith("."), path
        if "properties" not in schema:  # a mapping by name says what its values are
            assert schema["additionalProperties"]["type"] in {"integer", "number", "string"}, path
            continue
        assert schema["additionalProperties"] is False, path
        assert schema["required"] == [key for key in schema["properties"] if key not in OPTIONAL], path
        for field, told in schema["properties"].items():
            assert told["description"], f"{path}: {field}"


def test_every_field_with_a_unit_in_its_name_says_it_in_its_description() -> None:
    units: dict[str, str | tuple[str, ...]] = {
        "_s": "seconds",
        "_ns": "nanoseconds",
        "_bytes": "ytes",
        "_hz": ("hertz", "per second"),
        "_w": "atts",
        "_j": ("joules", "a joule"),
    }
    for path, schema in objects(SCHEMA):
        for field, told in schema.get("properties", {}).items():
            if path.endswith("/Memory") or field == "samples_per_s":  # bytes, all of them; a rate
                continue
            for suffix, words in units.items():
                if field.endswith(suffix):
                    wanted = words if isinstance(words, tuple) else (words,)
                    assert any(word in told["description"] for word in wanted), f"{path}: {field}"


def test_a_made_up_document_is_valid() -> None:
    VALIDATOR.validate(a_document())


def test_a_document_without_runs_is_valid() -> None:
    VALIDATOR.validate(plain(document([], [])))


def test_a_bare_models_run_is_written_as_before_there_were_bundles() -> None:
    run = a_document()["runs"][0]
    for place in (run, run["model"], *run["processes"]):
        assert not set(OPTIONAL) & set(place)


def test_a_pipeline_that_is_no_stream_is_valid() -> None:
    record = replace(RECORD, pipeline=protocol.PipelineMeasured(STAGES, None))
    made = replace(of_a_stream(), pipeline=PIPELINE, processes=(record,) * 5)
    VALIDATOR.validate(plain(document([made], [])))


def test_what_is_unknown_is_null() -> None:
    made = a_document()
    run = made["runs"][1]
    run["paced"] = run["disk_read_bytes"] = run["samples_per_s"] = None
    run["settings"]["input_sha256"] = run["settings"]["precision"] = None
    run["processes"][0].update(half_width=None, paced_change=None, paced_keep_every=None)
    run["latency"].update(p50=None, p90=None, p95=None, p99=None)
    run["latency"]["mean"].update(low=None, high=None)
    run["memory"] = dict.fromkeys(run["memory"])
    run["processes"][0]["phases"][0]["memory"] = dict.fromkeys(run["processes"][0]["phases"][0]["memory"])
    VALIDATOR.validate(made)


BY_NAME = {"provider_share", "temperatures_c", "throttle_counts", "throttle_events", "values", "loops"}
BY_NAME |= {"quantiles", "stopped_early", "dropped", "sigmas_j", "rails_w", "doubts"}


def places(made: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the objects of a document are that the schema closes; one of each list is enough."""
    if isinstance(made, dict):
        if not at or at[-1] not in BY_NAME:
            yield at
        for key, value in made.items():
            yield from places(value, (*at, key))
    elif isinstance(made, list) and made:
        yield from places(made[-1], (*at, len(made) - 1))


@pytest.mark.parametrize("place", list(places(a_document())), ids=lambda at: ".".join(map(str, at)) or "top")
def test_an_unknown_field_and_a_missing_one_are_refused_everywhere(place: tuple[Any, ...]) -> None:
    def spoiled(spoil: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        made = copy.deepcopy(DOCUMENT)
        inner: Any = made
        for key in place:
            inner = inner[key]
        spoil(inner)
        return made

    assert not VALIDATOR.is_valid(spoiled(lambda inner: inner.update(colour="red")))
    assert not VALIDATOR.is_valid(spoiled(lambda inner: inner.pop(next(iter(inner)))))


DOCUMENT = a_document()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("kind",), "edgeai.prepare"),
        (("runs", 0, "verdict"), "FINE"),
        (("runs", 1, "warnings", 0, "effect"), "fatal"),
        (("runs", 0, "latency", "p50"), 0.0123),
        (("runs", 0, "latency", "min"), "12.3 ms"),
        (("runs", 0, "model", "sha256"), "0123"),
        (("runs", 0, "latency", "max"), None),
        (("runs", 0, "samples_per_s"), 81.2),
        (("runs", 0, "identity", "page_cache"), "lukewarm"),
        (("runs", 0, "settings", "processes"), 0),
        (("runs", 0, "settings", "seed"), None),
        (("runs", 0, "settings", "intervals"), "90 %"),
        (("runs", 0, "settings", "input_sha256"), "0123"),
        (("runs", 1, "settings", "values", "sr"), "16000"),
        (("runs", 1, "settings", "loops", "state"), 1),
        (("runs", 0, "processes", 0, "met_rule"), None),
        (("runs", 0, "processes", 0, "half_width"), -0.01),
        (("runs", 0, "processes", 0, "loop_s"), None),
        (("runs", 1, "processes", 0, "paced_change"), {}),
        (("runs", 0, "processes"), []),
        (("runs", 0, "processes", 0, "samples_ns", 0), 0.5),
        (("runs", 0, "memory", "peak"), 91_000_000),
        (("failures", 0, "skipped"), "no"),
    ],
)
def test_values_of_another_kind_are_refused(path: tuple[Any, ...], value: object) -> None:
    made = copy.deepcopy(DOCUMENT)
    inner: Any = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    assert not VALIDATOR.is_valid(made)


def test_a_real_run_beside_one_that_fails_writes_a_valid_document(
    public_model: Callable[[str], Path], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"\x08\x07" + b"\xff" * 50)
    command = [sys.executable, "-m", "edgeai", "bench", str(public_model("okay-nabu")), str(damaged)]
    options = ["--json", "--quick", "--threads", "1", "--rate", "100/s"]
    options += ["--min-time", "400ms", "--warm-up", "500ms"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2, done.stderr  # the worst of both: a model that is damaged
    made = json.loads(done.stdout)
    VALIDATOR.validate(made)

    run = made["runs"][0]
    assert run["settings"] | {"quick": True, "processes": 2, "rate_hz": 100.0} == run["settings"]
    assert (run["settings"]["seed"], run["settings"]["intervals"]) == (0, "range")
    assert run["settings"]["loops"] == run["settings"]["values"] == {}
    assert run["identity"]["threads"] == 1
    assert run["identity"]["page_cache"].startswith("warm: ")
    assert 0 < run["latency"]["min"] <= run["latency"]["p50"]["value"] <= run["latency"]["p90"]["value"] < 1
    assert run["latency"]["p90"]["value"] <= run["latency"]["max"] < 10
    assert run["latency"]["min"] <= run["latency"]["mean"]["value"] <= run["latency"]["max"]
    assert 50 < run["paced"]["reached_hz"] < 101
    assert [len(process["samples_ns"]) for process in run["processes"]] == [
        -(-process["runs"] // process["keep_every"]) for process in run["processes"]
    ]
    for process in run["processes"]:
        assert process["met_rule"]
        assert process["paced_change"] is not None
        assert 0 < process["loop_s"] < 1e-3
    failure = made["failures"][0]
    assert (failure["model"], failure["error"], failure["skipped"]) == ("damaged.onnx", "ModelError", False)


def test_with_cold_each_process_reads_the_model_from_storage(
    public_model: Callable[[str], Path], tmp_path: Path
) -> None:
    model = tmp_path / "model.tflite"  # a file of our own, which no other process maps
    model.write_bytes(public_model("okay-nabu").read_bytes())
    with model.open("rb") as written:
        os.fsync(written.fileno())  # pages that are not on the disk yet cannot be dropped
    command = [sys.executable, "-m", "edgeai", "bench", str(model), "--json", "--quick", "--cold", "-q"]
    options = ["--threads", "1", "--min-time", "400ms", "--warm-up", "500ms"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    VALIDATOR.validate(made)

    run = made["runs"][0]
    assert run["identity"]["page_cache"].startswith("cold: ")
    file_system = file_system_of(model)
    if file_system in {"tmpfs", "ramfs", "overlay"}:
        pytest.skip(f"{file_system} below {tmp_path} does not read from storage as a disk does")
    if run["disk_read_bytes"] is None:
        pytest.skip("this kernel does not say what a process reads from storage")
    assert run["disk_read_bytes"]["low"] > 0, "the lowest process: each must have read"
    assert run["disk_read_bytes"]["value"] >= run["model"]["size_bytes"] / 2


def file_system_of(path: Path) -> str:
    """Kind of the file system that holds a file, such as ext4."""
    return max(
        (part for part in psutil.disk_partitions(all=True) if path.is_relative_to(part.mountpoint)),
        key=lambda part: len(part.mountpoint),
    ).fstype
