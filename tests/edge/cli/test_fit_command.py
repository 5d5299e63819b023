"""`edgeai fit` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeai.device import profile_ids
from tests.command import call


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))


def test_a_board_is_judged_by_its_profile(public_model: Callable[[str], Path]) -> None:
    done = call(
        "fit", public_model("ppocr-det"), "--device", "raspberry-pi-4", "--input-shape", "1x3x320x320"
    )
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "  weights      4.69 MB",
        "  activations  7.78 MB",
        "  arithmetic   576 M multiply-accumulates (576 M in f32)",
        "  traffic      6.33 MB at least, 158 MB without any cache between operators",
        "raspberry-pi-4: yes: it should fit (estimate)",
        "  RAM needed   ~107 MB (89.4 MB to 125 MB), of Python, the runtime and the model together",
        "  RAM there    843 MB of 1 GiB: RAM less what firmware and system take at rest without a desktop",
        "  1x Cortex-A72            at least 95.9 ms, bound by compute; likely 173 ms to 704 ms (estimate)",
        "  4x Cortex-A72            at least 24.0 ms, bound by compute; likely 58.2 ms to 236 ms (estimate)",
    ]


def test_what_does_not_fit_is_a_no_and_the_size_that_does_is_named(
    public_model: Callable[[str], Path],
) -> None:
    shape = ("--input-shape", "x:1x3x3200x3200")
    done = call("fit", public_model("ppocr-det"), "--device", "raspberry-pi-zero-2-w", *shape)
    assert done.code == 1
    assert "raspberry-pi-zero-2-w: no: it does not fit (estimate)" in done.out
    larger = call("fit", public_model("ppocr-det"), "--device", "raspberry-pi-4", *shape)
    assert larger.code == 1
    assert "it should fit the board with 4 GiB" in larger.out


def test_sizes_that_are_missing_are_asked_for(public_model: Callable[[str], Path]) -> None:
    done = call("fit", public_model("ppocr-det"), "--device", "raspberry-pi-5")
    assert done.code == 3
    assert "raspberry-pi-5: not known (estimate)" in done.out
    assert (
        "say the size of x[2] (p2o.DynamicDimension.1), x[3] (p2o.DynamicDimension.2): --size NAME=N"
        in done.out
    )
    named = ("--size", "p2o.DynamicDimension.1=320", "--size", "p2o.DynamicDimension.2=320")
    assert call("fit", public_model("ppocr-det"), "--device", "raspberry-pi-5", *named).code == 0


def test_this_machine_is_judged_by_what_is_free() -> None:
    done = call("fit", "digits", "--variant", "onnx-f32")
    assert done.code == 0
    assert done.out.startswith("digits/onnx-f32\n")
    assert ": free now by " in done.out


def test_all_boards_have_a_row_each() -> None:
    done = call("fit", "digits", "--variant", "onnx-f32", "--all")
    assert done.code == 0
    rows = {line.split()[0] for line in done.out.splitlines() if line[:1].strip()}
    assert set(profile_ids()) - {"arm64", "x86-64"} <= rows


def test_the_document_has_every_figure_and_says_that_it_is_an_estimate() -> None:
    done = call(
        "fit", "digits", "--variant", "tflite-f32", "--device", "raspberry-pi-4", "--threads", 2, "--json"
    )
    document = json.loads(done.out)
    assert (document["kind"], document["is_estimate"]) == ("edgeai.fit", True)
    (variant,) = document["variants"]
    assert variant["demand"]["macs"] == {"f32": 508352}
    (board,) = variant["boards"]
    assert (board["board"], board["fits"]) == ("raspberry-pi-4", "yes")
    (speed,) = board["speeds"]
    # 508,352 products at two cores x 1.5 GHz x 4 a cycle.
    assert speed["bound_s"] == pytest.approx(508352 / 12e9)
    assert (speed["processor"], speed["threads"], speed["likely_s"]) == ("2x Cortex-A72", 2, None)


def test_quiet_prints_the_answer_alone() -> None:
    done = call("fit", "digits", "--variant", "onnx-f32", "--device", "jetson-nano", "-q")
    assert done.out == "digits/onnx-f32\njetson-nano: yes: it should fit (estimate)\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--device", "raspberry-pi-6"), "no device is called 'raspberry-pi-6'"),
        (("--all", "--device", "jetson-nano"), "--all means every board; leave --device out"),
        (("--size", "height"), "--size 'height' is not like height=640"),
        (("--size", "height=0"), "--size 'height=0' is not like height=640"),
        (("--input-shape", "x:1x-3"), "--input-shape 'x:1x-3' is not like x:1x3x640x640"),
        (("--variant", "f64"), "has no such model or variant"),
    ],
)
def test_mistakes_are_told_in_one_line(words: tuple[str, ...], told: str) -> None:
    done = call("fit", "digits", *words)
    assert done.code == 2
    assert told in done.err
    assert len(done.err.splitlines()) == 1


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x07not a model")
    done = call("fit", tmp_path / "bad.onnx", "--device", "jetson-nano")
    assert done.code == 2
    assert "bad.onnx" in done.err
    assert len(done.err.splitlines()) == 1
