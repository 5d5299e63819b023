"""`edgeai.load` uses what was prepared without being told, where it agrees with what was asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai
from edgeai.bundle.pack import pack
from edgeai.errors import InputError, NotPrepared, PreparedStale
from tests.edge.prepared.making import X, answer, dense_onnx, folder_bundle, place_of, prepare, run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return dense_onnx(tmp_path / "dense.onnx")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Of other weights: a form made of it gives itself away by its answers."""
    return dense_onnx(tmp_path / "other.onnx", seed=9)


def test_a_bare_file_runs_as_prepared_and_says_so(home: Path, model: Path) -> None:
    record = prepare(home, model)
    with edgeai.load(model) as session:
        np.testing.assert_allclose(session.run(X)["y"], answer(model), rtol=1e-5)
        assert (session.prepared, session.threads, session.variant) == (record.key, 1, None)
        assert "dense: bare on onnxruntime, 1 threads, optimized: prepared for load on 20" in session.why[0]
        assert session.why[0].endswith(": by hand")


def test_it_is_the_form_that_runs(home: Path, model: Path, other: Path) -> None:
    record = prepare(home, model, made_from=other)
    np.testing.assert_allclose(run(model)[0], answer(other), rtol=1e-5)
    np.testing.assert_allclose(run(model, prepared=True)[0], answer(other), rtol=1e-5)
    assert run(model)[1] == record.key
    np.testing.assert_array_equal(run(model, prepared=False)[0], answer(model))


def test_where_nothing_was_prepared_nothing_is_said(model: Path) -> None:
    with edgeai.load(model) as session:
        assert (session.prepared, len(session.why)) == (None, 1)
    with pytest.raises(
        NotPrepared, match=r"dense.onnx: nothing is prepared of it here; run `edgeai prepare "
    ):
        edgeai.load(model, prepared=True)


def test_a_file_is_known_by_its_content_wherever_it_lies(
    home: Path, model: Path, other: Path, tmp_path: Path
) -> None:
    record = prepare(home, model)
    (tmp_path / "sub").mkdir()
    moved = tmp_path / "sub" / "renamed.onnx"
    moved.write_bytes(model.read_bytes())
    linked = tmp_path / "link.onnx"
    linked.symlink_to(model)
    assert [run(path)[1] for path in (moved, linked)] == [record.key] * 2
    assert run(other)[1] is None, "of the same size, and another content"


def test_a_file_that_was_changed_in_place_runs_as_it_is_now(home: Path, model: Path, other: Path) -> None:
    prepare(home, model)
    before = model.stat()
    model.write_bytes(other.read_bytes())
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert model.stat().st_size == before.st_size
    found, key = run(model)
    assert key is None
    np.testing.assert_array_equal(found, answer(other))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"threads": 2}, "it is prepared for 1 threads, and 2 were asked for"),
        (
            {"backend": "edgeai.backends.onnxruntime:OnnxRuntime"},
            "it is prepared for the backend onnxruntime, and",
        ),
        ({"device": "raspberry-pi-5"}, "it is prepared for this machine, and the profile raspberry-pi-5 was"),
    ],
)
def test_what_does_not_agree_with_the_arguments_is_left(
    home: Path, model: Path, other: Path, words: dict[str, Any], reason: str
) -> None:
    prepare(home, model, made_from=other)
    with edgeai.load(model, **words) as session:
        assert session.prepared is None
        np.testing.assert_allclose(session.run(X)["y"], answer(model), rtol=1e-5)
        assert session.why[-1].startswith(f"dense: as it came: {reason}")
    with pytest.raises(NotPrepared, match=reason):
        edgeai.load(model, **words, prepared=True)


@pytest.mark.parametrize(
    "words", [{"threads": 1}, {"backend": "onnxruntime"}, {"providers": ["cpu"]}, {"providers": "CPU"}]
)
def test_what_agrees_is_used(home: Path, model: Path, words: dict[str, Any]) -> None:
    record = prepare(home, model)
    assert run(model, **words)[1] == record.key


def test_each_number_of_threads_has_its_own(home: Path, model: Path) -> None:
    free, asked = prepare(home, model), prepare(home, model, threads=2, asked_threads=2)
    assert free.key != asked.key
    assert [run(model, threads=threads)[1] for threads in (None, 1, 2)] == [free.key, free.key, asked.key]


def test_a_choice_of_more_cores_than_this_process_may_use_is_left(home: Path, model: Path) -> None:
    prepare(home, model, threads=1000)
    one = prepare(home, model, threads=1, asked_threads=1)
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert run(model)[1] == one.key, "what was prepared for the one core that is there"
        one_place = place_of(home, one)
        one_place.rename(home / "gone")
        with edgeai.load(model) as session:
            assert session.prepared is None
            assert "it is prepared for 1000 cores, and this process may use 1" in session.why[-1]
    finally:
        os.sched_setaffinity(0, allowed)


def test_weights_beside_a_bare_file_are_part_of_it(home: Path, tmp_path: Path, model: Path) -> None:
    import onnx

    (tmp_path / "split").mkdir()
    split = tmp_path / "split" / "m.onnx"
    onnx.save(onnx.load(model), split, save_as_external_data=True, location="m.data", size_threshold=0)
    record = prepare(home, split)
    assert [each.name for each in record.sources] == ["m.onnx", "m.data"]
    assert run(split)[1] == record.key
    data = bytearray((tmp_path / "split" / "m.data").read_bytes())
    data[:4] = np.float32(100).tobytes()
    (tmp_path / "split" / "m.data").write_bytes(data)
    with pytest.warns(PreparedStale, match=r"was prepared from another file: m.data has another content"):
        found, key = run(split)
    assert key is None
    np.testing.assert_array_equal(found, answer(split))


# --- Bundles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_a_bundle_of_one_model(home: Path, tmp_path: Path, packed: bool) -> None:
    path = folder_bundle(tmp_path / "one", "m")
    expected = answer(path / "m.onnx")
    if packed:
        path = pack_folder(path, tmp_path / "one.edge")
    record = prepare(home, path)
    with edgeai.load(path) as session:
        np.testing.assert_allclose(session.run(X)["y"], expected, rtol=1e-5)
        assert (session.prepared, session.variant) == (record.key, "m-fp32")
    assert run(path, variant="m-fp32")[1] == record.key
    assert run(path, prepared=False)[1] is None


def pack_folder(folder: Path, out: Path) -> Path:
    import json

    pack(folder, json.loads((folder / "manifest.json").read_text()), out)
    return out


def test_packed_and_unpacked_are_one(home: Path, tmp_path: Path) -> None:
    folder = folder_bundle(tmp_path / "one", "m")
    packed = pack_folder(folder, tmp_path / "one.edge")
    record = prepare(home, packed)
    assert run(folder)[1] == run(packed)[1] == record.key


def test_of_several_models_each_for_itself(home: Path, tmp_path: Path) -> None:
    path = folder_bundle(tmp_path / "two", "a", "b")
    record = prepare(home, path, "b")
    with edgeai.load(path) as session:
        assert session.prepared is None
        assert {name: each.prepared for name, each in session.models.items()} == {"a": None, "b": record.key}
        for name, each in session.models.items():
            np.testing.assert_allclose(each.run(X)["y"], answer(path / f"{name}.onnx"), rtol=1e-5)
    assert run(path, model="b")[1] == record.key
    with pytest.raises(NotPrepared, match="two: a: nothing is prepared of it here"):
        edgeai.load(path, prepared=True)


def test_a_file_changed_in_an_unpacked_bundle_runs_as_it_is_now(home: Path, tmp_path: Path) -> None:
    path = folder_bundle(tmp_path / "one", "m")
    prepare(home, path)
    dense_onnx(path / "m.onnx", seed=5)
    with pytest.warns(PreparedStale, match="one was prepared from another file: m.onnx has another content"):
        found, key = run(path)
    assert key is None
    np.testing.assert_array_equal(found, answer(path / "m.onnx"))


def test_a_wrong_argument_is_told_as_ever(home: Path, tmp_path: Path) -> None:
    path = folder_bundle(tmp_path / "one", "m")
    prepare(home, path)
    with pytest.raises(InputError, match="has no variant 'x'"):
        edgeai.load(path, variant="x")
