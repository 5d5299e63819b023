"""Writes what is shipped as a bundle: variants with what they need, their quality, and their origin."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeai.building import Built, build, read_manifest
from edgeai.bundle import TensorSpec
from edgeai.bundle.bare import read_head
from edgeai.bundle.manifest import MANIFEST, SCHEMA
from edgeai.errors import ExportError, one_line
from edgeai.graph import read_graph
from edgeai.open_bundle import ZIP_START, open_bundle

# The first onnxruntime that reads an operator set: the table "ONNX Opset Support" of its documentation
# (docs/Versioning.md). Older sets are read by all that edgeai supports.
_FIRST_ORT = {18: "1.14", 19: "1.15", 20: "1.17"}


@dataclass(frozen=True)
class Shipped:
    """A variant as it goes into the bundle.

    needs: as in the manifest, such as {"cpu": ["asimddp"]}; versions and IR are added here. quality, cost:
    JSON as in the manifest. tolerance: how far outputs may be from the source's.
    """

    id: str
    format: str
    precision: str
    path: Path
    needs: Mapping[str, Any] = field(default_factory=dict)
    tolerance: Mapping[str, float] = field(default_factory=dict)
    quality: Mapping[str, Any] | None = None
    cost: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Around:
    """What the bundle holds beside the variants.

    model: what the model is called. template: a manifest whose model's variants are replaced; None where
    there is no pipeline. files: assets by path inside the bundle; others: files of the template's other
    models. golden: entries behind the template's own.
    """

    model: str
    id: str
    version: str
    licence: str | None = None
    template: Mapping[str, Any] | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    others: Mapping[str, Path] = field(default_factory=dict)
    golden: Sequence[Mapping[str, Any]] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


def write_bundle(variants: Sequence[Shipped], around: Around, out: Path, *, force: bool) -> Built:
    """Make the bundle; nothing is at `out` before it is whole.

    Raises ExportError where there is no variant, and what `edgeai.building.build` raises.
    """
    if not variants:
        raise ExportError(f"{one_line(out)} is not written: no variant is left to ship")
    with tempfile.TemporaryDirectory(prefix="edgeai-export-") as work:
        folder = Path(work)
        for variant in variants:
            _put(variant.path, folder / _file(variant))
        for name, path in {**around.others, **around.files}.items():
            _put(path, folder / name)
        manifest = folder / MANIFEST
        manifest.write_text(
            json.dumps(_manifest(variants, around), ensure_ascii=False, allow_nan=False), "utf-8"
        )
        return build(manifest, out, force=force)


def template_of(path: Path, stack: ExitStack) -> tuple[dict[str, Any], Path]:
    """The manifest of a file, of a bundle's folder or of a packed bundle, and the folder with its files.

    stack: closes what keeps a packed bundle's files in the store. Raises InputError, BundleError.
    """
    if path.is_file() and read_head(path).startswith(ZIP_START):
        bundle, held = open_bundle(path)
        if held is not None:
            stack.callback(held.close)
        assert bundle.folder is not None
        return dict(bundle.manifest), bundle.folder
    file = path / MANIFEST if path.is_dir() else path
    return dict(read_manifest(file)), file.parent


def id_of(name: str) -> str:
    """A bundle's id for a model that nobody gave one: what manifests do not take becomes `-`."""
    return f"local/{re.sub(r'[^A-Za-z0-9._-]+', '-', name).strip('-._') or 'model'}"


def _file(variant: Shipped) -> str:
    return f"{variant.id}.{variant.format}"


def _put(source: Path, place: Path) -> None:
    """A link where that goes: models are large, and the folder is on its way out."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)


def _manifest(variants: Sequence[Shipped], around: Around) -> dict[str, Any]:
    manifest = dict(around.template or {"schema": SCHEMA})
    manifest |= {"id": around.id, "version": around.version, "provenance": dict(around.provenance)}
    if around.licence is not None:
        manifest["licence"] = around.licence
    models = dict(manifest.get("models", {}))
    models[around.model] = _model(models.get(around.model, {}), variants)
    manifest["models"] = models
    if around.files:
        manifest["assets"] = dict.fromkeys([*manifest.get("assets", ()), *around.files], "")
    if around.golden:
        manifest["golden"] = [*manifest.get("golden", ()), *around.golden]
    told = [each for each in manifest.get("quality", ()) if each.get("model") != around.model]
    manifest["quality"] = told + [
        {"model": around.model, "variant": each.id, **each.quality}
        for each in variants
        if each.quality is not None
    ]
    return manifest


def _model(declared: Mapping[str, Any], variants: Sequence[Shipped]) -> dict[str, Any]:
    """inputs and outputs: what is declared, else those of the first variant that leaves most sizes open."""
    graphs = [read_graph(variant.path) for variant in variants]
    widest = min(graphs, key=lambda graph: sum(spec.is_static for spec in graph.inputs))
    model = {"inputs": _specs(widest.inputs), "outputs": _specs(widest.outputs), **declared}
    model["variants"] = [_variant(variant) for variant in variants]
    return model


def _specs(specs: Iterable[TensorSpec]) -> dict[str, Any]:
    return {spec.name: {"dtype": _real_dtype(spec), "shape": list(spec.shape)} for spec in specs}


def _real_dtype(spec: TensorSpec) -> str:
    """A session takes real values where the file stores integers that stand for them."""
    return "f32" if spec.quantization else spec.dtype


def _variant(variant: Shipped) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": variant.id,
        "format": variant.format,
        "precision": variant.precision,
        "files": {_file(variant): ""},
    }
    needs = {**_versions(variant), **variant.needs}
    told = {"needs": needs, "tolerance": dict(variant.tolerance), "cost": variant.cost}
    return entry | {key: value for key, value in told.items() if value}


def _versions(variant: Shipped) -> dict[str, Any]:
    if variant.format != "onnx":
        return {}
    graph = read_graph(variant.path)
    first = _FIRST_ORT.get(graph.opsets.get("", 0))
    return {"ir": graph.version} | ({"ort": f">={first}"} if first else {})
