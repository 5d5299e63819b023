"""The way from everything quantized to the best within the budget, as a chain of trials.

Each trial asks the journal first, so that the same way is taken again after a kill.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .choose import Move, Option, apply, plan, shortest_prefix, take_back
from .found import FLOAT, Found, Sensitivity, Timing
from .graph_roles import Part, read_parts
from .scan import Costs, Scan, measure_gains, measure_sizes, scan_losses, scan_roles, sensitivities
from .trials import Levels, Trials, all_float

FLOOR = 1e-4
"""Least cost of a move as a share of the fully quantized model's: less is not told from nothing."""
_LOSSES = {True: "of the score", False: "1 - cosine of outputs"}
_BLANKET = "no layer needs higher precision"
MISSED = "with everything quantized the budget is missed"
NO_METER = "nothing measures on the target; give a meter that does, such as ssh://user@board"


@dataclass
class _Known:
    """What was learnt of the layers so far: losses and costs by level, of which the first is the own."""

    parts: Mapping[str, Part]
    by_score: bool = False
    scans: list[Scan] = field(default_factory=list)
    costs: dict[str, Costs] = field(default_factory=dict)


class Strategy:
    """The search of one scheme. say: told what begins."""

    def __init__(self, trials: Trials, prefer: str, say: Callable[[str], None]) -> None:
        self._trials, self._mix, self._say = trials, trials.mix, say
        self._in_seconds = trials.meter is not None and prefer == "speed"

    def run(self, out: Path) -> Found:
        """The best within the budget, written to `out`; the blanket variant where there is none."""
        self._say("everything quantized")
        is_within = self._trials.is_within({})
        if is_within and not self._in_seconds:
            return self._finished(out, [{}], None, _BLANKET)
        known = self._read()
        starts = self._starts(known)
        if is_within:
            faster = [start for start in starts if start and self._trials.is_within(start)]
            why = "only layers that are not faster quantized are in float" if faster else _BLANKET
            return self._finished(out, [{}, *faster], known, why)
        self._scan(known)
        choices = self._choices(known, starts)
        if not choices:
            return self._finished(out, [{}], known, "the budget is missed whatever is kept in float")
        choices = self._polished(known, self._best(choices)[0])
        return self._finished(out, choices, known, "sensitive layers are in higher precision")

    def blanket(self, out: Path) -> Found:
        """Everything quantized, written to `out`, whether or not it is within the budget."""
        self._say("everything quantized")
        return self._finished(out, [{}], None, _BLANKET if self._trials.is_within({}) else MISSED)

    def _read(self) -> _Known:
        with self._trials.file(all_float(self._mix)) as path:
            # What the scheme writes names all nodes; one that it keeps in another form is in the source only.
            known = _Known(read_parts([path, self._mix.model], self._mix.layers))
        known.costs[FLOAT] = self._costs(known.parts, FLOAT)
        return known

    def _starts(self, known: _Known) -> list[Levels]:
        """What the moves may start from: everything quantized but the kinds of layers that are faster in
        float beyond doubt; and the same with all layers in float that have no weights.

        Those bring no smaller file, and one by one no speed either: what they save are steps between float
        and int8, of which there are few only where all of them are at one level.
        """
        if not self._in_seconds:
            return [{}]
        slow = {name: FLOAT for name, cost in known.costs[FLOAT].items() if cost.high < 0}
        light = {name: FLOAT for name, part in known.parts.items() if part.is_light}
        if light.keys() <= slow.keys() or len(light) == len(known.parts):
            return [slow]
        return [slow, {**slow, **light}]

    def _scan(self, known: _Known) -> None:
        known.by_score = self._trials.budget.max_drop is not None and self._trials.is_smooth({})
        level, by_score = self._mix.scheme.name, known.by_score
        known.scans.append(scan_losses(self._trials, known.parts, level, by_score=by_score, say=self._say))

    def _choices(self, known: _Known, starts: Sequence[Levels]) -> list[Levels]:
        """From each start the cheapest levels within the budget that the plan leads to."""
        needed = {place: self._needed(known, start) for place, start in enumerate(starts)}
        plans = {place: moves for place, moves in needed.items() if moves is not None}
        self._scan_instead(known, [move for moves in plans.values() for move in moves])
        choices: list[Levels] = []
        for place, moves in plans.items():
            start = starts[place]
            mixed = self._needed(known, start) if len(known.scans) > 1 else None
            cheaper = mixed if mixed is not None and _cost(mixed) < _cost(moves) else moves
            choices.append(apply(take_back(cheaper, start, self._is_within), start))
        return choices

    def _polished(self, known: _Known, levels: Levels) -> list[Levels]:
        """The levels, and the same with kinds of layers in float that are faster so now that others are.

        Latencies do not add up: a layer that paid among quantized ones may have to convert its input now.
        """
        if not self._in_seconds:
            return [levels]
        parts = {
            name: part
            for name, part in known.parts.items()
            if levels.get(name) != FLOAT and not part.is_light
        }
        costs = measure_gains(self._trials, parts, FLOAT, say=self._say, start=levels)
        slow = {name: FLOAT for name, cost in costs.items() if cost.high < 0}
        faster = {**levels, **slow}
        return [levels, faster] if slow and self._trials.is_within(faster) else [levels]

    def _scan_instead(self, known: _Known, moves: Sequence[Move]) -> None:
        """Looks at the other schemes' levels for the layers that need more than their own, and as many again:
        cheaper levels save less each, so take more layers."""
        needed = dict.fromkeys(move.layer for move in moves)
        layers = [*needed, *(move.layer for move in self._plan(known, {}) if move.layer not in needed)]
        own, by_score = known.scans[0], known.by_score
        for level in self._mix.instead:
            able = [name for name in layers if level in self._mix.levels(name)]
            parts = {name: known.parts[name] for name in able[: 2 * len(needed)]}
            if parts:
                scan = scan_roles(self._trials, parts, level, own, by_score=by_score, say=self._say)
                known.scans.append(scan)
                known.costs[level] = self._costs(parts, level)

    def _costs(self, parts: Mapping[str, Part], level: str) -> Costs:
        measure = measure_gains if self._in_seconds else measure_sizes
        return measure(self._trials, parts, level, say=self._say)

    def _needed(self, known: _Known, start: Levels) -> list[Move] | None:
        """The first moves of the plan, as many as it takes; None where all are not enough."""
        moves = self._plan(known, start)
        length = shortest_prefix(moves, start, self._is_within)
        return None if length is None else moves[:length]

    def _is_within(self, levels: Levels) -> bool:
        self._say(f"{len(levels)} of {len(self._mix.layers)} layers in higher precision")
        return self._trials.is_within(levels)

    def _plan(self, known: _Known, start: Levels) -> list[Move]:
        own, *others = known.scans
        losses = {name: loss for name, loss in own.losses.items() if name not in start}
        to_float = known.costs[FLOAT]
        options = {name: [Option(FLOAT, 0.0, to_float[name].value)] for name in losses}
        for scan in others:
            costs = known.costs[scan.level]
            for name in losses.keys() & scan.losses.keys():
                options[name].append(Option(scan.level, max(scan.losses[name], 0.0), costs[name].value))
        total = sum(max(cost.value, 0.0) for cost in to_float.values())
        return plan(losses, options, FLOOR * total or 1.0)

    def _finished(self, out: Path, choices: Sequence[Levels], known: _Known | None, why: str) -> Found:
        levels, timing, slower = self._best(choices)
        trials, scheme = self._trials, self._mix.scheme
        self._say("writing the best")
        with trials.file(levels) as path:
            path.replace(out)
        ordered = {name: levels[name] for name in self._mix.layers if name in levels}
        return Found(
            scheme=scheme.name,
            format=scheme.format,
            precision=scheme.precision,
            path=out,
            size_bytes=out.stat().st_size,
            quality=trials.quality(levels),
            is_within=trials.is_within(levels),
            timing=timing,
            latency_reason="" if timing is not None else NO_METER,
            is_slower=slower,
            levels=ordered,
            layers=len(self._mix.layers),
            blanket=trials.quality({}),
            sensitivities=() if known is None else self._sensitivities(known),
            loss=_LOSSES[known.by_score] if known is not None and known.scans else "",
            trials=trials.count,
            cpu=scheme.cpu,
            why=why,
        )

    def _sensitivities(self, known: _Known) -> tuple[Sensitivity, ...]:
        return sensitivities(known.scans, known.costs, known.parts, in_seconds=self._in_seconds)

    def _best(self, choices: Sequence[Levels]) -> tuple[Levels, Timing | None, bool | None]:
        """The fastest, or the smallest where latency does not count or cannot be told apart."""
        trials, say = self._trials, self._say
        if trials.meter is None:
            return min(choices, key=trials.size_bytes), None, None
        say("comparing with the source")
        timings = trials.time(choices)
        fastest = min(range(len(choices)), key=lambda place: _ratio(timings[place]))
        even = [place for place, timing in enumerate(timings) if _low(timing) <= _ratio(timings[fastest])]
        best = min(
            even if self._in_seconds else range(len(choices)),
            key=lambda place: trials.size_bytes(choices[place]),
        )
        return choices[best], timings[best], _low(timings[best]) > 1


def _cost(moves: Sequence[Move]) -> float:
    return sum(move.cost for move in moves)


def _ratio(timing: Timing) -> float:
    return math.inf if timing.ratio is None else timing.ratio.value


def _low(timing: Timing) -> float:
    return 0.0 if timing.ratio is None else timing.ratio.low
