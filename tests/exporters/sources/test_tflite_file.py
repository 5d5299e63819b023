"""TFLite files as sources: taken as they are, refused where LiteRT does not open them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnx")

from edgeai.errors import ModelError, UsageError
from edgeai_exporters.sources import SourceOptions, open_source
from tests.tiny_models import linear_tflite


def test_a_tflite_file_is_copied_byte_by_byte(tmp_path: Path) -> None:
    source = linear_tflite(tmp_path / "m.tflite")
    exported = open_source(str(source), tmp_path / "out")
    assert (exported.name, exported.format) == ("m", "tflite")
    assert exported.path.read_bytes() == source.read_bytes()
    assert exported.provenance["signatures"] == ["serving_default"]


def test_a_file_with_weights_in_fp16_is_taken(public_model: Callable[[str], Path], tmp_path: Path) -> None:
    assert open_source(str(public_model("face-tflite")), tmp_path).format == "tflite"


@pytest.mark.parametrize("keep", [0.1, 0.6])
def test_a_file_that_is_cut_short_is_refused_and_nothing_is_left(tmp_path: Path, keep: float) -> None:
    source = linear_tflite(tmp_path / "m.tflite")
    source.write_bytes(source.read_bytes()[: int(source.stat().st_size * keep)])
    with pytest.raises(ModelError, match=r"m\.tflite"):
        open_source(str(source), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("options", [SourceOptions(shapes={"": (2, 4)}), SourceOptions(dims={"n": (1, 2)})])
def test_sizes_are_refused_since_the_file_has_its_own(options: SourceOptions, tmp_path: Path) -> None:
    source = linear_tflite(tmp_path / "m.tflite")
    with pytest.raises(UsageError, match="sizes that it was converted with; leave --shape and --dim out"):
        open_source(str(source), tmp_path / "out", options)
