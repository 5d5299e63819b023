"""Proves a variant: it runs in its own runtime, against the source, on samples that nothing was fitted to.

    reference = make_reference(run_source, data)
    quality = prove("int8.onnx", reference, data, budget=Budget(max_drop=0.005))

`parity` does so for every variant of a bundle.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np

import edgeai
from edgeai.errors import (
    BackendMissing,
    EdgeError,
    ExportError,
    InputError,
    ModelError,
    RunError,
    VariantSkipped,
    one_line,
)
from edgeai.session import Session

from .arrays import Outputs
from .budget import Budget
from .data import Data
from .figures import distance, metric_figures
from .here import TakeTurns, latency_here
from .matching import Adapted, Fed
from .metrics.classes import looks_like_classes, top1_agreement
from .probes import ProbeFeed, Run, finite_problem, max_error, probe_feeds, run_probe
from .quality import Probe, Quality
from .subjects import Subject, opened, subject_of, subjects_of

OnProgress = Callable[[int, int, str], None]
"""(done, total, what)."""


def _silent(done: int, total: int, what: str) -> None:
    pass


@dataclass(frozen=True)
class Reference:
    """What the source gives for the held-out samples and the probes: computed once, shared by all variants.

    outputs: by sample; they are all kept in memory, the feeds are not. probes: feeds beside the samples.
    """

    outputs: tuple[Outputs, ...]
    probes: tuple[ProbeFeed, ...] = ()


def make_reference(
    run: Run, data: Data, *, has_batch: bool = False, seed: int = 0, on_progress: OnProgress = _silent
) -> Reference:
    """Run the source on all samples and on the probes.

    run: a session's `run`, or what runs the original (`Exported.reference`). has_batch: whether the model
    takes several samples at once, see `matching.has_open_batch`. seed: chooses the samples of batches.
    Raises ExportError where there are no samples, or the source gives NaN.
    """
    outputs = _outputs(run, data, "source", on_progress)
    for row, each in enumerate(outputs):
        bad = [name for name, array in each.items() if array.dtype.kind == "f" and np.isnan(array).any()]
        if bad:
            raise ExportError(
                f"the source itself gives NaN for {_name(data, row)} in output {one_line(bad[0])}; nothing "
                "can be held against that: check the data's scale, or the model"
            )
    return Reference(outputs, probe_feeds(run, data, has_batch, seed))


def prove(
    path: str | os.PathLike[str],
    reference: Reference,
    data: Data,
    *,
    metric: str | None = None,
    budget: Budget | None = None,
    model: str | None = None,
    variant: str | None = None,
    backend: str | None = None,
    threads: int | None = None,
    on_progress: OnProgress = _silent,
) -> Quality:
    """What a variant is worth against the source on the samples that `reference` was made of.

    path: a model file or a bundle; of a bundle `model` and `variant` say which, of a file they are names.
    metric: a row of METRICS or `file.py:function`; None: top1 with labels of classes, else cosine.
    Raises ExportError where it is not the same model, ModelError where it does not open.
    """
    case = _Case(reference, data, metric, budget, on_progress)
    with ExitStack() as stack:
        subject = subject_of(opened(path, stack), model, variant)
        session = stack.enter_context(
            edgeai.load(path, backend=backend, threads=threads, **subject.words, prepared=False)
        )
        return case.prove(session, subject)


def parity(
    model: str | os.PathLike[str],
    against: str | os.PathLike[str] | Run,
    data: Data,
    *,
    metric: str | None = None,
    budget: Budget | None = None,
    name: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    take_turns: TakeTurns | None = None,
    on_progress: OnProgress = _silent,
) -> tuple[Quality, ...]:
    """Every variant of a model file or bundle against the source, in the bundle's order.

    against: a file that `edgeai.load` reads, or what runs the original. name: which of a bundle's models;
    None: the only one. A variant that this machine cannot run is left out with a warning, VariantSkipped, and
    the error raised where none can. take_turns: times variants here, beside a source that is a file.
    """
    with ExitStack() as stack:
        bundle = opened(model, stack)
        run, has_batch = _source(against, list(data.feed(0)), threads, stack)
        reference = make_reference(run, data, has_batch=has_batch, seed=seed, on_progress=on_progress)
        timer = None if take_turns is None else _Timer(take_turns, None if callable(against) else run)
        case = _Case(reference, data, metric, budget, on_progress, timer)
        tried = [_tried(model, subject, case, threads) for subject in subjects_of(bundle, name)]
    found = tuple(each for each in tried if isinstance(each, Quality))
    failed = [each for each in tried if isinstance(each, EdgeError)]
    if not found and failed:
        raise failed[0]
    return found


@dataclass(frozen=True)
class _Timer:
    """How latencies are measured. source: what the variant takes turns with, if anything."""

    take_turns: TakeTurns
    source: Run | None


@dataclass(frozen=True)
class _Case:
    """What all variants are held against."""

    reference: Reference
    data: Data
    metric: str | None
    budget: Budget | None
    on_progress: OnProgress
    timer: _Timer | None = None

    def prove(self, session: Session, subject: Subject) -> Quality:
        """See `parity.prove`."""
        want, data = self.reference.outputs, self.data
        if len(want) != data.count:
            raise ExportError(
                f"the source ran {len(want)} samples, the data has {data.count}; make it of the same data"
            )
        adapted = Adapted(session, data.feed(0), want[0])
        got = _outputs(adapted.run, data, subject.variant, self.on_progress)
        probes = self._probes(adapted, got)
        finite = finite_problem(got, want, data.names)
        mean_error, cosines = distance(got, want)
        errors = [max_error(*pair) for pair in zip(got, want, strict=True)]
        quality = Quality(
            model=subject.model,
            variant=subject.variant,
            format=subject.format,
            backend=session.backend,
            data=data.told,
            kind=data.kind,
            samples=data.count,
            size_bytes=subject.size_bytes,
            max_error=max((each for each in errors if each is not None), default=None),
            mean_error=mean_error,
            cosine=float(np.mean(cosines)),
            worst_cosine=float(np.min(cosines)),
            top1_agreement=_agreement(got, want),
            metric=metric_figures(self.metric, got, want, data),
            probes=probes,
            problems=tuple(text for text in (finite, *(probe.problem for probe in probes)) if text),
        )
        return self._timed(quality if self.budget is None else quality.judged(self.budget), adapted, session)

    def _probes(self, adapted: Adapted, got: Sequence[Outputs]) -> tuple[Probe, ...]:
        fit = [probe for probe in self.reference.probes if not probe.rows or adapted.has_open_batch]
        run = (run_probe(probe, adapted.run, got, self.reference.outputs) for probe in fit)
        return tuple(probe for probe in run if probe is not None)

    def _timed(self, quality: Quality, adapted: Adapted, session: Session) -> Quality:
        if self.timer is None:
            return quality
        timer = self.timer
        took = latency_here(adapted.run, timer.source, self.data, timer.take_turns, session.threads)
        return replace(quality, latency=took)


def _tried(
    model: str | os.PathLike[str], subject: Subject, case: _Case, threads: int | None
) -> Quality | EdgeError:
    """The proof of one of several variants, or, with a warning, why there is none."""
    try:
        with edgeai.load(model, threads=threads, **subject.words, prepared=False) as session:
            return case.prove(session, subject)
    except (ModelError, BackendMissing, RunError) as error:
        text = f"{one_line(model)}: {subject.variant} is not proven: {one_line(error)}"
        warnings.warn(text, VariantSkipped, stacklevel=3)
        return error


def _outputs(run: Run, data: Data, what: str, on_progress: OnProgress) -> tuple[Outputs, ...]:
    if not data.count:
        raise ExportError(f"{data.told}: no samples; give some")
    found = []
    for row in range(data.count):
        feed = data.feed(row)
        try:
            # Copies: a runtime may hand out memory that its next run writes to.
            found.append({name: np.array(array) for name, array in run(feed).items()})
        except InputError as error:
            raise ExportError(f"{_name(data, row)} cannot be given to the model: {error}") from error
        on_progress(row + 1, data.count, f"running {what}")
    return tuple(found)


def _agreement(got: Sequence[Outputs], want: Sequence[Outputs]) -> float | None:
    if not all(map(looks_like_classes, want)):
        return None
    return float(np.mean(top1_agreement(got, None, want)))


def _source(
    against: str | os.PathLike[str] | Run, names: Sequence[str], threads: int | None, stack: ExitStack
) -> tuple[Run, bool]:
    if callable(against):
        return against, True
    fed = Fed(stack.enter_context(edgeai.load(against, threads=threads, prepared=False)), names)
    return fed.run, fed.has_open_batch


def _name(data: Data, row: int) -> str:
    return one_line(data.names[row]) if data.names else f"sample {row}"
