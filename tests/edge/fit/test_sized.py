"""What real models ask for, with sizes given and not, shapes told by the file and inferred."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeai.errors import InputError
from edgeai.fit.sized import Sizes, sized_demands
from edgeai.included import find_model


def test_the_included_model_computes_as_its_variants_say() -> None:
    products = 508352
    assert {
        each.variant: each.demand and each.demand.macs
        for each in sized_demands(find_model("digits"), Sizes())
    } == {
        "tflite-int8-static": {"i8": products},
        "onnx-int8-static": {"i8": products},
        "onnx-int8-static-7bit": {"i8": products},
        "tflite-f32": {"f32": products},
        "onnx-f32": {"f32": products},
    }


def test_one_variant_can_be_asked_for() -> None:
    (found,) = sized_demands(find_model("digits"), Sizes(), variant="onnx-f32")
    assert (found.model, found.variant) == ("digits", "onnx-f32")
    with pytest.raises(InputError, match="it has: digits/tflite-int8-static, digits/onnx-int8-static"):
        sized_demands(find_model("digits"), Sizes(), variant="onnx-f64")


def test_shapes_inside_are_inferred_from_those_given(public_model: Callable[[str], Path]) -> None:
    (found,) = sized_demands(public_model("ppocr-det"), Sizes(shapes={"": (1, 3, 640, 640)}))
    assert found.demand is not None
    assert found.demand.macs == {"f32": 2_301_935_744}
    assert found.demand.unavailable == {}


def test_sizes_that_the_graph_computes_are_computed(public_model: Callable[[str], Path]) -> None:
    (found,) = sized_demands(public_model("ppocr-rec"), Sizes(shapes={"x": (1, 3, 48, 320)}))
    assert found.demand is not None
    assert found.demand.macs == {"f32": 702_469_440}


def test_named_dimensions_are_sized_by_name_and_the_first_is_the_batch(
    public_model: Callable[[str], Path],
) -> None:
    (one,) = sized_demands(public_model("magika"), Sizes())
    (four,) = sized_demands(public_model("magika"), Sizes(batch=4))
    assert one.demand is not None
    assert four.demand is not None
    assert one.demand.macs == {"f32": 366_717_952}
    assert four.demand.macs == {"f32": 4 * 366_717_952}


def test_open_dimensions_are_named_and_nothing_is_guessed(public_model: Callable[[str], Path]) -> None:
    (found,) = sized_demands(public_model("ppocr-det"), Sizes())
    assert found.open_dimensions == ("x[2] (p2o.DynamicDimension.1)", "x[3] (p2o.DynamicDimension.2)")
    assert found.demand is not None
    assert found.demand.macs is None
    assert found.demand.costs.weight_bytes == 4_687_364


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (Sizes(named={"height": 640}), "no dimension is called 'height'; it has: p2o.DynamicDimension.0, "),
        (Sizes(shapes={"image": (1, 3, 8, 8)}), "no input is called 'image'; it has: x"),
        (Sizes(shapes={"x": (3, 8, 8)}), "the shape given has 3 dimensions"),
    ],
)
def test_a_size_for_what_is_not_there_is_refused(
    public_model: Callable[[str], Path], sizes: Sizes, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        sized_demands(public_model("ppocr-det"), sizes)


def test_a_shape_without_a_name_needs_a_single_input(public_model: Callable[[str], Path]) -> None:
    with pytest.raises(
        InputError, match="say which input a shape is for, as NAME:SIZES; it has: input, state, sr"
    ):
        sized_demands(public_model("silero-vad"), Sizes(shapes={"": (1, 576)}))


def test_what_a_bundle_states_stands_in_for_what_its_file_does_not_tell(
    public_model: Callable[[str], Path], tmp_path: Path
) -> None:
    model = public_model("silero-vad")
    (tmp_path / "vad.onnx").write_bytes(model.read_bytes())
    cost = {"multiply_accumulates": 123456, "activation_bytes": 7890, "peak_memory_bytes": 18_000_000}
    file = f"sha256:{hashlib.sha256(model.read_bytes()).hexdigest()}"
    variant = {"id": "f32", "format": "onnx", "precision": "f32", "files": {"vad.onnx": file}, "cost": cost}
    manifest = {"schema": 1, "id": "tiny/vad", "version": "1.0.0", "models": {"vad": {"variants": [variant]}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")))
    (found,) = sized_demands(tmp_path, Sizes())
    assert found.demand is not None
    assert found.demand.macs == {"f32": 123456}
    assert found.demand.costs.peak_memory_bytes == 18_000_000
    assert found.demand.costs.activation_bytes == 7890
    assert "peak_memory_bytes" not in found.demand.unavailable
    # For other sizes than its maker's the statement says nothing.
    (other,) = sized_demands(tmp_path, Sizes(batch=2))
    assert other.demand is not None
    assert other.demand.macs is None


def test_without_onnx_it_says_what_to_install(public_model: Callable[[str], Path], tmp_path: Path) -> None:
    """As on a board: a Python that sees edgeai, numpy and click, and nothing else."""
    import click
    import numpy as np

    import edgeai

    for library in (np, click):
        folder = Path(library.__file__).parent
        (tmp_path / folder.name).symlink_to(folder)
        libraries = folder.with_name(f"{folder.name}.libs")
        if libraries.is_dir():
            (tmp_path / libraries.name).symlink_to(libraries)
    tomli = importlib.util.find_spec("tomli")
    if sys.version_info < (3, 11) and tomli is not None and tomli.origin is not None:
        (tmp_path / "tomli").symlink_to(Path(tomli.origin).parent)
    script = (
        "from edgeai.fit.sized import Sizes, sized_demands\n"
        f"(found,) = sized_demands({str(public_model('magika'))!r}, Sizes())\n"
        "print(found.demand.unavailable['traffic'])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={**os.environ, "PYTHONPATH": f"{Path(edgeai.__file__).parents[1]}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        done.stdout.strip() == "the shape of bytes is not in the file: pip install onnx, which infers them"
    ), done.stderr
