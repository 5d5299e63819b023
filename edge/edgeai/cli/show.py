"""`edgeai show`: what is in a bundle or a model; no backend is needed, and nothing runs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ..errors import UsageError, one_line
from . import options
from .output import json_option, verbosity_options, write_json

if TYPE_CHECKING:
    from ..showing import Description
    from ..variant_facts import VariantFacts

_SCHEMA = 1


@click.command()
@click.argument("path", metavar="BUNDLE|MODEL", type=options.MODEL)
@click.option("--manifest", is_flag=True, help="Print the bundle's manifest, and nothing else.")
@json_option
@verbosity_options
def show(path: str, manifest: bool, as_json: bool, verbosity: int) -> None:
    """Show what is in a bundle or a model: signature, pipeline, variants, sizes, operators, licence.

    A table tells of each variant how good it is, by what its exporter measured, and what it costs: multiply-
    accumulates, weights, activations, and the RAM that it is likely to add to the process that runs it.

    Works without any backend, and without unpacking a bundle. -q prints id, version and identity only; -v
    adds every operator, the hashes of files, and what the manifest says of quality and provenance.

    \b
    Examples:
      edgeai show faces.edge
      edgeai show model.onnx -v
      edgeai show faces.edge --json
      edgeai show faces.edge --manifest > manifest.json
    """
    from ..showing import describe
    from .description import page

    found = describe(path, graphs=not manifest and verbosity >= 0)
    if manifest:
        click.echo(_manifest(found))
    elif as_json:
        write_json(_document(found))
    elif verbosity < 0:
        bundle = found.bundle
        words = (bundle.id, bundle.version, bundle.identity) if bundle.identity else (bundle.path.name,)
        click.echo(" ".join(one_line(word) for word in words))
    else:
        click.echo("\n".join(page(found, verbose=verbosity > 0)))


def _manifest(found: Description) -> str:
    """As it was read. What a terminal would not show as it is, JSON can spell in ASCII."""
    if found.bundle.is_bare:
        raise UsageError(f"{one_line(found.bundle.path)} is a bare model file, which has no manifest")
    text = json.dumps(found.bundle.manifest, indent=2, ensure_ascii=False)
    return "".join(_printable(text))


def _printable(text: str) -> Iterator[str]:
    for letter in text:
        yield letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1]


def _variant(facts: VariantFacts) -> dict[str, object]:
    return {
        "model": facts.model,
        "id": facts.id,
        "format": facts.format,
        "precision": facts.precision,
        "size_bytes": facts.size_bytes,
        "files": list(facts.files),
        "needs": dict(facts.needs),
        "quality": list(facts.quality),
        "cost": facts.cost,
        "calibration": facts.calibration,
    }


def _document(found: Description) -> dict[str, object]:
    bundle = found.bundle
    return {
        "schema": _SCHEMA,
        "kind": "edgeai.show",
        "path": str(bundle.path),
        "form": found.form,
        "size_bytes": found.size_bytes,
        "identity": bundle.identity,
        "is_signed": found.is_signed,
        "manifest": dict(bundle.manifest) or None,
        "unknown_keys": list(found.unknown_keys),
        "provenance": bundle.manifest.get("provenance"),
        "variants": [_variant(facts) for facts in found.variants],
        "files": {name: dataclasses.asdict(file) for name, file in found.files.items()},
        "graphs": [
            {
                "model": model,
                "variant": variant,
                "problem": graph if isinstance(graph, str) else None,
                "graph": None if isinstance(graph, str) else dataclasses.asdict(graph),
            }
            for (model, variant), graph in found.graphs.items()
        ],
    }
