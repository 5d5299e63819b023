"""What a benchmark gives to a pipeline, and in which hops it pushes a stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgeai.bundle import TensorSpec
from edgeai.errors import InputError
from edgeai.measure.pipeline_source import (
    declared_shape,
    hops_of,
    made_up_tensors,
    read_source,
    value_of,
)
from edgeai.measure.protocol import Hops, InputRequest
from edgeai.open_bundle import read_folder
from tests import real_bundles

if TYPE_CHECKING:
    from edgeai.bundle import Bundle
    from edgeai.measure.protocol import Source

Manifest = dict[str, Any]


def opened(folder: Path) -> Bundle:
    return read_folder(folder, shown=folder)


def given(bundle: Bundle, **asked: Any) -> tuple[Source, Any]:
    """What is chosen, and the value that the pipeline gets."""
    found = read_source(bundle, InputRequest(**asked))
    assert found is not None
    return found[0], value_of(*found)


def no_golden(manifest: Manifest) -> None:
    manifest["golden"] = []


# --- the user's file, the bundle's sample, something made up


def test_the_users_file_goes_before_the_bundles_sample(tmp_path: Path) -> None:
    bundle = opened(real_bundles.classifier(tmp_path / "color"))
    file = tmp_path / "mine.png"
    real_bundles.picture(file, "blue")
    source, value = given(bundle, source=str(file))
    assert (source.origin, source.told, source.file) == ("file", str(file), str(file))
    assert value == file.read_bytes()
    assert source.sha256 == real_bundles.sha256(file).removeprefix("sha256:")


def test_the_bundles_first_sample_of_the_pipeline_is_taken_where_no_file_is_given(tmp_path: Path) -> None:
    bundle = opened(real_bundles.classifier(tmp_path))
    source, value = given(bundle)
    assert (source.origin, source.told) == ("golden", "sample 'red' of the bundle")
    assert value == (tmp_path / "golden/red.png").read_bytes()


def test_samples_of_single_models_are_not_for_the_pipeline(tmp_path: Path) -> None:
    assert read_source(opened(real_bundles.linear(tmp_path, pipeline=True)), InputRequest()) is None


def test_a_name_that_looks_like_another_source_is_a_file_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = opened(real_bundles.mood(tmp_path / "mood"))
    (tmp_path / "-").write_text("good")
    (tmp_path / "file:a*").write_text("bad")
    monkeypatch.chdir(tmp_path)
    assert given(bundle, source="-")[1] == "good"
    assert given(bundle, source="file:a*")[1] == "bad"


def test_a_made_up_picture_has_the_size_that_the_model_declares(tmp_path: Path) -> None:
    def without_steps(manifest: Manifest) -> None:
        manifest["pipeline"][0]["pre"] = [{"op": "normalize@1"}, {"op": "layout@1", "to": "NCHW"}]

    source, value = given(opened(real_bundles.detector(tmp_path, without_steps)))
    assert (source.origin, source.told) == ("synthetic", "made up: a picture of noise, 8x8")
    assert (value.shape, value.dtype) == ((8, 8, 3), np.uint8)


def test_a_made_up_picture_is_a_cameras_where_a_step_resizes_it(tmp_path: Path) -> None:
    source, value = given(opened(real_bundles.detector(tmp_path)))
    assert source.told == "made up: a picture of noise, 640x480"
    assert value.shape == (480, 640, 3)


def test_the_usual_size_stands_for_a_symbolic_one(tmp_path: Path) -> None:
    def open_size(manifest: Manifest) -> None:
        sizes = {"H": {"min": 32, "opt": 96, "max": 640}, "W": {"min": 32, "opt": 128, "max": 640}}
        inputs = manifest["models"]["boxes"]["inputs"]
        inputs["x"] = inputs["x"] | {"shape": [1, 3, "H", "W"], "dims": sizes}
        manifest["pipeline"][0]["pre"] = []

    assert given(opened(real_bundles.detector(tmp_path, open_size)))[1].shape == (96, 128, 3)


def test_what_is_made_up_follows_from_the_seed(tmp_path: Path) -> None:
    bundle = opened(real_bundles.loudness(tmp_path, no_golden))
    first, again, other = (given(bundle, seed=seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_made_up_sound_is_three_seconds_at_the_pipelines_rate_and_as_loud_as_speech(tmp_path: Path) -> None:
    source, value = given(opened(real_bundles.loudness(tmp_path, no_golden)))
    assert (source.told, source.rate_hz) == ("made up: 3 s of noise at 16000 Hz", 16000)
    assert (value.shape, value.dtype) == ((48_000,), np.float32)
    assert 0.099 < np.abs(value).max() <= 0.1
    assert abs(value.mean()) < 0.01


def test_made_up_text_and_bytes(tmp_path: Path) -> None:
    text = given(opened(real_bundles.mood(tmp_path / "mood")))[1]
    assert text == "The quick brown fox jumps over the lazy dog. " * 5

    def of_bytes(manifest: Manifest) -> None:
        manifest["source"] = {"kind": "bytes"}

    value = given(opened(real_bundles.mood(tmp_path / "bytes", of_bytes)))[1]
    assert (type(value), len(value)) == (bytes, 65_536)


# --- sound


def test_a_recording_keeps_its_own_rate_and_one_of_many_channels_is_mixed(tmp_path: Path) -> None:
    bundle = opened(real_bundles.loudness(tmp_path / "loud"))
    file = tmp_path / "a.wav"
    real_bundles.sound(file, loud_s=[(0.5, 1.0)], length_s=2.0, rate_hz=8000)
    source, value = given(bundle, source=str(file))
    assert (source.rate_hz, source.form) == (8000, "array")
    assert np.array_equal(value, real_bundles.samples([(0.5, 1.0)], 2.0, 8000) / np.float32(32768))


def test_of_a_long_recording_the_first_30_s_are_used_and_said(tmp_path: Path) -> None:
    bundle = opened(real_bundles.loudness(tmp_path / "loud"))
    file = tmp_path / "long.wav"
    real_bundles.sound(file, loud_s=[], length_s=31.0, rate_hz=8000)
    source, value = given(bundle, source=str(file))
    assert len(value) == 240_000
    assert source.told == f"{file}, its first 30 s"


def test_a_recording_shorter_than_four_windows_or_two_chunks_is_repeated(tmp_path: Path) -> None:
    bundle = opened(real_bundles.loudness(tmp_path / "loud"))
    file = tmp_path / "short.wav"
    real_bundles.sound(file, loud_s=[(0.0, 0.0005)], length_s=0.001, rate_hz=16000)
    once = real_bundles.samples([(0.0, 0.0005)], 0.001) / np.float32(32768)
    assert np.array_equal(given(bundle, source=str(file))[1], np.tile(once, 40))  # four hops of 10 ms
    assert len(given(bundle, source=str(file), chunk_s=0.1)[1]) == 3200


# --- what cannot be read


def test_a_source_of_the_wrong_kind_is_named(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("good")
    sound = opened(real_bundles.loudness(tmp_path / "loud"))
    with pytest.raises(InputError, match=r"notes\.txt is no sound that can be read"):
        read_source(sound, InputRequest(source=str(text)))
    (tmp_path / "latin.txt").write_bytes(b"\xe9")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_source(
            opened(real_bundles.mood(tmp_path / "mood")), InputRequest(source=str(tmp_path / "latin.txt"))
        )
    tensors = opened(real_bundles.linear(tmp_path / "linear", pipeline=True))
    with pytest.raises(InputError, match=r"notes\.txt:1: not JSON"):
        read_source(tensors, InputRequest(source=str(text)))
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(InputError, match=r"empty\.jsonl holds nothing to give to the pipeline"):
        read_source(tensors, InputRequest(source=str(tmp_path / "empty.jsonl")))


@pytest.mark.parametrize(
    ("path", "said"),
    [("absent.png", "no such file"), (".", "is a folder"), ("/dev/zero", "is a pipe or a device")],
)
def test_what_is_no_file_is_refused_at_once(
    path: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = opened(real_bundles.classifier(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        read_source(bundle, InputRequest(source=path))


# --- tensors


def test_tensors_come_from_a_file_by_name_or_as_the_only_array(tmp_path: Path) -> None:
    bundle = opened(real_bundles.linear(tmp_path, pipeline=True))
    x = np.array([[1, 2, 3, 4]], np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "x.jsonl").write_text('{"x": [[1, 2, 3, 4]]}\n')
    assert np.array_equal(given(bundle, source=str(tmp_path / "x.npy"))[1], x)
    for name in ("x.npz", "x.jsonl"):
        value = given(bundle, source=str(tmp_path / name))[1]
        assert list(value) == ["x"]
        assert value["x"].dtype == np.float32
        assert np.array_equal(value["x"], x)


def test_made_up_tensors_leave_out_constants_and_state(tmp_path: Path) -> None:
    bundle = opened(real_bundles.loudness(tmp_path))
    specs = (TensorSpec("x", "f32", (1, 160)), TensorSpec("count", "f32", (1, 1)))
    ((source, arrays),) = made_up_tensors(bundle, specs, InputRequest())
    assert list(arrays) == ["x"]
    assert (arrays["x"].shape, source.form, source.origin) == ((1, 160), "tensors", "synthetic")


def test_made_up_tensors_are_tried_in_several_sizes_where_nothing_says_them(tmp_path: Path) -> None:
    def undeclared(manifest: Manifest) -> None:
        del manifest["models"]["linear"]["inputs"]

    specs = (TensorSpec("x", "f32", ("N", "T")),)

    def tried(bundle: Bundle) -> list[tuple[int, ...]]:
        return [arrays["x"].shape for _, arrays in made_up_tensors(bundle, specs, InputRequest())]

    assert tried(opened(real_bundles.linear(tmp_path / "a", undeclared, pipeline=True)))[:2] == [
        (1, 1),
        (1, 32),
    ]
    assert tried(opened(real_bundles.linear(tmp_path / "b", pipeline=True))) == [(1, 4)]


def test_a_shape_is_declared_where_every_size_is_known(tmp_path: Path) -> None:
    bundle = opened(real_bundles.linear(tmp_path))
    assert declared_shape(bundle.models[0].inputs["x"]) == (1, 4)
    assert declared_shape(None) is None


# --- hops


def test_a_stream_has_the_shortest_hop_of_its_models(tmp_path: Path) -> None:
    def another(manifest: Manifest) -> None:
        model = manifest["models"]["loud"]
        manifest["models"]["slow"] = model | {"window": {"input": "x", "size": 160, "hop": 80, "rate": 16000}}
        manifest["pipeline"].append({"run": "slow", "as": "slow"})

    assert hops_of(opened(real_bundles.loudness(tmp_path / "a")), None) == Hops(0.01, 0.01)
    assert hops_of(opened(real_bundles.loudness(tmp_path / "b", another)), None) == Hops(0.005, 0.005)
    assert hops_of(opened(real_bundles.loudness(tmp_path / "a")), 0.02) == Hops(0.01, 0.02)


def test_a_hop_of_frames_is_told_in_seconds(tmp_path: Path) -> None:
    def of_frames(manifest: Manifest) -> None:
        manifest["models"]["loud"]["window"] = {"input": "x", "size": 9, "hop": 3, "rate": 100}

    assert hops_of(opened(real_bundles.loudness(tmp_path, of_frames)), None) == Hops(0.03, 0.03)


def test_what_takes_no_sound_or_takes_it_as_a_whole_has_no_hops(tmp_path: Path) -> None:
    def whole(manifest: Manifest) -> None:
        del manifest["models"]["loud"]["window"]

    assert hops_of(opened(real_bundles.classifier(tmp_path / "a")), None) is None
    assert hops_of(opened(real_bundles.loudness(tmp_path / "b", whole)), None) is None


def test_a_model_behind_another_needs_no_window(tmp_path: Path) -> None:
    def behind(manifest: Manifest) -> None:
        manifest["models"]["next"] = manifest["models"]["loud"] | {"window": None}
        manifest["pipeline"].append({"run": "next", "from": "events", "as": "next"})

    assert hops_of(opened(real_bundles.loudness(tmp_path, behind)), None) == Hops(0.01, 0.01)
