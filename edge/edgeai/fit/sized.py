"""What each variant of a bundle, or a bare model, asks for, with inputs of the sizes that were given."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bundle import ANY, sniff_format
from ..errors import InputError, ModelError, one_line
from ..graph import READERS, read_graph
from ..graph.demand import Demand, demand
from ..showing import look, variant_file
from .inferring import InferenceMissing, with_shapes

if TYPE_CHECKING:
    import os

    from ..bundle import TensorSpec, Variant
    from ..showing import Looked


@dataclass(frozen=True)
class Sizes:
    """Of symbolic dimensions. named: by the dimension's name. shapes: whole shapes by input. batch: of a
    first dimension that is symbolic and has no size otherwise."""

    named: Mapping[str, int] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    batch: int = 1


@dataclass(frozen=True)
class Sized:
    """One variant; of a bare model None. demand: None where the file cannot be read: `problem` says why.

    open_dimensions: those that nobody gave a size, such as `x[2] (height)`.
    """

    model: str
    variant: str | None
    demand: Demand | None
    problem: str | None = None
    open_dimensions: tuple[str, ...] = ()


def sized_demands(
    path: str | os.PathLike[str], sizes: Sizes, model: str | None = None, variant: str | None = None
) -> tuple[Sized, ...]:
    """Of all variants, or of those asked for. Raises ModelError, InputError for a name that is not there."""
    with look(path) as looked:
        wanted = [
            (each.name, one)
            for each in looked.bundle.models
            for one in each.variants
            if model in {None, each.name} and variant in {None, one.id}
        ]
        if not wanted:
            have = ", ".join(
                f"{each.name}/{one.id}" for each in looked.bundle.models for one in each.variants
            )
            raise InputError(f"{one_line(path)} has no such model or variant; it has: {one_line(have)}")
        return tuple(_sized(name, one, looked, sizes) for name, one in wanted)


def _sized(model: str, variant: Variant, looked: Looked, sizes: Sizes) -> Sized:
    id_ = None if looked.bundle.is_bare else variant.id
    if variant.format not in READERS:
        return Sized(model, id_, None, f"the format {one_line(variant.format)} is not known here")
    try:
        with variant_file(variant, looked) as file:
            found, missing = _demand(file, sizes)
    except ModelError as error:
        if looked.bundle.is_bare:  # there is nothing else to tell of
            raise
        return Sized(model, id_, None, str(error))
    return Sized(model, id_, _with_manifest(found, variant, sizes), open_dimensions=tuple(missing))


def _demand(file: Path, sizes: Sizes) -> tuple[Demand, list[str]]:
    """And the dimensions that nobody gave a size."""
    specs = read_graph(file).inputs
    sizes = _named(specs, sizes)
    _check(specs, sizes)
    shapes, missing = _shapes(specs, sizes)
    found = demand(file, sizes.named)
    if missing or not found.unavailable or sniff_format(file) == "tflite":  # whose shapes stand in the file
        return found, missing
    return _described(file, shapes, found), missing


def _described(file: Path, shapes: Mapping[str, tuple[int, ...]], found: Demand) -> Demand:
    """Counted with the shapes inside the file inferred, as far as that goes."""
    with tempfile.TemporaryDirectory(prefix="edgeai-") as folder:
        try:
            for described in with_shapes(file, shapes, Path(folder)):
                found = demand(described)
                if not found.unavailable:
                    break
        except InferenceMissing as error:
            why = {key: f"{reason}: {error}" for key, reason in found.unavailable.items()}
            return replace(found, unavailable=why)
        except ModelError:
            pass  # it can be read, but not be inferred on: what is missing is told already
    return found


def _shapes(specs: tuple[TensorSpec, ...], sizes: Sizes) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """Of inputs whose sizes are all known, and the dimensions that are not."""
    shapes: dict[str, tuple[int, ...]] = {}
    missing: list[str] = []
    for spec in specs:
        if spec.name in sizes.shapes:
            shapes[spec.name] = sizes.shapes[spec.name]
            continue
        found: list[int | None] = []
        for axis, size in enumerate(spec.shape):
            known = size if isinstance(size, int) else sizes.named.get(size)
            if known is None and axis == 0 and size != "...":
                known = sizes.batch
            if known is None:
                missing.append(f"{spec.name}[{axis}]" + ("" if size in {ANY, "..."} else f" ({size})"))
            found.append(known)
        if None not in found:
            shapes[spec.name] = tuple(size for size in found if size is not None)
    return shapes, missing


def _named(specs: tuple[TensorSpec, ...], sizes: Sizes) -> Sizes:
    """A shape without a name is that of the only input."""
    if "" not in sizes.shapes:
        return sizes
    if len(specs) != 1:
        have = one_line(", ".join(spec.name for spec in specs))
        raise InputError(f"say which input a shape is for, as NAME:SIZES; it has: {have}")
    shapes = {name or specs[0].name: shape for name, shape in sizes.shapes.items()}
    return replace(sizes, shapes=shapes)


def _check(specs: tuple[TensorSpec, ...], sizes: Sizes) -> None:
    names = {spec.name for spec in specs}
    dimensions = {size for spec in specs for size in spec.shape if isinstance(size, str)}
    for name, shape in sizes.shapes.items():
        spec = next((each for each in specs if each.name == name), None)
        if spec is None:
            raise InputError(f"no input is called {one_line(name)!r}; it has: {one_line(', '.join(names))}")
        if len(spec.shape) != len(shape) and "..." not in spec.shape:
            raise InputError(f"{one_line(name)} is {spec}; the shape given has {len(shape)} dimensions")
    for name in sizes.named:
        if name not in dimensions:
            have = one_line(", ".join(sorted(dimensions - {ANY}))) or "none with a name"
            raise InputError(f"no dimension is called {one_line(name)!r}; it has: {have}")


def _with_manifest(found: Demand, variant: Variant, sizes: Sizes) -> Demand:
    """What its maker counted with shapes that the file does not tell: unless other sizes were asked for."""
    cost: Mapping[str, Any] = variant.cost or {}
    if sizes != Sizes() or not found.unavailable:
        return found
    names = ("multiply_accumulates", "activation_bytes", "peak_memory_bytes")
    given: dict[str, Any] = {
        name: value
        for name in names
        if getattr(found.costs, name) is None and isinstance(value := cost.get(name), int) and value >= 0
    }
    unavailable = {key: why for key, why in found.unavailable.items() if key not in given}
    costs = replace(found.costs, **given, unavailable=unavailable)
    macs = found.macs
    if macs is None and "multiply_accumulates" in given:
        macs = {_dtype_of(variant): given["multiply_accumulates"]}
    return replace(found, costs=costs, macs=macs, unavailable=unavailable)


def _dtype_of(variant: Variant) -> str:
    precision = variant.precision or ""
    return "i8" if "int" in precision or precision in {"i8", "u8"} else "f16" if "16" in precision else "f32"
