"""What of a model file or bundle is proven: its variants, one by one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from edgeai.bundle import Bundle, Model
from edgeai.errors import ExportError, one_line
from edgeai.open_bundle import open_bundle


@dataclass(frozen=True)
class Subject:
    """What is proven. words: what `edgeai.load` is told of it beside the path."""

    model: str
    variant: str
    format: str
    size_bytes: int
    words: Mapping[str, Any]


def opened(path: str | os.PathLike[str], stack: ExitStack) -> Bundle:
    """The bundle at a path, held in the store until the stack is left."""
    bundle, held = open_bundle(path)
    if held is not None:
        stack.callback(held.close)
    return bundle


def subjects_of(bundle: Bundle, name: str | None) -> list[Subject]:
    """All variants of one model, in the bundle's order. name: None for the only one. Raises ExportError."""
    if bundle.is_bare:
        return [subject_of(bundle, None, None)]
    return [subject_of(bundle, name, variant.id) for variant in _chosen(bundle, name).variants]


def subject_of(bundle: Bundle, model: str | None, variant: str | None) -> Subject:
    """One variant, None for the only model and the first variant; a bare file gets these as names."""
    chosen = _chosen(bundle, None if bundle.is_bare else model)
    first = chosen.variants[0]
    if bundle.is_bare:
        size_bytes = first.path.stat().st_size
        return Subject(model or chosen.name, variant or chosen.name, first.format, size_bytes, {})
    found = next((each for each in chosen.variants if variant in {None, each.id}), None)
    if found is None:
        have = one_line(", ".join(each.id for each in chosen.variants))
        raise ExportError(f"{one_line(bundle.path)} has no variant {one_line(variant)!r}; it has: {have}")
    assert bundle.folder is not None
    size_bytes = sum((bundle.folder / name).stat().st_size for name in found.files)
    words = {"model": chosen.name, "variant": found.id}
    return Subject(chosen.name, found.id, found.format, size_bytes, words)


def _chosen(bundle: Bundle, name: str | None) -> Model:
    have = {model.name: model for model in bundle.models}
    if name is None and len(have) == 1:
        return bundle.models[0]
    if name not in have:
        asked = "" if name is None else f" has no model {one_line(name)!r};"
        raise ExportError(f"{one_line(bundle.path)}:{asked} say which model: {one_line(', '.join(have))}")
    return have[name]
