"""Models that are really prepared, and loaded afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgeai
from edgeai.backends.tuning import Tuning
from edgeai.errors import EdgeError, InputError, ModelError, NothingFits, StoreError, UsageError
from edgeai.measure.protocol import InputRequest
from edgeai.prepare.plans import PlannedModel, planned_ways, save_plan
from edgeai.prepare.preparing import prepare, prepare_all
from edgeai.prepare.settings import SearchSettings
from edgeai.prepare.ways import Base, Way, way_of
from tests.tiny_models import linear_onnx


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of this test alone."""
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def short(**more: object) -> SearchSettings:
    return SearchSettings(**{"budget_s": 0.5, "threads": 1, **more})  # type: ignore[arg-type]


def planned(name: str, way: Way, objective: str = "latency") -> Callable[..., dict[str, PlannedModel]]:
    return lambda identity, names: {name: PlannedModel(name, identity, objective, way, 1)}


def leftovers(home: Path) -> list[str]:
    return [path.name for path in (home / "prepared").glob("partial-*")]


def test_what_was_found_is_what_load_uses(tmp_path: Path, home: Path) -> None:
    model = linear_onnx(tmp_path / "m.onnx")
    (done,) = prepare_all(model, short(objective="load"))
    assert done.prepared is not None
    found = done.searched
    assert len(found.outcomes) >= 2
    assert found.raw.figures is not None
    assert [each.left for each in found.outcomes if each is found.chosen] == [""]
    assert all(each.left for each in found.outcomes if each is not found.chosen)
    with edgeai.load(model, threads=1) as session:
        assert session.prepared == done.prepared.key
        y = session.run({"x": np.ones((3, 4), np.float32)})["y"]
    assert y.tolist() == [[3.0] * 4] * 3
    assert leftovers(home) == []


def test_a_form_is_kept_and_opened_where_nothing_else_keeps_to_the_limits(
    public_model: Callable[[str], Path], home: Path
) -> None:
    """A limit between the peaks of raw and of its forms, so that chance has no say."""
    model = public_model("ppocr-rec")
    raw = prepare_all(model, short(), dry_run=True)[0].searched.raw.known
    assert raw.peak_bytes is not None
    limit = round(0.9 * raw.peak_bytes)
    (done,) = prepare_all(model, short(budget_s=8.0, objective="ram", max_ram_bytes=limit))
    assert done.prepared is not None
    form = done.prepared.choice.form
    assert form is not None
    assert done.form_bytes == sum(form.files.values()) > 0
    assert done.prepared.written_bytes >= done.form_bytes
    assert {path.name for path in (home / "prepared" / done.prepared.key).iterdir()} >= set(form.files)
    x = np.random.default_rng(0).random((1, 3, 48, 320), dtype=np.float32)
    with edgeai.load(model, threads=1, prepared=False) as plain, edgeai.load(model, threads=1) as session:
        assert session.prepared == done.prepared.key
        (name,) = (spec.name for spec in session.inputs)
        for key, wanted in plain.run({name: x}).items():
            assert np.abs(session.run({name: x})[key] - wanted).max() <= 1e-3 * np.abs(wanted).max()


def test_a_bundle_of_variants_is_prepared_on_its_own_sample() -> None:
    """Raw is int8 here, and f32 is right on a digit; on noise their outputs have a cosine of 0.957."""
    way = way_of(Base("tflite-f32", "litert", ()), 1)
    plan = planned("digits", way)
    (done,) = prepare_all("digits", short(), plan=plan, dry_run=True)
    assert done.searched.raw.way.choice.variant.split("-")[1] == "int8"
    assert done.searched.chosen.way == way
    noise = short(inputs=InputRequest(shapes={"input": (1, 1, 28, 28)}))
    with pytest.raises(ModelError, match=r"tflite-f32 on litert, 1 thread: its outputs are not raw's"):
        prepare_all("digits", noise, plan=plan, dry_run=True)


def test_motions_keep_their_label() -> None:
    prepare("motions", short())
    sample = np.random.default_rng(0).random((1, 6, 100), dtype=np.float32)
    with edgeai.load("motions", threads=1) as session, edgeai.load("motions", prepared=False) as plain:
        label, wanted = (each.run({"input": sample})["output"].argmax() for each in (session, plain))
    assert label == wanted


def test_limits_that_nothing_keeps_to_name_the_nearest(tmp_path: Path, home: Path) -> None:
    model = linear_onnx(tmp_path / "m.onnx")
    with pytest.raises(NothingFits, match=r"m\.onnx: no way keeps to the limits; the nearest is onnxruntime"):
        prepare(model, short(max_latency_s=1e-9))
    assert not list((home / "prepared").glob("[0-9a-f]*"))
    assert leftovers(home) == []


def test_a_dry_run_keeps_nothing(tmp_path: Path, home: Path) -> None:
    (done,) = prepare_all(linear_onnx(tmp_path / "m.onnx"), short(), dry_run=True)
    assert done.prepared is None
    assert not list((home / "prepared").glob("[0-9a-f]*"))


def test_a_plan_prepares_the_same_without_a_search(tmp_path: Path, home: Path) -> None:
    model = linear_onnx(tmp_path / "m.onnx")
    saved = ("optimized", Tuning(optimize="none"))
    way = way_of(Base("bare", "onnxruntime", (), (saved,)), 1, saved, Tuning(arena=False))
    done = prepare_all(model, short(), plan=planned("", way, "load"), dry_run=True)
    save_plan(tmp_path / "plan.toml", done, 1)
    (again,) = prepare_all(model, short(threads=None), plan=planned_ways(tmp_path / "plan.toml"))
    assert again.prepared is not None
    # Filed under what was asked where the plan was made, not under what this call says.
    assert (again.prepared.objective, again.prepared.asked_threads) == ("load", 1)
    assert again.searched.chosen.way.key == way.key
    assert again.prepared.why == "as the plan says"
    with edgeai.load(model, threads=1, prepared=True) as session:
        assert session.run({"x": np.zeros((2, 4), np.float32)})["y"].tolist() == [[1.0] * 4] * 2
    text = (tmp_path / "plan.toml").read_text()
    (tmp_path / "bad.toml").write_text(text.replace('variant = "bare"', 'variant = "s8"'))
    with pytest.raises(InputError, match="the plan names the variant 's8', and m has: bare"):
        prepare_all(model, short(), plan=planned_ways(tmp_path / "bad.toml"))
    (tmp_path / "bad.toml").write_text(text.replace("\nthreads = 1\n", "\nthreads = 5000\n"))
    with pytest.raises(EdgeError, match="threads: is 5000; give a number from 1 to 1024"):
        planned_ways(tmp_path / "bad.toml")
    other = linear_onnx(tmp_path / "other.onnx", ("N", 5))
    with pytest.raises(InputError, match="was made for another model or version of it"):
        prepare_all(other, short(), plan=planned_ways(tmp_path / "plan.toml"))


def test_two_at_once_leave_one_whole_prepared_model(tmp_path: Path, home: Path) -> None:
    model = linear_onnx(tmp_path / "m.onnx")
    both = [subprocess.Popen(command(model), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for each in both:
        _, err = each.communicate(timeout=120)
        assert each.returncode == 0, err
    with edgeai.load(model, threads=1, prepared=True) as session:
        assert session.prepared is not None
    assert leftovers(home) == []


def test_killed_in_the_middle_the_model_loads_and_the_next_one_cleans_up(tmp_path: Path, home: Path) -> None:
    model = linear_onnx(tmp_path / "m.onnx")
    process = subprocess.Popen(command(model, "60s"), start_new_session=True)
    wait_until(lambda: bool(leftovers(home)))
    time.sleep(1.5)  # somewhere in the reference or the looks
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with edgeai.load(model, threads=1) as session:
        assert session.prepared is None
        assert session.run({"x": np.zeros((1, 4), np.float32)})["y"].tolist() == [[1.0] * 4]
    prepare(model, short())
    assert leftovers(home) == []


def test_ctrl_c_leaves_the_store_as_it_was(tmp_path: Path, home: Path) -> None:
    model = linear_onnx(tmp_path / "m.onnx")
    process = subprocess.Popen(command(model, "60s"), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: bool(leftovers(home)))
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "edgeai: interrupted"
    assert list((home / "prepared").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [(b"no model at all", ModelError, "starts with"), (b"\x08\x09" + b"x" * 50, ModelError, "m.onnx")],
)
def test_what_does_not_run_raw_is_said_as_load_says_it(
    tmp_path: Path, content: bytes, kind: type[EdgeError], said: str
) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(kind, match=said):
        prepare(tmp_path / "m.onnx", short())


def test_a_store_that_cannot_be_written_is_said_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="no folder can be made to prepare in"):
        prepare(linear_onnx(tmp_path / "m.onnx"), short())


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="no objective is called 'speed'"):
        SearchSettings(objective="speed")
    with pytest.raises(UsageError, match="a budget of no time"):
        SearchSettings(budget_s=0)
    for none in ({"max_ram_bytes": 0}, {"max_latency_s": 0.0}, {"soak_s": 0.0}):
        with pytest.raises(UsageError, match="of nothing makes no sense"):
            SearchSettings(**none)


def test_a_model_that_a_bundle_has_not_is_refused() -> None:
    with pytest.raises(InputError, match="has no model 'faces': it has the models digits"):
        prepare("digits", short(), model="faces")


def test_sizes_of_the_users_are_what_is_measured(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "m.onnx", ("N", 4))
    settings = short(inputs=InputRequest(shapes={"x": (7, 4)}), fix_sizes=True)
    (done,) = prepare_all(model, settings, dry_run=True)
    assert done.searched.raw.figures is not None


def command(model: Path, budget: str = "500ms") -> list[str]:
    words = ["prepare", str(model), "--budget", budget, "--threads", "1", "-q"]
    return [sys.executable, "-m", "edgeai", *words]


def wait_until(seen: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < end_s
        time.sleep(0.02)
