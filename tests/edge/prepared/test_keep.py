"""Keeping: what is replaced, what makes room, what is in use, and what must not lead out of the folder."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgeai
from edgeai.backends.tuning import Tuning
from edgeai.errors import InputError, PreparedUnusable, StoreError
from edgeai.open_bundle import open_bundle
from edgeai.prepared.choice import Choice, Form
from edgeai.prepared.contents import collect_all, list_judged
from edgeai.prepared.find import Found, Stale, find
from edgeai.prepared.fingerprint import fingerprint
from edgeai.prepared.identify import identity_of, record_of
from edgeai.prepared.keep import keep, working_folder
from edgeai.prepared.record import RECORD, Prepared, from_bytes
from edgeai.prepared.written import written_ever
from tests.edge.prepared.making import X, answer, dense_onnx, folder_bundle, place_of, prepare, rewrite, run

DAY_S = 86400.0


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return dense_onnx(tmp_path / "dense.onnx")


def names_in(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "prepared").iterdir())


def raw_record(path: Path, **changes: object) -> Prepared:
    """A choice without a form: the file as it came was the best."""
    bundle, _ = open_bundle(path)
    record = record_of(
        bundle,
        bundle.models[0],
        Choice("bare", "onnxruntime", 1, tuning=Tuning(spinning=False)),
        identity=identity_of(bundle),
        edgeai=edgeai.__version__,
        asked_threads=None,
        objective="latency",
        why="nothing was faster",
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def test_the_record_comes_back_as_it_was_kept(home: Path, model: Path) -> None:
    kept = prepare(home, model)
    place = place_of(home, kept)
    assert from_bytes((place / RECORD).read_bytes()) == kept
    assert (kept.shown, kept.model, kept.fingerprint) == ("dense.onnx", "", fingerprint())
    assert kept.choice.form is not None
    assert kept.choice.form.files == {
        name: (place / name).stat().st_size for name in ("model.onnx", "weights.bin")
    }
    assert sorted(path.name for path in place.iterdir()) == ["model.onnx", RECORD, "weights.bin"]


def test_a_choice_without_a_form_runs_the_file_as_it_came(home: Path, model: Path) -> None:
    kept = keep(home, raw_record(model), home / "none", bare=model)
    found, key = run(model)
    assert key == kept.key
    np.testing.assert_array_equal(found, answer(model))


def test_what_is_in_use_is_replaced_and_runs_on(home: Path, model: Path, tmp_path: Path) -> None:
    other = dense_onnx(tmp_path / "other.onnx", seed=9)
    prepare(home, model)
    with edgeai.load(model) as session:
        record = prepare(home, model, made_from=other)
        np.testing.assert_allclose(session.run(X)["y"], answer(model), rtol=1e-5)
        np.testing.assert_allclose(run(model)[0], answer(other), rtol=1e-5)
        assert len(names_in(home)) == 4, "the old one stays aside while it is in use"
    prepare(home, model)
    assert names_in(home) == sorted([record.key, "known", "written.json"])


def test_what_was_left_by_killed_processes_goes(home: Path, model: Path) -> None:
    (home / "prepared" / "partial-x").mkdir(parents=True)
    (home / "prepared" / "removed-y").mkdir()
    record = prepare(home, model)
    assert names_in(home) == sorted([record.key, "known", "written.json"])


def test_bytes_written_are_counted_for_ever(home: Path, model: Path) -> None:
    folder = home / "prepared"
    first = prepare(home, model)
    assert first.written_bytes > 1000
    second = prepare(home, model, threads=2, asked_threads=2)
    assert written_ever(folder) == first.written_bytes + second.written_bytes
    again = prepare(home, model)
    collect_all(home, everything=True)
    total = first.written_bytes + second.written_bytes + again.written_bytes
    assert written_ever(folder) == total
    (folder / "written.json").write_text("{")
    assert written_ever(folder) is None
    kept = prepare(home, model)
    assert written_ever(folder) == kept.written_bytes
    (folder / "written.json").unlink()
    last = prepare(home, model)
    total = kept.written_bytes + last.written_bytes
    assert written_ever(folder) == total, "of what is there at least"


def test_a_form_on_another_disk_is_copied_and_counted(home: Path, model: Path) -> None:
    shared = Path("/dev/shm")  # noqa: S108 - another file system than the home's
    if not shared.is_dir() or shared.stat().st_dev == home.parent.stat().st_dev:
        pytest.skip("there is no other file system here")
    moved = prepare(home, model)
    place = shared / f"edgeai-{os.getpid()}"
    place.mkdir()
    try:
        for name in ("model.onnx", "weights.bin"):
            (place / name).write_bytes((place_of(home, moved) / name).read_bytes())
        copied = keep(home, replace(moved, written_bytes=1000), place, bare=model)
    finally:
        for path in place.iterdir():
            path.unlink()
        place.rmdir()
    assert copied.choice.form is not None
    more_bytes = copied.written_bytes - moved.written_bytes - sum(copied.choice.form.files.values())
    assert abs(more_bytes) < 100, "records differ by some digits"


def test_the_least_recently_used_make_room_but_not_those_in_use(home: Path, tmp_path: Path) -> None:
    models = [dense_onnx(tmp_path / f"{seed}.onnx", seed) for seed in range(4)]
    records = [prepare(home, path) for path in models[:3]]
    sizes = [sum(path.stat().st_size for path in place_of(home, record).iterdir()) for record in records]
    for age, record in enumerate(records):
        used_s = time.time() - (10 - age) * DAY_S
        os.utime(place_of(home, record), (used_s, used_s))
    with edgeai.load(models[0]):  # the oldest, and from now on not any more
        os.utime(place_of(home, records[0]), (0, 0))
        prepare(home, models[3], max_bytes=sum(sizes) + 2000)
        assert [run(path)[1] is not None for path in models] == [True, False, True, True]
        with pytest.raises(StoreError, match=r"prepared models in use have .* bytes, of 30,000 that all may"):
            prepare(home, models[1], max_bytes=30_000)
    with pytest.raises(
        StoreError, match=r"the prepared model has .* bytes, of 1,000 that all may have; allow"
    ):
        prepare(home, models[1], max_bytes=1000)


def test_replacing_counts_only_the_new_one(home: Path, model: Path) -> None:
    record = prepare(home, model)
    size = sum(path.stat().st_size for path in place_of(home, record).iterdir())
    assert prepare(home, model, max_bytes=size + 2000).key == record.key


def test_a_use_is_noted_once_a_day(home: Path, model: Path) -> None:
    place = place_of(home, prepare(home, model))
    for age_s, is_noted in ((2 * DAY_S, True), (DAY_S / 2, False)):
        then_s = time.time() - age_s
        os.utime(place, (then_s, then_s))
        assert run(model)[1] is not None
        assert (place.stat().st_mtime - then_s > 1) == is_noted


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/hostname", "sub/x", RECORD, "missing", "link"])
def test_names_of_a_form_stay_in_its_folder(home: Path, model: Path, name: str) -> None:
    with working_folder(home) as folder:
        (folder / "sub").mkdir()
        for file in ("sub/x", "model.onnx", RECORD):
            (folder / file).write_text("x")
        (folder / "link").symlink_to(model)
        record = raw_record(model)
        choice = replace(record.choice, form=Form("optimized", "model.onnx", files={name: 1}))
        with pytest.raises(InputError, match="the form optimized has no file"):
            keep(home, replace(record, choice=choice), folder)
    assert names_in(home) == []


def test_a_model_that_changed_while_it_was_prepared_is_refused(home: Path, model: Path) -> None:
    bundle, _ = open_bundle(model)
    identity = identity_of(bundle)
    dense_onnx(model, seed=8)
    with pytest.raises(StoreError, match=r"dense.onnx was changed while it was prepared; prepare it again"):
        record_of(
            bundle,
            bundle.models[0],
            Choice("bare", "onnxruntime", 1),
            identity=identity,
            edgeai=edgeai.__version__,
            asked_threads=None,
            objective="latency",
            why="",
        )


# --- Finding, as `edgeai prepare` does -----------------------------------------------------------------


def test_what_is_found_is_held(home: Path, model: Path) -> None:
    bundle, _ = open_bundle(model)
    assert find(bundle) is None
    record = prepare(home, model)
    found = find(bundle)
    assert isinstance(found, Found)
    assert found.prepared == record
    assert [each.stored.in_use for each in list_judged(home)] == [True]
    found.held.close()
    assert [each.stored.in_use for each in list_judged(home)] == [False]
    rewrite(home, record, versions={"onnxruntime": "0.1"})
    stale = find(bundle)
    assert isinstance(stale, Stale)
    assert [each.stored.in_use for each in list_judged(home)] == [False]


def test_a_stream_of_its_own_opens_the_same_or_the_model_as_it_came(home: Path, tmp_path: Path) -> None:
    """What a pipeline does for a model that keeps its state inside."""
    from edgeai.device import detect_profile
    from edgeai.open_models import Opener
    from edgeai.open_prepared import Asked

    path = folder_bundle(tmp_path / "one", "m")
    bundle, _ = open_bundle(path)
    record = prepare(home, path)
    asked = Asked(str(path), None, None, None, (), None, None, detect_profile, False)
    opener = Opener(bundle, asked)
    session = opener.open_one("m")
    again = opener._again(bundle.models[0], session)
    with again() as second:
        assert second.prepared == session.prepared == record.key
    prepare(home, path, made_from=dense_onnx(tmp_path / "other.onnx", seed=9))
    with pytest.warns(
        PreparedUnusable, match="m was prepared again meanwhile; load it again; for this stream"
    ):
        second = again()
    with second:
        assert second.prepared is None
        np.testing.assert_array_equal(second.run(X)["y"], answer(path / "m.onnx"))
    session.close()
