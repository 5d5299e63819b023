"""The bundle that an export writes."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

import edgeai
from edgeai.errors import ExportError, UsageError
from edgeai_exporters.bundling import Around, Shipped, id_of, template_of, write_bundle
from tests.tiny_models import linear_onnx, linear_tflite

QUALITY = {"samples": 10, "cosine": {"mean": 1.0, "min": 1.0}}


@pytest.fixture
def variants(tmp_path: Path) -> list[Shipped]:
    return [
        Shipped(
            "onnx-f32",
            "onnx",
            "f32",
            linear_onnx(tmp_path / "a.onnx"),
            needs={"cpu": []},
            tolerance={"cosine": 0.9},
            quality=QUALITY,
            cost={"macs": 8},
        ),
        Shipped("tflite-f32", "tflite", "f32", linear_tflite(tmp_path / "a.tflite")),
    ]


def around(**more: object) -> Around:
    return Around(**({"model": "linear", "id": "acme/linear", "version": "1.0.0"} | more))


def test_every_variant_opens_and_says_what_it_is(variants: list[Shipped], tmp_path: Path) -> None:
    built = write_bundle(variants, around(licence="MIT"), tmp_path / "m.edge", force=False)
    for variant in variants:
        with edgeai.load(built.path, variant=variant.id) as session:
            outputs = session.run({"x": np.ones((1, 4), np.float32)})
            np.testing.assert_array_equal(outputs["y"], np.full((1, 4), 3, np.float32))
    assert built.unknown_keys in {(), ("models.linear.variants[0].cost",)}


def test_quality_cost_needs_and_provenance_are_in_the_manifest(
    variants: list[Shipped], tmp_path: Path
) -> None:
    from edgeai.open_bundle import open_bundle

    write_bundle(variants, around(provenance={"source": "a.onnx"}), tmp_path / "m.edge", force=False)
    bundle, held = open_bundle(tmp_path / "m.edge")
    assert held is not None
    held.close()
    manifest = bundle.manifest
    assert manifest["quality"] == [{"model": "linear", "variant": "onnx-f32", **QUALITY}]
    assert manifest["provenance"] == {"source": "a.onnx"}
    first = manifest["models"]["linear"]["variants"][0]
    assert first["cost"] == {"macs": 8}
    assert first["needs"] == {"ir": 8, "cpu": []}
    assert first["tolerance"] == {"cosine": 0.9}


def test_the_same_variants_make_the_same_bytes(variants: list[Shipped], tmp_path: Path) -> None:
    first, second = (
        write_bundle(variants, around(), tmp_path / name, force=False) for name in ("a.edge", "b.edge")
    )
    assert first.identity == second.identity
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_template_keeps_its_pipeline_and_gets_the_new_variants(
    variants: list[Shipped], tmp_path: Path
) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n")
    template = {
        "schema": 1,
        "id": "old/name",
        "version": "0",
        "models": {"linear": {"variants": [{"id": "old", "format": "onnx", "files": {"old.onnx": ""}}]}},
        "source": {"kind": "tensors"},
        "pipeline": [
            {"run": "linear", "post": [{"op": "top_k@1", "labels": "labels.txt", "k": 1}], "as": "label"}
        ],
        "assets": {"labels.txt": ""},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(template))
    with ExitStack() as stack:
        manifest, folder = template_of(tmp_path, stack)
    assert folder == tmp_path
    assets = {"labels.txt": folder / "labels.txt"}
    out = tmp_path / "m.edge"
    write_bundle(variants, around(template=manifest, files=assets), out, force=False)
    with edgeai.load(out) as session:
        result = session.predict({"x": np.array([[1, 9, 2, 3]], np.float32)})
    assert "b" in str(result)


def test_what_is_there_stays_unless_it_may_be_replaced(variants: list[Shipped], tmp_path: Path) -> None:
    out = tmp_path / "m.edge"
    out.write_text("precious")
    with pytest.raises(UsageError, match="is there already; give -f"):
        write_bundle(variants, around(), out, force=False)
    assert out.read_text() == "precious"


def test_a_bundle_without_variants_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no variant is left"):
        write_bundle([], around(), tmp_path / "m.edge", force=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "id_"), [("all-MiniLM", "local/all-MiniLM"), ("a b/c", "local/a-b-c"), ("---", "local/model")]
)
def test_a_name_becomes_an_id(name: str, id_: str) -> None:
    assert id_of(name) == id_
