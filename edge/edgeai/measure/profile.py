"""What each operator of a model takes: runs under the runtime's profiler, in turn with runs without it.

The profiler slows a model down. The runs without it, in the same process and at the same time, are what the
operators must add up to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..backends import RunOptions, load_backend
from ..backends.profiling import ProfiledRun, open_profiler
from ..bundle import Bundle, Variant
from ..device import default_threads, detect_profile, load_profile
from ..errors import RunError, one_line
from ..open_bundle import open_bundle
from ..sysroot import SysRoot
from . import exchange
from .memory import limit_to_machine
from .phases import Say
from .profiled import Profiled, ProfiledOperator, ProfileRule
from .protocol import ModelRequest, Request

if TYPE_CHECKING:
    from ..backends import Array, Runner
    from ..backends.profiling import Profiler

_MOST_TRACED = 30_000
"""Operators in the traces of one model: 10 MB of JSON, which trace viewers still open at once."""
_TWICE = 2
"""Runs of either kind in a round: the first finds caches full of the other kind's data and does not count."""


def profile(request: Request, rule: ProfileRule, say: Say) -> Profiled:
    """Profile one model on the inputs that the probe kept. The backend and variant are those of the probe.

    Raises BackendMissing where the backend has no profiler, else as opening and running do.
    """
    say("phase", name="load")
    limit_to_machine(SysRoot(Path(request.sysroot)))
    folder = Path(request.folder) / "profile"
    folder.mkdir()
    bundle, held = open_bundle(request.model.model)
    try:
        variant, options = _variant(bundle, request.model), _options(request.model)
        assert request.model.backend is not None
        profiler = open_profiler(request.model.backend, variant, options, folder)
        plain = load_backend(request.model.backend).open(variant, options)
        arrays = exchange.read(Path(request.folder), "inputs")
        feed = {variant.names.get(name, name): array for name, array in arrays.items()}
        say("phase", name="profile")
        rounds, plain_s = _run(profiler, plain, feed, rule, lambda: say("alive"))
        runs = profiler.finish()[-_TWICE * rounds :][_TWICE - 1 :: _TWICE]
        plain.close()
    finally:
        if held is not None:
            held.close()
    if not any(run.operators for run in runs):
        raise RunError(
            f"{one_line(request.model.model)}: the profiler of {request.model.backend} saw nothing"
        )
    return summary(runs, plain_s, rule.traced_runs, profiler)


def _run(
    profiler: Profiler, plain: Runner, feed: dict[str, Array], rule: ProfileRule, alive: Callable[[], object]
) -> tuple[int, list[float]]:
    """Rounds after the warm-up, and the latencies of the runs without the profiler in them."""

    def one_round() -> float:
        for _ in range(_TWICE):
            profiler.run(feed)
            alive()
        plain.run(feed)
        begin_s = time.perf_counter()
        plain.run(feed)
        latency_s = time.perf_counter() - begin_s
        alive()
        return latency_s

    def rounds(least: int, least_s: float, whatever: int) -> list[float]:
        begin_s, latencies = time.perf_counter(), [one_round()]
        while (count := len(latencies)) < rule.max_rounds:
            took_s = time.perf_counter() - begin_s
            if (count >= least and took_s >= least_s) or (count >= whatever and took_s >= rule.max_s):
                break
            latencies.append(one_round())
        return latencies

    rounds(rule.warm_up_rounds, rule.warm_up_s, 1)
    found = rounds(rule.rounds, rule.min_s, 2)
    return len(found), found


def summary(
    runs: Sequence[ProfiledRun], plain_s: Sequence[float], traced: int, profiler: Profiler
) -> Profiled:
    """Means over the quieter half of the runs of either kind: what disturbs a run is no operator's cost."""
    quiet = sorted(runs, key=lambda run: run.latency_s)[: -(-len(runs) // 2)]
    quiet_plain = sorted(plain_s)[: -(-len(plain_s) // 2)]
    operators = _operators(quiet)
    biggest = max(len(run.operators) for run in quiet)
    return Profiled(
        method=profiler.method,
        scope=profiler.scope,
        resolution_s=profiler.resolution_s,
        accelerator=profiler.accelerator,
        runs=len(quiet),
        sum_s=sum(each.mean_s for each in operators),
        latency_s=sum(run.latency_s for run in quiet) / len(quiet),
        plain_s=sum(quiet_plain) / len(quiet_plain),
        operators=operators,
        traces=tuple(quiet[: max(1, min(traced, _MOST_TRACED // max(biggest, 1)))]),
    )


def _operators(runs: Sequence[ProfiledRun]) -> tuple[ProfiledOperator, ...]:
    """Each operator's mean, in the order in which they first ran."""
    took: dict[tuple[int, str, str, str | None], list[float]] = {}
    for run in runs:
        for each in run.operators:
            took.setdefault((each.place, each.name, each.operator, each.provider), []).append(each.own_s)
    return tuple(
        ProfiledOperator(name, operator, provider, sum(times) / len(runs), len(times) / len(runs))
        for (_, name, operator, provider), times in took.items()
    )


def _variant(bundle: Bundle, asked: ModelRequest) -> Variant:
    """The file that the probe opened."""
    models = [model for model in bundle.models if asked.name in {None, model.name}]
    variants = [each for each in models[0].variants if asked.variant in {None, each.id}]
    return variants[0]


def _options(asked: ModelRequest) -> RunOptions:
    """As `edgeai.load` makes them."""
    device = detect_profile() if asked.device is None else load_profile(asked.device)
    return RunOptions(
        threads=asked.threads or default_threads(device),
        providers=asked.providers or (),
        preferred_providers=device.preferred_providers if asked.providers is None else (),
        signature=asked.signature,
    )
