"""Compares what came out with what a golden sample says must: tensors, and results as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import one_line
from ..sources.tensors import load_npz
from .model import ModelPort, ModelState

if TYPE_CHECKING:
    from pathlib import Path

    from ..bundle.types import Model
    from .model import Runs
    from .values import Array

TENSOR_TOLERANCE: Mapping[str, float] = {"abs": 1e-4, "rel": 1e-3}
"""Where neither the sample nor the variant states one: what sums of f32 in another order, as another CPU's
kernels make them, stay far below, and a wrong weight does not."""

RESULT_TOLERANCE: Mapping[str, float] = {"abs": 0.01, "px": 1.0, "s": 0.05}
"""The same for results: a score may move by a hundredth, a box by a pixel, an event by a window or two."""

_PIXELS = ("box", "polygon", "keypoints")


@dataclass(frozen=True)
class Comparison:
    """Whether it is what was expected, and how far it is from it, in words."""

    passed: bool
    text: str


def run_tensors(model: Model, opened: Runs, inputs: Path) -> dict[str, Array]:
    """What a model gives for the arrays of a .npz file.

    Inputs that the file leaves out are filled as at the start of a stream: constants, state, context.
    Raises InputError, RunError.
    """
    with inputs.open("rb") as file:
        arrays = load_npz(file, one_line(inputs.name))
    if arrays.keys() == {spec.name for spec in opened.inputs}:
        return opened.run(arrays)
    port = ModelPort(model, opened, lambda: opened)
    state = ModelState(port)
    where = one_line(inputs.name)
    return state.run(port.feed(arrays, where), where)


def compare_tensors(
    got: Mapping[str, Array], wanted: Path, tolerance: Mapping[str, float] | None = None
) -> Comparison:
    """Outputs against the arrays of a .npz file, which may leave some out. Raises InputError.

    tolerance: `cosine`, at least; `abs` and `rel`, at most: |got - wanted| <= abs + rel * |wanted|. An empty
    one stands for TENSOR_TOLERANCE. Whole numbers must be the same but for a stated `abs`, texts always.
    """
    with wanted.open("rb") as file:
        expected = load_npz(file, one_line(wanted.name))
    worst = _Worst()
    problem = tensors_problem(got, expected, tolerance or {}, worst)
    return Comparison(True, str(worst)) if problem is None else Comparison(False, problem)


def tensors_problem(
    got: Mapping[str, Array],
    expected: Mapping[str, Array],
    tolerance: Mapping[str, float],
    worst: _Worst | None = None,
) -> str | None:
    """What is wrong with outputs, None where they agree; tolerance and the rest as `compare_tensors`."""
    worst = worst or _Worst()
    for name, array in expected.items():
        problem = _tensor_problem(got.get(name), array, tolerance, worst)
        if problem:
            return f"{one_line(name)} {problem}"
    return None


def compare_result(got: Any, wanted: Any, tolerance: Mapping[str, float] | None = None) -> Comparison:
    """A result as JSON against what it must be, number by number.

    tolerance: `px` for what lies in a box, polygon or keypoints; `s` for keys that end in `_s`; `abs` for all
    other numbers; what is not stated is as in RESULT_TOLERANCE. Keys that only the result has are newer than
    the sample and do not count; everything else must be the same.
    """
    limits = {**RESULT_TOLERANCE, **(tolerance or {})}
    worst: dict[str, float] = {}
    problem = next(_differences(got, wanted, limits, "abs", "", worst), None)
    if problem:
        return Comparison(False, problem)
    units = {"abs": "", "px": " px", "s": " s"}
    off = [f"{worst[kind]:.2g}{units[kind]}" for kind in units if worst.get(kind)]
    return Comparison(True, f"off by at most {', '.join(off)}" if off else "the same")


@dataclass
class _Worst:
    """How far tensors were from what they must be."""

    difference: float = 0.0
    cosine: float | None = None

    def __str__(self) -> str:
        cosine = "" if self.cosine is None else f", cosine {self.cosine:.6f}"
        return (f"off by at most {self.difference:.2g}" if self.difference else "the same") + cosine


def _tensor_problem(
    got: Array | None, wanted: Array, tolerance: Mapping[str, float], worst: _Worst
) -> str | None:
    if got is None:
        return "did not come out"
    if got.shape != wanted.shape:
        return f"is {list(got.shape)} instead of {list(wanted.shape)}"
    if wanted.dtype.kind not in "biuf" or got.dtype.kind not in "biuf":
        return None if np.array_equal(got, wanted) else "is not the same"
    is_whole = wanted.dtype.kind in "biu"
    limits = {"abs": tolerance.get("abs", 0.0)} if is_whole else tolerance or TENSOR_TOLERANCE
    return _number_problem(got.astype(np.float64), wanted.astype(np.float64), limits, worst)


def _number_problem(got: Array, wanted: Array, limits: Mapping[str, float], worst: _Worst) -> str | None:
    same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        differences = np.where(same, 0.0, np.abs(got - wanted))
    differences[np.isnan(differences)] = math.inf
    worst.difference = max(worst.difference, differences.max(initial=0.0))
    if "cosine" in limits:
        cosine = _cosine(got, wanted)
        worst.cosine = cosine if worst.cosine is None else min(worst.cosine, cosine)
        if not cosine >= limits["cosine"]:
            return f"has the cosine {cosine:.6f}; at least {limits['cosine']:g} is allowed"
    if "abs" in limits or "rel" in limits:
        with np.errstate(invalid="ignore"):
            allowed = limits.get("abs", 0.0) + limits.get("rel", 0.0) * np.abs(wanted)
        over = ~same & ~(differences <= allowed)
        if over.any():
            return _where(got, wanted, over, limits)
    return None


def _where(got: Array, wanted: Array, over: Array, limits: Mapping[str, float]) -> str:
    at = tuple(int(index) for index in np.argwhere(over)[0])
    stated = ", ".join(f"{kind} {limits[kind]:g}" for kind in ("abs", "rel") if kind in limits)
    return (
        f"is off at {int(over.sum()):,} of {over.size:,} places, first at {list(at)}: "
        f"{got[at]:.6g} instead of {wanted[at]:.6g} (allowed: {stated})"
    )


def _cosine(got: Array, wanted: Array) -> float:
    """1 for two arrays of zeros; 0 where only one is, or where something is not finite."""
    lengths = float(np.linalg.norm(got)) * float(np.linalg.norm(wanted))
    if not math.isfinite(lengths):
        return 0.0
    if lengths == 0:
        return float(not got.any() and not wanted.any())
    return float(np.vdot(got, wanted)) / lengths


def _differences(
    got: Any, wanted: Any, limits: Mapping[str, float], kind: str, path: str, worst: dict[str, float]
) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key, value in wanted.items():
            inner = f"{path}.{one_line(key, 60)}" if path else one_line(key, 60)
            if key not in got:
                yield f"{inner} is missing"
            else:
                yield from _differences(got[key], value, limits, _kind(key), inner, worst)
    elif isinstance(wanted, list) and isinstance(got, list):
        if len(got) != len(wanted):
            yield f"{path or 'the result'} has {len(got)} entries instead of {len(wanted)}"
        for index, (one, other) in enumerate(zip(got, wanted, strict=False)):
            yield from _differences(one, other, limits, kind, f"{path}[{index}]", worst)
    elif _is_number(wanted) and _is_number(got):
        worst[kind] = max(worst.get(kind, 0.0), abs(got - wanted))
        if not abs(got - wanted) <= limits[kind]:
            allowed = f"(allowed: {limits[kind]:g} {kind})"
            yield f"{path or 'the result'} is {got:.6g} instead of {wanted:.6g} {allowed}"
    elif type(got) is not type(wanted) or got != wanted:
        yield f"{path or 'the result'} is {one_line(repr(got), 80)} instead of {one_line(repr(wanted), 80)}"


def _kind(key: str) -> str:
    return "px" if key in _PIXELS else "s" if key.endswith("_s") else "abs"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
