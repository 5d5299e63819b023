"""Which layers of a graph are alike."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnx_ir")

from edgeai_exporters.search.graph_roles import alike, read_parts
from tests.exporters.schemes import small_models


def test_layers_in_the_same_place_of_repeated_blocks_have_one_role_and_one_cost(tmp_path: Path) -> None:
    path = small_models.save(small_models.feed_forward(width=32, depth=6), tmp_path / "m.onnx")
    layers = [f"{kind}{n}" for n in range(6) for kind in ("up", "down")]
    parts = read_parts([path], layers)
    assert alike(parts, "cost") == [tuple(f"up{n}" for n in range(6)), tuple(f"down{n}" for n in range(6))]
    roles = alike(parts, "role")
    # What comes before the first block and behind the last one is something else.
    assert ("up1", "up2", "up3", "up4", "up5") in roles
    assert not any("up2" in names and "down2" in names for names in roles)


def test_layers_without_matrices_are_light(tmp_path: Path) -> None:
    path = small_models.save(small_models.feed_forward(width=32, depth=1), tmp_path / "m.onnx")
    parts = read_parts([path], ["norm0", "up0", "up_bias0", "gelu0", "down0"])
    assert [name for name, part in parts.items() if part.is_light] == ["norm0", "up_bias0", "gelu0"]


def test_what_no_file_knows_is_a_kind_of_its_own(tmp_path: Path) -> None:
    path = small_models.save(small_models.feed_forward(width=32, depth=1), tmp_path / "m.onnx")
    parts = read_parts([path], ["up0", "elsewhere"])
    assert parts["elsewhere"].operator == ""
    assert alike(parts, "cost") == [("up0",), ("elsewhere",)]
