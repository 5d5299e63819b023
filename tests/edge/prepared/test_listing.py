"""`edgeai store`, `run`, `check` and `bench` with prepared models, as a user calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import edgeai
from edgeai.bundle.pack import pack
from edgeai.store import Store
from tests.command import Done, call
from tests.edge.prepared.making import X, dense_onnx, folder_bundle, place_of, prepare, rewrite, run

DAY_S = 86400.0


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return dense_onnx(tmp_path / "dense.onnx")


def printed(*words: object) -> str:
    done = call(*words)
    assert done.code == 0, done.err
    return done.out


def apart(*words: object) -> Done:
    """In a process of its own, with warnings as a user gets them."""
    command = [sys.executable, "-m", "edgeai", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_prepared_models_are_listed_with_their_state(home: Path, model: Path, tmp_path: Path) -> None:
    good = prepare(home, model)
    old = prepare(home, dense_onnx(tmp_path / "old.onnx", 1), threads=2)
    cut = prepare(home, folder_bundle(tmp_path / "two", "a", "b"), "b")
    gone = prepare(home, dense_onnx(tmp_path / "gone.onnx", 2))
    rewrite(home, old, versions={"onnxruntime": "1.0.9"})
    os.truncate(place_of(home, cut) / "weights.bin", 5)
    (place_of(home, gone) / "record.json").write_text("{}")
    for age, each in enumerate((good, old, cut, gone)):
        used_s = time.time() - age * 7 * DAY_S
        os.utime(place_of(home, each), (used_s, used_s))
    with edgeai.load(model):
        lines = rows(printed("store", "list"))
    here = good.versions["onnxruntime"]
    assert [[*line[:3], line[-1]] for line in lines[:5]] == [
        ["prepared model", "for", "runs on", "state"],
        ["dense.onnx", "load", "onnxruntime, 1 threads", "in use"],
        ["old.onnx", "load", "onnxruntime, 2 threads",
         f"stale: was prepared with onnxruntime 1.0.9, here is {here}"],
        ["a/dense: b", "load", "onnxruntime, 1 threads",
         "damaged: weights.bin has 5 bytes instead of 16,384"],
        ["?", "?", "?", "damaged: its record is damaged"],
    ]  # fmt: skip
    assert lines[1][3] == good.key[:12]
    assert lines[-1][0].endswith(" kB were written so far to prepare models here")
    assert printed("store", "list", "-q").split() == [each.key for each in (good, old, cut, gone)]
    document = json.loads(printed("store", "list", "--json"))
    assert document["bundles"] == []
    first, second = document["prepared"][:2]
    assert (first["kind"], first["stale"], first["in_use"]) == ("prepared", None, False)
    assert first["record"]["choice"]["form"]["main"] == "model.onnx"
    assert second["stale"].startswith("was prepared with")
    assert document["written_bytes"] == sum(each.written_bytes for each in (good, old, cut, gone))


def test_cleaning_drops_what_is_stale_damaged_or_left_over(home: Path, model: Path, tmp_path: Path) -> None:
    good = prepare(home, model)
    old, cut = (prepare(home, dense_onnx(tmp_path / f"{seed}.onnx", seed)) for seed in (1, 2))
    rewrite(home, old, fingerprint="machine=abacus")
    os.truncate(place_of(home, cut) / "model.onnx", 5)
    (home / "prepared" / "partial-x").mkdir()
    planned = json.loads(printed("store", "gc", "--dry-run", "--json"))
    assert len(list((home / "prepared" / "known").iterdir())) == 3
    document = json.loads(printed("store", "gc", "--json"))
    assert planned["removed"] == document["removed"]
    assert sorted((each["kind"], each["reason"], each["id"]) for each in document["removed"]) == [
        ("leftover", "interrupted", None),
        ("prepared", "damaged", "2.onnx"),
        ("prepared", "stale", "1.onnx"),
    ]
    assert [each["identity"] for each in document["kept"]] == [good.key]
    assert len(list((home / "prepared" / "known").iterdir())) == 1
    assert run(model)[1] == good.key
    kept = printed("store", "gc")
    assert kept.startswith("freed 0 B; 0 bundles and 1 prepared models, ")


def test_bundles_and_prepared_models_share_the_size(home: Path, model: Path, tmp_path: Path) -> None:
    folder = folder_bundle(tmp_path / "one", "m")
    pack(folder, json.loads((folder / "manifest.json").read_text()), tmp_path / "one.edge")
    bundle = Store(home).add(tmp_path / "one.edge")
    record = prepare(home, model)
    os.utime(bundle, (1e9, 1e9))
    size = sum(path.stat().st_size for path in place_of(home, record).iterdir())
    removed = rows(printed("store", "gc", "--max-size", size))
    assert [removed[1][0], removed[1][-1]] == ["a/dense", "least recently used"]
    removed = rows(printed("store", "gc", "--max-size", "1kB"))
    assert removed[1][:3] == ["dense.onnx", "prepared", record.key[:20]]
    assert removed[-1] == [f"freed {size / 1000:.1f} kB; 0 bundles, 0 B stay"]


def test_the_command_line_says_what_is_stale_in_one_line(home: Path, model: Path, tmp_path: Path) -> None:
    record = prepare(home, model)
    np.save(tmp_path / "x.npy", X)
    assert apart("run", model, tmp_path / "x.npy").err == ""
    rewrite(home, record, versions={"onnxruntime": "1.0.9"})
    done = apart("run", model, tmp_path / "x.npy")
    assert (done.code, len(done.out.splitlines())) == (0, 1)
    assert done.err == (
        f"edgeai: warning: {model} was prepared with onnxruntime 1.0.9, here is "
        f"{record.versions['onnxruntime']}: it runs as it came; run `edgeai prepare {model}` again\n"
    )


def test_a_check_is_of_the_bundle_s_own_files(home: Path, tmp_path: Path) -> None:
    path = folder_bundle(tmp_path / "one", "m")
    record = prepare(home, path)
    os.truncate(place_of(home, record) / "weights.bin", 5)
    done = apart("check", path)
    assert (done.code, done.err) == (0, "")


def test_bench_measures_what_load_gives_and_says_so(home: Path, model: Path) -> None:
    quick = (
        "--quick",
        "--processes",
        2,
        "--min-time",
        "0.1s",
        "--min-runs",
        10,
        "--warm-up",
        "0.1s",
        "--json",
    )
    record = prepare(home, model)
    ran = json.loads(printed("bench", model, *quick))["runs"][0]
    assert ran["identity"]["prepared"] == record.key
    raw = json.loads(printed("bench", model, "--raw", *quick))["runs"][0]
    assert "prepared" not in raw["identity"]
    rewrite(home, record, versions={"onnxruntime": "1.0.9"})
    stale = json.loads(printed("bench", model, *quick))["runs"][0]
    assert "prepared" not in stale["identity"]
    (doubt,) = (each for each in stale["warnings"] if each["name"] == "prepared_not_used")
    assert doubt["effect"] == "note"
    assert doubt["message"].endswith("it runs as it came")
    assert doubt["advice"] == f"run `edgeai prepare {model}` again"
