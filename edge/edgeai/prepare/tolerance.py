"""How far outputs of one variant may be from those of another, for whom both stand for the same model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..bundle import Variant

_BY_PRECISION: Mapping[str, Mapping[str, float]] = {
    "f16": {"cosine": 0.9999},
    "bf16": {"cosine": 0.999},
    "int8": {"cosine": 0.99},
}
"""Where a variant states none. Half floats keep 11 bits, and errors of many terms cancel; of 8 bits the
quantized models of the public suite stay above 0.99 where they are right at all."""
_ELSE: Mapping[str, float] = {"cosine": 0.99}


def tolerance_between(raw: Variant, own: Variant) -> dict[str, float] | None:
    """None for the same variant: its outputs must agree as those of two processes do (`outputs_agree`).

    Between two variants each may be as far from the truth as it states, and not on the same side. Angles add
    up, and 1 - cosine goes with their square: (a + b)^2 is at most 2 (a^2 + b^2). Other errors just add up.
    """
    if raw.id == own.id:
        return None
    one, other = stated(raw), stated(own)
    found: dict[str, float] = {}
    cosines = [each["cosine"] for each in (one, other) if "cosine" in each]
    if cosines:
        found["cosine"] = 1 - 2 * sum(1 - value for value in cosines) if len(cosines) > 1 else cosines[0]
    for kind in ("abs", "rel"):
        values = [each[kind] for each in (one, other) if kind in each]
        if values and not cosines:
            found[kind] = sum(values)
    return found or dict(_ELSE)


def stated(variant: Variant) -> Mapping[str, float]:
    """What the bundle says, else what is usual for the precision; full precision is the truth itself."""
    if variant.tolerance:
        return variant.tolerance
    return {} if variant.precision in {None, "f32"} else _BY_PRECISION.get(variant.precision or "", _ELSE)
