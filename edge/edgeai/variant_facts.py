"""What is known of each variant of a bundle, or of a bare model: size, precision, needs, quality and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .graph import GraphSummary

if TYPE_CHECKING:
    from .bundle import Bundle, Model, Variant

RANDOM = "random"

_FLOATS = ("f64", "f32", "f16", "bf16")
_WHOLE = {"i8": "int8", "u8": "int8", "i4": "int4", "u4": "int4", "i2": "int2", "u2": "int2"}
_ONE_IN = 10
"""Of the weights' elements, that a precision is named for."""


@dataclass(frozen=True)
class VariantFacts:
    """One variant.

    precision: as the manifest says it, else by the weights; None where the file does not tell. files: its
    own, by name inside the bundle. needs, quality, cost: as in the manifest, or counted on the file (cost).
    """

    model: str
    id: str
    format: str
    precision: str | None
    size_bytes: int
    files: tuple[str, ...]
    needs: Mapping[str, Any] = field(default_factory=dict)
    quality: tuple[Mapping[str, Any], ...] = ()
    cost: Mapping[str, Any] | None = None

    calibration: str | None = None
    """What it was calibrated on, as the manifest tells it: of the variant, else of the whole export."""

    @property
    def is_calibrated_on_noise(self) -> bool:
        """Whether it was quantized on random inputs: how good it is on real ones is unknown then."""
        return self.calibration == RANDOM and self.precision not in _FLOATS


def variant_facts(
    bundle: Bundle,
    sizes: Mapping[str, int],
    graphs: Mapping[tuple[str, str], GraphSummary | str],
    counted: Mapping[tuple[str, str], Mapping[str, Any]],
) -> tuple[VariantFacts, ...]:
    """Of all variants, in the manifest's order.

    sizes: bytes by file; of a bare model by its path's name. counted: what variants cost whose manifest does
    not say it.
    """
    found = []
    for model in bundle.models:
        for place, variant in enumerate(model.variants):
            key = model.name, variant.id
            files = tuple(variant.files) or (variant.path.name,)
            graph = graphs.get(key)
            found.append(
                VariantFacts(
                    model=model.name,
                    id=variant.id,
                    format=variant.format,
                    precision=variant.precision or _precision(graph),
                    size_bytes=sum(sizes[name] for name in files),
                    files=files,
                    needs=_needs(bundle, model, place),
                    quality=tuple(quality_of(bundle, model, variant)),
                    cost=variant.cost or counted.get(key),
                    calibration=_calibration(bundle, model, variant),
                )
            )
    return tuple(found)


def quality_of(bundle: Bundle, model: Model, variant: Variant) -> list[Mapping[str, Any]]:
    """The entries of the manifest's `quality` that are about a variant."""
    return [
        entry
        for entry in _entries(bundle)
        if entry.get("variant") == variant.id and entry.get("model") in {None, model.name}
    ]


def other_quality(bundle: Bundle) -> Any:
    """What the manifest says of quality that is about no variant of its own; None where nothing is left."""
    given = bundle.manifest.get("quality")
    if not isinstance(given, list):
        return given or None
    known = {(model.name, variant.id) for model in bundle.models for variant in model.variants}
    ids = {id_ for _, id_ in known}

    def is_told(entry: object) -> bool:
        if not isinstance(entry, dict) or not isinstance(entry.get("variant"), str):
            return False
        model = entry.get("model")
        return entry["variant"] in ids if model is None else (model, entry["variant"]) in known

    return [entry for entry in given if not is_told(entry)] or None


def _entries(bundle: Bundle) -> list[Mapping[str, Any]]:
    given = bundle.manifest.get("quality")
    return [entry for entry in given if isinstance(entry, dict)] if isinstance(given, list) else []


def _needs(bundle: Bundle, model: Model, place: int) -> Mapping[str, Any]:
    if bundle.is_bare:
        return {}
    needs: Mapping[str, Any] = bundle.manifest["models"][model.name]["variants"][place].get("needs", {})
    return needs


def _precision(graph: GraphSummary | str | None) -> str | None:
    """By most of the weights' elements; a mixture names all that have a tenth, such as `int8+f32`."""
    if not isinstance(graph, GraphSummary):
        return None
    shares: dict[str, int] = {}
    for dtype, weights in graph.weights.items():
        if dtype in _FLOATS or dtype in _WHOLE:
            name = _WHOLE.get(dtype, dtype)
            shares[name] = shares.get(name, 0) + weights.elements
    total = sum(shares.values())
    names = [name for name, count in shares.items() if count * _ONE_IN >= total > 0]
    return "+".join(sorted(names, key=lambda name: -shares[name])) or None


def _calibration(bundle: Bundle, model: Model, variant: Variant) -> str | None:
    """A word, or an object that has it as its `kind`."""
    for told in (*quality_of(bundle, model, variant), bundle.manifest.get("provenance")):
        value = told.get("calibration") if isinstance(told, Mapping) else None
        word = value.get("kind") if isinstance(value, Mapping) else value
        if isinstance(word, str):
            return word
    return None
