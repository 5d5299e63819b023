"""What each layer costs in quality and brings in latency, when it alone stands at a level.

A layer's loss is measured with everything else in float. The other way round, all quantized but one, says
little where many layers are bad: taking one of them back hardly shows. With everything else in float the
losses of layers add up well as long as the sum is small, which is where the search ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .found import FLOAT, Sensitivity, Timing
from .graph_roles import Part, alike
from .trials import Levels, Trials, all_float

ALONE = 64
"""Up to so many layers each is tried alone; of more, roles first, and those alone whose role shows a loss."""
NEGLIGIBLE = 0.05
"""Share of the sum of losses that roles may hold together without their layers being tried one by one."""
TOGETHER = 4
"""Candidates that are timed in one round: each is an open session."""

Say = Callable[[str], None]


class Cost(NamedTuple):
    """What a layer at a level costs more than at the scheme's own, with its 95 % interval; s or bytes."""

    value: float
    low: float
    high: float


Costs = Mapping[str, Cost]
"""By layer."""


@dataclass(frozen=True)
class Scan:
    """Losses by layer at one level. members: by layer, how many share its loss."""

    level: str
    losses: Mapping[str, float]
    members: Mapping[str, int]


def scan_losses(trials: Trials, parts: Mapping[str, Part], level: str, *, by_score: bool, say: Say) -> Scan:
    """Losses of the layers in `parts` at the scheme's own level."""
    groups = [(name,) for name in parts] if len(parts) <= ALONE else alike(parts, "role")
    shared = {names: _loss(trials, names, level, by_score, say) for names in groups}
    for names in _worth_splitting(shared):
        shared |= {(name,): _loss(trials, (name,), level, by_score, say) for name in names}
        del shared[names]
    losses = {name: loss / len(names) for names, loss in shared.items() for name in names}
    members = {name: len(names) for names in shared for name in names}
    return Scan(level, {name: losses[name] for name in parts}, members)


def scan_roles(
    trials: Trials, parts: Mapping[str, Part], level: str, own: Scan, *, by_score: bool, say: Say
) -> Scan:
    """Losses at another scheme's level: of a role together, shared out as the losses at the own level are.

    Layers of a role suffer from the same thing, so what a kinder level does for one it does for the others.
    """
    losses: dict[str, float] = {}
    members: dict[str, int] = {}
    for names in alike(parts, "role"):
        loss = _loss(trials, names, level, by_score, say)
        weights = [max(own.losses[name], 0.0) for name in names]
        total = sum(weights) or 1.0
        losses |= {name: loss * weight / total for name, weight in zip(names, weights, strict=True)}
        members |= dict.fromkeys(names, len(names))
    return Scan(level, {name: losses[name] for name in parts}, members)


def _loss(trials: Trials, names: Sequence[str], level: str, by_score: bool, say: Say) -> float:
    say(f"{level}: {names[0]}" + (f" and {len(names) - 1} alike" if len(names) > 1 else ""))
    return trials.loss(only(trials, names, level), by_score=by_score)


def _worth_splitting(shared: Mapping[tuple[str, ...], float]) -> list[tuple[str, ...]]:
    """Groups of several layers, the worst first, until the rest holds a negligible part of the losses."""
    ordered = sorted(shared, key=lambda names: -shared[names])
    rest = sum(max(loss, 0.0) for loss in shared.values())
    limit, split = NEGLIGIBLE * rest, []
    for names in ordered:
        if rest <= limit:
            break
        rest -= max(shared[names], 0.0)
        if len(names) > 1:
            split.append(names)
    return split


def measure_gains(
    trials: Trials, parts: Mapping[str, Part], level: str, *, say: Say, start: Levels | None = None
) -> Costs:
    """Seconds that the fully quantized model, or `start`, takes longer for one layer at `level`, by layer.

    Layers that cost the same, so of one operator and shape, are moved together and share the difference.
    """
    groups = alike(parts, "cost")
    costs: dict[str, Cost] = {}
    for first in range(0, len(groups), TOGETHER):
        some = groups[first : first + TOGETHER]
        say(f"{level}: timing {first + len(some)} of {len(groups)} kinds of layers")
        timings = trials.time(
            [{**(start or {}), **dict.fromkeys(names, level)} for names in some], first=start or {}
        )
        for names, timing in zip(some, timings, strict=True):
            costs |= dict.fromkeys(names, _cost(timing, len(names)))
    return costs


def measure_sizes(trials: Trials, parts: Mapping[str, Part], level: str, *, say: Say) -> Costs:
    """Bytes that the file is larger for one layer at `level`, by layer; shared as in `measure_gains`."""
    say(f"{level}: sizes")
    smallest = trials.size_bytes({})
    costs: dict[str, Cost] = {}
    for names in alike(parts, "cost"):
        larger = trials.size_bytes(dict.fromkeys(names, level)) - smallest
        costs |= dict.fromkeys(names, Cost(*[larger / len(names)] * 3))
    return costs


def _cost(timing: Timing, layers: int) -> Cost:
    ratio = timing.ratio
    if ratio is None:
        return Cost(0.0, -math.inf, math.inf)
    base_s = timing.latency_s / ratio.value
    return Cost(*(base_s * (bound - 1) / layers for bound in (ratio.value, ratio.low, ratio.high)))


def only(trials: Trials, names: Sequence[str], level: str) -> dict[str, str]:
    """Levels of a variant in which these layers are at a level and everything else is float."""
    levels = all_float(trials.mix)
    for name in names:
        if level == trials.mix.scheme.name:
            del levels[name]
        else:
            levels[name] = level
    return levels


def sensitivities(
    scans: Sequence[Scan], costs: Mapping[str, Costs], parts: Mapping[str, Part], *, in_seconds: bool
) -> tuple[Sensitivity, ...]:
    """As plain data. costs: by level, above the scheme's own, whose scan comes first."""
    own = scans[0].level if scans else ""

    def gain_s(name: str, level: str) -> float | None:
        if not in_seconds:
            return None
        return costs[FLOAT][name].value - (0.0 if level == own else costs[level][name].value)

    return tuple(
        Sensitivity(
            name, parts[name].operator, scan.level, loss, gain_s(name, scan.level), scan.members[name]
        )
        for scan in scans
        for name, loss in scan.losses.items()
    )
