"""Which of the variants that were made go into the bundle, and why the others do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .outcome import Tried
from .quality import Quality
from .search import FLOAT, Found, pareto


@dataclass(frozen=True)
class Candidate:
    """A variant as the search found it, and what its proof on held-out samples says.

    quality: None where it was not worth a proof: the search left it behind.
    """

    found: Found
    quality: Quality | None

    @property
    def id(self) -> str:
        """As in the bundle, such as `onnx-int8-static`; of the float file `onnx-f32`."""
        name = self.found.precision if self.found.scheme == FLOAT else self.found.scheme
        return f"{self.found.format}-{name}"

    @property
    def passes(self) -> bool:
        """Whether it keeps the budget where it was proven."""
        return self.quality is not None and self.quality.passes


@dataclass(frozen=True)
class Choice:
    """What becomes of a candidate. why: in words, for the report."""

    candidate: Candidate
    is_shipped: bool
    is_pareto: bool
    why: str


def choose(candidates: Sequence[Candidate], *, prefer: str, allow_drop: bool) -> list[Choice]:
    """A choice for each candidate, in their order; those of one format compete with each other.

    The float file is always shipped: it is what runs where nothing else does. Of the others those that no
    other beats in quality, latency and size at once. allow_drop: what misses the budget competes, too.
    """
    best: set[int] = set()
    for format_ in dict.fromkeys(each.found.format for each in candidates):
        rivals = [each for each in candidates if each.found.format == format_]
        measured = [_measured(each, allow_drop) for each in rivals]
        winners = pareto(measured, prefer=prefer)
        best |= {id(each) for each, found in zip(rivals, measured, strict=True) if found in winners}
    return [_choice(each, id(each) in best, prefer, allow_drop) for each in candidates]


def in_order(choices: Sequence[Choice], *, prefer: str) -> list[Choice]:
    """Those that are shipped, as a device should try them: the fastest first, or the smallest; float last."""

    def rank(choice: Choice) -> tuple[bool, float, int]:
        found = choice.candidate.found
        ratio = None if found.timing is None else found.timing.ratio
        latency = math.inf if ratio is None or prefer == "size" else ratio.value
        return found.scheme == FLOAT, latency, found.size_bytes

    return sorted((each for each in choices if each.is_shipped), key=rank)


def tried(choice: Choice) -> Tried:
    """As the outcome tells of it."""
    candidate, found = choice.candidate, choice.candidate.found
    timing = found.timing
    return Tried(
        id=candidate.id,
        format=found.format,
        precision=found.precision,
        scheme=None if found.scheme == FLOAT else found.scheme,
        size_bytes=found.size_bytes,
        is_shipped=choice.is_shipped,
        why=choice.why,
        quality=None if candidate.quality is None else candidate.quality.to_json(latency=True),
        latency_s=None if timing is None else timing.latency_s,
        ratio=None if timing is None else timing.ratio,
        latency_reason=found.latency_reason,
        kept=found.kept,
        layers=found.layers,
        is_pareto=choice.is_pareto,
    )


def _measured(candidate: Candidate, allow_drop: bool) -> Found:
    """The search's figures with those of the proof in place of its own, which are the luckiest of many."""
    quality, found = candidate.quality, candidate.found
    if quality is None or len(found.kept) == found.layers > 0:
        return replace(found, is_within=found.scheme == FLOAT)
    value = quality.metric.value.value
    is_within = quality.passes or (allow_drop and not quality.problems)
    slow = _is_no_faster(found)
    return replace(found, is_within=is_within, is_slower=slow, quality=replace(found.quality, mean=value))


def _is_no_faster(found: Found) -> bool:
    """By its median: whoever asks for speed is not helped by what is only not slower beyond doubt."""
    ratio = None if found.timing is None else found.timing.ratio
    return found.scheme != FLOAT and ratio is not None and ratio.value > 1


def _choice(candidate: Candidate, is_best: bool, prefer: str, allow_drop: bool) -> Choice:
    found, quality = candidate.found, candidate.quality
    if found.scheme == FLOAT:
        return Choice(candidate, True, True, found.why)
    if quality is None:
        return Choice(candidate, False, False, found.why)
    if len(found.kept) == found.layers > 0:
        return Choice(candidate, False, False, "no layer gains by it within the budget: it is the float file")
    if quality.problems or (quality.missed and not allow_drop):
        return Choice(candidate, False, False, quality.why)
    if not is_best:
        is_slow = _is_no_faster(found) and prefer == "speed"
        why = "it is no faster than its float source; --prefer size ships it"
        return Choice(
            candidate, False, False, why if is_slow else "another is no worse in quality, latency and size"
        )
    told = f"outside the budget ({quality.why}), as --allow-drop allows" if quality.missed else found.why
    return Choice(candidate, True, True, told)
