"""Recordings become the windows that a device would cut, state and context included."""

from __future__ import annotations

import json
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeai.bundle import TensorSpec
from edgeai.errors import ExportError
from edgeai_exporters.arrays import Array, Feed
from edgeai_exporters.data.opening import open_data
from edgeai_exporters.data.selection import split

RATE = 16000
X = (TensorSpec("x", "f32", (1, 400)),)


def _wav(path: Path, samples: Array, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32768).astype("<i2").tobytes())
    return path


def _ramp(count: int) -> Array:
    """Sample i is i / 32768, so that a window tells where it was cut."""
    return np.arange(count) / 32768


def _manifest(tmp_path: Path, model: Mapping[str, Any]) -> Path:
    path = tmp_path / "manifest.json"
    document = {
        "schema": 1,
        "id": "acme/ear",
        "version": "1.0.0",
        "source": {"kind": "audio", "rate": RATE},
        "models": {"ear": dict(model)},
        "pipeline": [{"run": "ear"}],
    }
    path.write_text(json.dumps(document))
    return path


def _windowed(tmp_path: Path, **window: Any) -> Path:
    spec = {"dtype": "f32", "shape": [1, 400]}
    return _manifest(
        tmp_path,
        {"inputs": {"x": spec}, "window": {"input": "x", "size": 400, "hop": 400, "rate": RATE, **window}},
    )


def _first(feed: Feed) -> int:
    return round(float(feed["x"][0, 0]) * 32768)


def test_a_recording_gives_its_windows(tmp_path: Path) -> None:
    _wav(tmp_path / "s" / "a.wav", _ramp(1000))
    _wav(tmp_path / "s" / "b.wav", _ramp(1700))
    data = open_data(tmp_path / "s", X, steps=_windowed(tmp_path))
    assert (data.count, data.kind) == (2 + 4, "sound")
    assert [_first(data.feed(row)) for row in range(6)] == [0, 400, 0, 400, 800, 1200]
    assert list(data.groups) == [0, 0, 1, 1, 1, 1]
    assert data.names[3].endswith("b.wav[1]")
    assert data.stage == {"source": {"kind": "audio", "rate": RATE}, "pre": []}


def test_windows_may_overlap_and_the_last_be_filled_up(tmp_path: Path) -> None:
    _wav(tmp_path / "s" / "a.wav", _ramp(1000))
    data = open_data(tmp_path / "s", X, steps=_windowed(tmp_path, hop=300, pad=0.0))
    assert [_first(data.feed(row)) for row in range(data.count)] == [0, 300, 600]
    padded = open_data(tmp_path / "s", X, steps=_windowed(tmp_path, pad=-1.0))
    assert padded.feed(2)["x"][0, 200:].tolist() == [-1.0] * 200


def test_a_window_has_its_recordings_label_and_stays_with_it(tmp_path: Path) -> None:
    for number in range(6):
        name = f"{'yes' if number % 2 else 'no'}/{number}.wav"
        _wav(tmp_path / "s" / name, _ramp(800))
    data = open_data(tmp_path / "s", X, steps=_windowed(tmp_path))
    assert data.labels() == [0] * 6 + [1] * 6
    first, second = split(data, 1 / 3, seed=0)
    assert (first.count, second.count) == (4, 8)
    assert not set(first.groups) & set(second.groups)
    assert sorted(first.labels() or []) == [0, 0, 1, 1]


def test_a_model_without_a_window_takes_the_whole(tmp_path: Path) -> None:
    _wav(tmp_path / "s" / "a.wav", _ramp(500))
    inputs = (TensorSpec("x", "f32", (1, "n")),)
    model = {"inputs": {"x": {"dtype": "f32", "shape": [1, "n"]}}}
    data = open_data(tmp_path / "s", inputs, steps=_manifest(tmp_path, model))
    assert data.feed(0)["x"].shape == (1, 500)


def test_another_rate_is_resampled_as_on_the_device(tmp_path: Path) -> None:
    pytest.importorskip("soxr")
    _wav(tmp_path / "s" / "a.wav", np.sin(np.arange(8000) / 8000 * 2 * np.pi * 100) * 0.5, rate=8000)
    data = open_data(tmp_path / "s", X, steps=_windowed(tmp_path))
    assert data.count == 40
    found = np.concatenate([data.feed(row)["x"][0] for row in range(40)])
    want = np.sin(np.arange(16000) / 16000 * 2 * np.pi * 100) * 0.5
    np.testing.assert_allclose(found[400:-400], want[400:-400], atol=2e-3)


def _stateful(tmp_path: Path) -> Path:
    return _manifest(
        tmp_path,
        {
            "inputs": {
                "x": {"dtype": "f32", "shape": [1, 464]},
                "h": {"dtype": "f32", "shape": [1, 2]},
                "sr": {"dtype": "i64", "shape": [], "value": 16000},
            },
            "outputs": {"g": {"dtype": "f32", "shape": [1, 2]}},
            "state": [
                {"kind": "context", "input": "x", "size": 64},
                {"kind": "loop", "input": "h", "output": "g", "initial": 0.5},
            ],
            "window": {"input": "x", "size": 400, "hop": 400, "rate": RATE},
        },
    )


def test_context_constants_and_state_are_in_the_feed(tmp_path: Path) -> None:
    _wav(tmp_path / "s" / "a.wav", _ramp(1300))
    inputs = (
        TensorSpec("x", "f32", (1, 464)),
        TensorSpec("h", "f32", (1, 2)),
        TensorSpec("sr", "i64", ()),
    )
    fresh = open_data(tmp_path / "s", inputs, steps=_stateful(tmp_path))
    assert fresh.feed(0)["x"][0, :64].tolist() == [0] * 64
    assert round(float(fresh.feed(1)["x"][0, 0]) * 32768) == 400 - 64
    assert fresh.feed(1)["sr"] == 16000
    assert fresh.feed(2)["h"].tolist() == [[0.5, 0.5]]
    assert fresh.notes == (
        "the model keeps state, and nothing ran it: every window has that of a new stream",
    )

    def run(feed: Feed) -> dict[str, Array]:
        return {"g": feed["h"] + 1}

    going_on = open_data(tmp_path / "s", inputs, steps=_stateful(tmp_path), run=run)
    assert [float(going_on.feed(row)["h"][0, 0]) for row in range(3)] == [0.5, 1.5, 2.5]


def test_what_is_missing_or_no_sound_is_told(tmp_path: Path) -> None:
    _wav(tmp_path / "s" / "a.wav", _ramp(100))
    with pytest.raises(ExportError, match="give --steps with a manifest that has the rate"):
        open_data(tmp_path / "s", X)
    with pytest.raises(ExportError, match="no recording is as long as the model's window"):
        open_data(tmp_path / "s", X, steps=_windowed(tmp_path))
    _wav(tmp_path / "s" / "b.wav", _ramp(400))
    data = open_data(tmp_path / "s", X, steps=_windowed(tmp_path))
    assert data.notes == ("1 recordings are shorter than the model's window and give nothing",)
    (tmp_path / "s" / "c.wav").write_bytes(b"RIFF and nothing")
    with pytest.raises(ExportError, match=r"c\.wav"):
        open_data(tmp_path / "s", X, steps=_windowed(tmp_path))
