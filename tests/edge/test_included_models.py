"""The models that ship: every variant of them runs, tells the samples apart, and says what it costs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import edgeai
from edgeai.device import cpu_flags
from edgeai.included import included_names, included_path
from edgeai.open_bundle import open_bundle
from edgeai.showing import describe
from edgeai.sysroot import SysRoot
from tests.command import call

NAMES = ("digits", "motions")
# Of the samples beside them; digits was trained to 982 of 1,000.
RIGHT = {"digits": 0.97, "motions": 1.0}


def samples(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """x as the model takes it, f32 [n, ...], and classes [n]."""
    with np.load(included_path(name).with_name(f"{name}.samples.npz")) as arrays:
        x, y = arrays["x"], arrays["y"]
    scale = 255 if x.dtype == np.uint8 else 1
    return x.astype(np.float32) / np.float32(scale), y.astype(int)


def variants(name: str) -> list[str]:
    return [variant.id for variant in describe(name).variants]


def test_there_are_these() -> None:
    assert included_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_both_formats_come_in_f32_and_int8(name: str) -> None:
    found = describe(name).variants
    kinds = {(each.format, each.precision) for each in found}
    assert kinds == {("onnx", "f32"), ("onnx", "int8"), ("tflite", "f32"), ("tflite", "int8")}
    # Where a CPU lacks what the fastest one needs, one of each format is left that needs nothing.
    for format_ in ("onnx", "tflite"):
        assert [each for each in found if each.format == format_ and not each.needs.get("cpu")]


@pytest.mark.parametrize(("name", "variant"), [(name, id_) for name in NAMES for id_ in variants(name)])
def test_every_variant_tells_the_samples_apart(name: str, variant: str) -> None:
    needs = next(each for each in describe(name).variants if each.id == variant).needs
    lacking = set(needs.get("cpu", ())) - (cpu_flags(SysRoot()) or set())
    if lacking:
        pytest.skip(f"this CPU lacks {lacking}")
    x, y = samples(name)
    assert 40 <= len(x) <= 100
    assert len(set(np.bincount(y).tolist())) == 1, "evenly over the classes"
    with edgeai.load(name, variant=variant, model=name) as session:
        given, output = session.inputs[0].name, session.outputs[0].name
        found = [int(session.run({given: row[None]})[output].argmax()) for row in x]
    assert np.mean(np.asarray(found) == y) >= RIGHT[name]


@pytest.mark.parametrize("name", NAMES)
def test_each_variant_has_quality_and_costs_in_the_manifest(name: str) -> None:
    document = call("show", name, "--json").document
    manifest = {each["id"]: each for each in document["manifest"]["models"][name]["variants"]}
    for each in document["variants"]:
        assert each["cost"] == manifest[each["id"]]["cost"]
        assert "unavailable" not in each["cost"]
        (quality,) = each["quality"]
        assert quality["passes"]
        assert quality["metric"]["name"] == "top1"
        assert each["calibration"] == "data"
    macs = {each["cost"]["multiply_accumulates"] for each in document["variants"]}
    assert len(macs) == 1, "one model, in whatever format and precision"
    by_id = {each["id"]: each["cost"] for each in document["variants"]}
    assert by_id["onnx-f32"]["activation_bytes"] == by_id["tflite-f32"]["activation_bytes"]
    assert document["provenance"]["recipe"] == f"exporters/recipes/{name}.toml"


@pytest.mark.parametrize("name", NAMES)
def test_they_are_sound_and_run_here(name: str) -> None:
    done = call("check", name)
    assert done.code == 0
    assert not re.search(r"^(FAILED|failed|no)", done.out, re.MULTILINE)


def test_they_are_small() -> None:
    folder = included_path("digits").parent
    files = [*folder.glob("*.edge"), *folder.glob("*.samples.npz")]
    assert sum(file.stat().st_size for file in files) < 400_000
    assert open_bundle("digits")[0].licence == "Apache-2.0"
