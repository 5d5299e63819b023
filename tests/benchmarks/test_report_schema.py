"""What `edgeai bench --json` writes is what report.schema.json says, field by field and nothing besides."""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import edgeai_bench
from edgeai.measure import conditions, memory, protocol, statistics
from edgeai_bench import report as reports
from edgeai_bench.report import Failure, document
from tests.benchmarks.made_up import DOUBT, PACED, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEMA: dict[str, Any] = json.loads(
    (Path(edgeai_bench.__file__).parent / "report.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
DATACLASSES: dict[str, Any] = {
    "Run": reports.Report,
    "Doubt": reports.Doubt,
    "Estimate": statistics.Estimate,
    "ModelIdentity": reports.ModelIdentity,
    "Tensor": protocol.Tensor,
    "Identity": reports.Identity,
    "Settings": reports.Settings,
    "Latency": reports.Latency,
    "Start": reports.Start,
    "MemoryUse": reports.MemoryUse,
    "PacedResult": reports.PacedResult,
    "Unavailable": reports.Unavailable,
    "ProcessRecord": reports.ProcessRecord,
    "PhaseRecord": reports.PhaseRecord,
    "Memory": memory.Memory,
    "Conditions": conditions.Conditions,
    "Change": conditions.Change,
    "Failure": reports.Failure,
}


def plain(made: dict[str, Any]) -> dict[str, Any]:
    """As a reader of the file gets it: lists where we had tuples."""
    read: dict[str, Any] = json.loads(json.dumps(made, allow_nan=False))
    return read


def a_document() -> dict[str, Any]:
    full = report(warnings=(DOUBT,), paced=PACED, verdict="NOISY")
    failure = Failure("broken.onnx", None, "ModelError", "broken.onnx is damaged", skipped=False)
    return plain(document([report(), full], [failure]))


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
    assert SCHEMA["$defs"][name]["required"] == fields


def test_no_part_is_without_a_dataclass() -> None:
    assert set(SCHEMA["$defs"]) == set(DATACLASSES)


def test_every_object_is_closed_and_every_field_is_described() -> None:
    for path, schema in objects(SCHEMA):
        assert schema["description"].endswith("."), path
        if "properties" not in schema:  # a mapping by name says what its values are
            assert schema["additionalProperties"]["type"] in {"integer", "number"}, path
            continue
        assert schema["additionalProperties"] is False, path
        assert schema["required"] == list(schema["properties"]), path
        for field, told in schema["properties"].items():
            assert told["description"], f"{path}: {field}"


def test_every_field_with_a_unit_in_its_name_says_it_in_its_description() -> None:
    units = {"_s": "seconds", "_ns": "nanoseconds", "_bytes": "ytes", "_hz": ("hertz", "per second")}
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


def test_what_is_unknown_is_null() -> None:
    made = a_document()
    run = made["runs"][1]
    run["paced"] = run["disk_read_bytes"] = None
    run["latency"].update(p50=None, p90=None, p95=None, p99=None)
    run["latency"]["mean"].update(low=None, high=None)
    run["memory"] = dict.fromkeys(run["memory"])
    run["processes"][0]["phases"][0]["memory"] = dict.fromkeys(run["processes"][0]["phases"][0]["memory"])
    VALIDATOR.validate(made)


def places(made: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the objects of a document are that the schema closes; one of each list is enough."""
    if isinstance(made, dict):
        if not at or at[-1] not in {"provider_share", "temperatures_c", "throttle_counts", "throttle_events"}:
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
        (("runs", 0, "settings", "processes"), 0),
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
    assert run["identity"]["threads"] == 1
    assert 0 < run["latency"]["min"] <= run["latency"]["p50"]["value"] <= run["latency"]["p90"]["value"] < 1
    assert 50 < run["paced"]["reached_hz"] < 101
    assert [len(process["samples_ns"]) for process in run["processes"]] == [
        -(-process["runs"] // process["keep_every"]) for process in run["processes"]
    ]
    failure = made["failures"][0]
    assert (failure["model"], failure["error"], failure["skipped"]) == ("damaged.onnx", "ModelError", False)
