"""Two programs that are both alive and take turns, A B B A, in several pairs of fresh processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgeai.errors import UsageError
from edgeai.measure.alternate import Arm, PairRule, run_pair
from edgeai.measure.launch import DEFAULT_SILENCE_S, model_folder
from edgeai.measure.pinning import shared_cpus
from edgeai.measure.protocol import InputRequest, ModelRequest, Phase, Probed, Request
from edgeai.measure.ranks import mann_whitney
from edgeai.measure.statistics import Comparison, compare, compare_turns
from edgeai.measure.timing import WarmUpRule
from edgeai.sysroot import SysRoot

from ..figures import less
from ..identity import model_identity
from ..plan import Plan
from ..render.names import label
from ..runner import as_probed, peak_of, probe, request_for
from ..targets import Target, check_inputs, completed, opened_target
from .live_doubts import doubts_of_pairs
from .outcome import KINDS, Change, Compared, Side, TurnRecord

OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class LivePlan:
    """How to compare. pairs: of fresh processes, so many an arm; each gives a figure of RAM, of load, and a
    ratio of its turns. More follow, up to `most_pairs`, until the ratio of the latencies is known to
    ±`precision`: a busy machine takes more of them than a quiet one.

    Stopping there costs little of the interval's confidence: of a model against itself, 2.4 to 3.7 % of
    simulated runs of 5 to 15 pairs had B slower where 2.5 % should (pairs off by 1 to 3 %).
    """

    pairs: int = 9
    most_pairs: int = 25
    precision: float = 0.01
    rule: PairRule = PairRule()
    warm_up: WarmUpRule = WarmUpRule(min_s=0.3, max_s=2.0)
    silence_s: float = DEFAULT_SILENCE_S


QUICK_LIVE = LivePlan(
    pairs=5,
    most_pairs=15,
    precision=0.02,
    rule=PairRule(seconds=0.5),
    warm_up=WarmUpRule(min_s=0.1, max_s=0.5, block_s=0.03),
)
"""Fewer pairs would widen intervals more than they save time: Student's t takes 2.8 standard errors of five
pairs, 3.2 of four and 4.3 of three."""


@dataclass(frozen=True)
class Contender:
    """What one arm runs."""

    model: ModelRequest
    inputs: InputRequest


@dataclass(frozen=True)
class ProbedArm:
    """An arm whose probe has run."""

    request: Request
    probed: Probed
    side: Side


def compare_live(
    a: Contender, b: Contender, plan: LivePlan, *, on_progress: OnProgress = lambda share, what: None
) -> Compared:
    """Measure and compare. Raises EdgeError; see `edgeai.measure.launch`."""
    on_progress(0.0, "probes")
    with probed_arms(a, b, plan) as (one, two):
        return compare_arms(one, two, plan, on_progress=on_progress)


@contextmanager
def probed_arms(a: Contender, b: Contender, plan: LivePlan) -> Iterator[tuple[ProbedArm, ProbedArm]]:
    """Both arms, each with its probe run; good for any number of comparisons. Raises as `compare_live`."""
    with ExitStack() as stack:
        yield _probed(stack, a, plan), _probed(stack, b, plan)


def compare_arms(
    a: ProbedArm, b: ProbedArm, plan: LivePlan, *, on_progress: OnProgress = lambda share, what: None
) -> Compared:
    """Run the pairs and compare. Raises as `compare_live`."""
    if plan.pairs < 2:
        raise UsageError("a comparison needs at least 2 pairs of processes; give --processes 4 or more")
    pairs: list[tuple[Arm, Arm]] = []
    records: list[TurnRecord] = []
    threads = max(a.probed.threads, b.probed.threads)
    most = max(plan.pairs, plan.most_pairs)
    while len(pairs) < plan.pairs or (len(pairs) < most and not _is_known(records, plan.precision)):
        pair = len(pairs)
        on_progress(pair / most, f"pair {pair + 1} of {plan.pairs} to {most}")
        cpus = shared_cpus(threads, pair, os.sched_getaffinity(0), SysRoot())
        one, two = (replace(arm.request, cpus=cpus) for arm in (a, b))
        b_first = pair % 2 == 1
        pairs.append(run_pair(one, two, plan.rule, b_first=b_first, silence_s=plan.silence_s))
        records.append(_record(*pairs[-1], b_first=b_first, cpus=cpus))
    on_progress(1.0, "done")
    return compared(a.side, b.side, pairs, records)


def compared(a: Side, b: Side, pairs: Sequence[tuple[Arm, Arm]], records: Sequence[TurnRecord]) -> Compared:
    """What the pairs say. Latency and CPU time are compared turn by turn, the rest process by process."""
    by_turn: dict[str, list[tuple[Sequence[float], Sequence[float]]]] = {
        "latency_p50": [(one.a_ns, one.b_ns) for one in records],
        "cpu_s_per_inference": [(one.a_cpu_s, one.b_cpu_s) for one in records],
    }
    changes = []
    for kind in KINDS:
        of = _OF[kind.name]
        each = [(of(one), of(two)) for one, two in pairs]
        changes.append(_change(kind.name, each, by_turn.get(kind.name)))
    return Compared(b.name, "turns", a, b, tuple(changes), tuple(doubts_of_pairs(pairs)), tuple(records))


def _change(
    figure: str,
    each: Sequence[tuple[float | None, float | None]],
    turns: Sequence[tuple[Sequence[float], Sequence[float]]] | None,
) -> Change:
    a, b = tuple(one for one, _ in each), tuple(two for _, two in each)
    known_a, known_b = ([value for value in arm if value is not None] for arm in (a, b))
    found: Comparison | None = None
    reason = None
    if len(known_a) < len(a) or len(known_b) < len(b):
        reason = "a process does not know its figure"
    elif min(*known_a, *known_b, *(value for pair in turns or () for arm in pair for value in arm)) <= 0:
        reason = "a process took nothing of it, so there is no ratio"
    else:
        found = compare(known_a, known_b, paired=True) if turns is None else compare_turns(turns)
    return Change(
        figure,
        a=float(np.median(known_a)) if known_a else None,
        b=float(np.median(known_b)) if known_b else None,
        ratio=None if found is None else found.ratio,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        p_value=None if found is None else mann_whitney(known_a, known_b).p_value,
        a_each=a,
        b_each=b,
        unavailable=reason,
    )


def _probed(stack: ExitStack, contender: Contender, plan: LivePlan) -> ProbedArm:
    target = stack.enter_context(opened_target(contender.model.model, contender.model.name))
    check_inputs(target, contender.inputs)
    folder = stack.enter_context(model_folder())
    how = Plan(warm_up=plan.warm_up, silence_s=plan.silence_s)
    request = request_for(target, contender.model, completed(target, contender.inputs), how, folder)
    probed = probe(target, request, how)
    return ProbedArm(as_probed(request, probed), probed, _side(target, contender, probed))


def _side(target: Target, contender: Contender, probed: Probed) -> Side:
    identity = model_identity(target, contender.model, probed, None)
    bundle = identity.bundle
    name = Path(identity.path).name or identity.path
    return Side(
        name if bundle is None else label(name, bundle.model, bundle.variant),
        identity.path,
        identity.sha256,
        probed.backend,
        probed.library_version,
        probed.provider,
        probed.threads,
    )


def _is_known(records: Sequence[TurnRecord], precision: float) -> bool:
    found = compare_turns([(one.a_ns, one.b_ns) for one in records])
    return found.high - found.low <= 2 * precision * found.ratio


def _record(a: Arm, b: Arm, *, b_first: bool, cpus: tuple[int, ...]) -> TurnRecord:
    return TurnRecord(
        b_first,
        cpus,
        *(tuple(turn.median_ns for turn in arm.turns) for arm in (a, b)),
        *(tuple(turn.cpu_s / turn.runs for turn in arm.turns) for arm in (a, b)),
    )


def _phase(arm: Arm, name: str) -> Phase:
    return next(phase for phase in arm.told.phases if phase.name == name)


_OF: dict[str, Callable[[Arm], float | None]] = {
    "latency_p50": lambda arm: float(np.median([turn.median_ns for turn in arm.turns])) / 1e9,
    "load": lambda arm: _phase(arm, "load").duration_s,
    "cpu_s_per_inference": lambda arm: (
        sum(turn.cpu_s for turn in arm.turns) / sum(turn.runs for turn in arm.turns)
    ),
    "ram_peak": lambda arm: peak_of(arm.told.phases),
    "ram_incremental": lambda arm: less(
        peak_of(arm.told.phases), _phase(arm, "baseline").memory.resident_bytes
    ),
}
