"""A manifest says how large a dimension may be: a shape beyond is refused before a backend sees it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai
from edgeai.bundle import SizeRange
from edgeai.errors import InputError
from edgeai.session import Session
from tests.tiny_models import linear_onnx

DIMS = {"H": {"min": 32, "opt": 64, "max": 96, "step": 32}, "W": "=H"}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return edgeai.load(bundle(tmp_path, DIMS))


def bundle(folder: Path, dims: dict[str, Any], **variant: Any) -> Path:
    """y = 2 x + 1 with two open dimensions, which the file gives other names than the manifest."""
    path = linear_onnx(folder / "linear.onnx", shape=(1, "rows", "columns"))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    tensor = {"dtype": "f32", "shape": [1, "H", "W"]}
    model = {
        "inputs": {"x": {**tensor, "dims": dims}},
        "outputs": {"y": tensor},
        "variants": [{"id": "a", "format": "onnx", "files": {"linear.onnx": f"sha256:{sha256}"}, **variant}],
    }
    manifest = {"schema": 1, "id": "a/b", "version": "1", "models": {"m": model}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def test_sizes_in_their_range_and_steps_run_one_after_the_other(session: Session) -> None:
    for height, width in ((32, 96), (64, 64), (96, 32), (32, 96)):
        assert session.run(ones(1, height, width))["y"].shape == (1, height, width)


@pytest.mark.parametrize(
    ("height", "width", "said"),
    [
        (31, 32, "H is 31, and the manifest allows 32 to 96 in steps of 32"),
        (64, 97, "W is 97, and the manifest allows 32 to 96 in steps of 32"),
        (64, 128, "W is 128"),
        (80, 64, "H is 80"),
        (0, 64, "H is 0"),
    ],
)
def test_a_size_outside_is_refused_by_name_with_and_without_raw(
    session: Session, height: int, width: int, said: str
) -> None:
    for raw in (False, True):
        with pytest.raises(InputError, match=rf"input x: f32\[1, rows, columns\] got .*{said}"):
            session.run(ones(1, height, width), raw=raw)
    assert session.run(ones(1, 64, 64))["y"][0, 0, 0] == 3  # the refusal is not remembered as accepted
    with pytest.raises(InputError, match=said):
        session.run({"x": ones(1, height, width)})


def test_the_backend_never_sees_a_refused_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = edgeai.load(bundle(tmp_path, DIMS))
    seen = []
    real = session._run
    monkeypatch.setattr(session, "_run", lambda feed, out: seen.append(feed["x"].shape) or real(feed, out))
    with pytest.raises(InputError):
        session.run(ones(1, 4096, 4096))
    session.run(ones(1, 32, 32))
    assert seen == [(1, 32, 32)]


def test_names_of_the_variant_and_the_choice_of_one_model_keep_the_ranges(tmp_path: Path) -> None:
    path = bundle(tmp_path, {"H": {"min": 2, "max": 4}})
    manifest = json.loads((path / "manifest.json").read_text())
    model = manifest["models"]["m"]
    model["inputs"]["image"] = model["inputs"].pop("x")
    model["variants"][0]["names"] = {"image": "x"}
    (path / "manifest.json").write_text(json.dumps(manifest))
    with edgeai.load(path, model="m") as session:
        assert session.run(ones(1, 3, 500))["y"].shape == (1, 3, 500)  # W has no range
        with pytest.raises(InputError, match=r"input image: .* H is 5, and the manifest allows 2 to 4$"):
            session.run({"image": ones(1, 5, 500)})


def test_a_bare_model_has_no_ranges(tmp_path: Path) -> None:
    with edgeai.load(linear_onnx(tmp_path / "bare.onnx")) as session:
        assert session.run(ones(1000, 4))["y"].shape == (1000, 4)


def test_a_range_holds_its_steps_from_the_least_on() -> None:
    limits = SizeRange(10, 20, 31, 10)
    assert [size for size in range(50) if limits.holds(size)] == [10, 20, 30]
    assert str(limits) == "10 to 31 in steps of 10"
    assert str(SizeRange(1, 1, 8)) == "1 to 8"
