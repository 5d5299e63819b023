"""What is built for which board."""

from __future__ import annotations

import pytest

from edgeai.device import load_profile
from edgeai_exporters.schemes import SCHEMES
from edgeai_exporters.schemes.targets import schemes_for


def names(board: str | None, format_: str = "onnx") -> list[str]:
    return [scheme.name for scheme in schemes_for(None if board is None else load_profile(board), format_)]


def test_any_machine_gets_neither_what_is_for_arm_nor_for_accelerators() -> None:
    assert "int8-static" in names(None)
    assert not {"int8-static-sym", "int8-static-tensorrt"} & set(names(None))
    assert "int8-static-io" not in names(None, "tflite")


def test_arm_gets_integers_with_zero_point_0() -> None:
    assert "int8-static-sym" in names("raspberry-pi-5")
    assert not {"int8-static", "int8-static-tensorrt"} & set(names("raspberry-pi-5"))


def test_a_jetson_gets_what_tensorrt_takes() -> None:
    assert {"int8-static-tensorrt", "f16"} <= set(names("jetson-orin-nano"))


def test_an_edge_tpu_gets_integers_from_end_to_end() -> None:
    assert "int8-static-io" in names("coral-dev-board", "tflite")


def test_x86_gets_full_weights_for_vnni_and_seven_bits_for_all() -> None:
    rows = {scheme.name: scheme for scheme in schemes_for(load_profile("x86-64"), "onnx")}
    assert rows["int8-dynamic"].cpu == ("avx512_vnni",)
    assert rows["int8-dynamic-7bit"].cpu == ()
    assert rows["int8-dynamic-7bit"].options["reduce_range"] is True
    assert "f16-7bit" not in rows


@pytest.mark.parametrize("format_", ["onnx", "tflite"])
def test_every_row_is_built_for_some_board(format_: str) -> None:
    boards = [None, "x86-64", "raspberry-pi-5", "jetson-orin-nano", "coral-dev-board"]
    built = {name for board in boards for name in names(board, format_)}
    assert {scheme.name for scheme in SCHEMES if scheme.format == format_} <= built
