"""What is known of a variant from its manifest, and from its weights where that says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeai.graph import GraphSummary, Weights
from edgeai.open_bundle import open_bundle
from edgeai.variant_facts import other_quality, variant_facts
from tests import real_bundles


def facts(folder: Path, weights: dict[str, int] | None = None) -> Any:
    """Of the bundle's first variant; weights: elements by type, of its file."""
    bundle = open_bundle(folder)[0]
    sizes = {name: 1 for variant in bundle.models[0].variants for name in variant.files}
    each = {dtype: Weights(1, count, 4 * count) for dtype, count in (weights or {}).items()}
    graph = GraphSummary("onnx", 8, {}, None, {}, each, (), ())
    return variant_facts(bundle, sizes, {("linear", "f32"): graph}, {})[0]


@pytest.mark.parametrize(
    ("weights", "precision"),
    [
        ({"f32": 100}, "f32"),
        ({"i8": 95, "f32": 5}, "int8"),
        ({"i8": 50, "u8": 20, "f32": 30}, "int8+f32"),
        ({"f32": 90, "f16": 10}, "f32+f16"),
        ({"u4": 99, "i64": 1000}, "int4"),
        ({"i64": 3}, None),
        ({}, None),
    ],
)
def test_precision_is_that_of_most_weights(
    weights: dict[str, int], precision: str | None, tmp_path: Path
) -> None:
    def unnamed(manifest: dict[str, Any]) -> None:
        for variant in manifest["models"]["linear"]["variants"]:
            variant.pop("precision", None)

    assert facts(real_bundles.linear(tmp_path / "linear", unnamed), weights).precision == precision


@pytest.mark.parametrize(
    ("of_variant", "of_export", "calibration", "noise"),
    [
        (None, None, None, False),
        (None, "data", "data", False),
        (None, "random", "random", True),
        ({"kind": "data"}, "random", "data", False),
        ({"kind": "random", "samples": 8}, "data", "random", True),
        (7, ["random"], None, False),
    ],
)
def test_calibration_is_the_variants_own_before_the_exports(
    of_variant: Any, of_export: Any, calibration: str | None, noise: bool, tmp_path: Path
) -> None:
    def told(manifest: dict[str, Any]) -> None:
        manifest["models"]["linear"]["variants"][0]["precision"] = "int8"
        manifest["provenance"] = {"calibration": of_export}
        manifest["quality"] = [{"variant": "f32", "calibration": of_variant}]

    found = facts(real_bundles.linear(tmp_path / "linear", told))
    assert (found.calibration, found.is_calibrated_on_noise) == (calibration, noise)


def test_floats_were_not_calibrated_whatever_the_export_says(tmp_path: Path) -> None:
    def told(manifest: dict[str, Any]) -> None:
        manifest["models"]["linear"]["variants"][0]["precision"] = "f32"
        manifest["provenance"] = {"calibration": "random"}

    assert not facts(real_bundles.linear(tmp_path / "linear", told)).is_calibrated_on_noise


def test_quality_of_no_variant_is_left_over(tmp_path: Path) -> None:
    entries = [
        {"variant": "f32", "cosine": 1},
        {"variant": "f32", "model": "linear"},
        {"variant": "nosuch"},
        {"variant": "f32", "model": "other"},
        {"about": "all"},
    ]

    def told(manifest: dict[str, Any]) -> None:
        manifest["quality"] = entries

    folder = real_bundles.linear(tmp_path / "linear", told)
    assert facts(folder).quality == tuple(entries[:2])
    assert other_quality(open_bundle(folder)[0]) == entries[2:]
