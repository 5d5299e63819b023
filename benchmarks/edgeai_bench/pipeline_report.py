"""What a report says of a bundle and its pipeline: what ran, what each stage took, how a stream kept up.

All times in seconds, as in `report`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeai.measure.statistics import Estimate

from .figures import Latency, latency_from, latency_of_kept, over

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgeai.measure.protocol import Hops, Measured, Probed, StageSamples, Streamed

    Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class BundleModel:
    """A model of a bundle as it ran. file, sha256, size_bytes: of the variant's file that is opened.

    why: why this variant and backend, and why not others.
    """

    name: str
    variant: str
    precision: str | None
    format: str
    backend: str
    library_version: str
    provider: str | None
    file: str
    sha256: str
    size_bytes: int
    why: tuple[str, ...]


@dataclass(frozen=True)
class BundleIdentity:
    """Which bundle it was.

    identity: SHA-256 of its canonical manifest. model: the one that was measured on tensors; None for the
    whole pipeline. variant: the one that was asked for. models: those that ran.
    """

    identity: str
    id: str | None
    version: str | None
    model: str | None
    variant: str | None
    models: tuple[BundleModel, ...]


@dataclass(frozen=True)
class StageResult:
    """One stage over the calls in which it had something to do.

    model: what it runs; None for a step of its own. calls: so many of those that were kept. total: all of it.
    pre, post: steps before and after the model. run: the model. The last two, and None where there is none.
    runs_per_call: runs of the model in each call of the pipeline.
    """

    name: str
    model: str | None
    calls: int
    total: Latency | None
    pre: Latency | None
    run: Latency | None
    post: Latency | None
    runs_per_call: Estimate


@dataclass(frozen=True)
class StreamResult:
    """A stream in real time.

    hop_s: the shortest hop of its models' windows. chunk_s: what was pushed at once. deadline_s: what an
    answer may take after its last sample was there. chunks: pushed in all processes; answered: those that a
    model ran for; late: of these, the ones past the deadline.
    capture_to_result: from the moment at which a window's last element is there until its answer is out;
    None where no window came to an answer. real_time_factor: time inside pushes by length of the stream.
    cpu_s_per_s: CPU time of all threads for a second of the stream.
    """

    hop_s: float
    chunk_s: float
    deadline_s: float
    chunks: int
    answered: int
    late: int
    capture_to_result: Latency | None
    real_time_factor: Estimate
    cpu_s_per_s: Estimate


@dataclass(frozen=True)
class PipelineResult:
    """A pipeline's calls by what they are made of; all over the calls that are kept.

    source_kind: what it takes. call: `item` for one source a call, `hop` for one push of a stream's hop.
    models: time inside the models of a call. steps: inside steps. rest: everything else, which is opening or
    decoding the source, resampling, making tensors of values, and the engine itself.
    stream: None where it is no stream.
    """

    source_kind: str
    call: str
    models: Latency
    steps: Latency
    rest: Latency
    stages: tuple[StageResult, ...]
    stream: StreamResult | None


def pipeline_result(probed: Probed, processes: Sequence[Measured]) -> PipelineResult | None:
    """The pipeline's part of a report; None where a model was measured."""
    found = probed.pipeline
    if found is None:
        return None
    split = [_Split(process) for process in processes]
    streams = [process.pipeline.stream for process in processes if process.pipeline is not None]
    return PipelineResult(
        source_kind=found.source.kind,
        call="item" if found.hops is None else "hop",
        models=_certain([each.models for each in split]),
        steps=_certain([each.steps for each in split]),
        rest=_certain([each.rest for each in split]),
        stages=tuple(
            _stage(name, model or None, [each.stages[place] for each in split])
            for place, (name, model) in enumerate(zip(found.stages, found.models, strict=True))
        ),
        stream=None if found.hops is None else _stream(found.hops, [s for s in streams if s is not None]),
    )


class _Split:
    """The kept calls of one process, taken apart; arrays in seconds, one element a call."""

    def __init__(self, process: Measured) -> None:
        assert process.pipeline is not None
        self.stages = [_StageSplit(samples) for samples in process.pipeline.stages]
        whole = np.asarray(process.steady.samples_ns) / 1e9
        nothing = np.zeros(len(whole))
        self.models: Seconds = sum((stage.run for stage in self.stages), nothing)
        self.steps: Seconds = sum((stage.pre + stage.post for stage in self.stages), nothing)
        self.rest: Seconds = whole - self.models - self.steps


class _StageSplit:
    def __init__(self, samples: StageSamples) -> None:
        self.pre, self.run, self.post = (
            np.asarray(part) / 1e9 for part in (samples.pre_ns, samples.run_ns, samples.post_ns)
        )
        self.runs = np.asarray(samples.runs)
        self.total: Seconds = self.pre + self.run + self.post


def _stage(name: str, model: str | None, processes: Sequence[_StageSplit]) -> StageResult:
    def over_calls(
        part: Callable[[_StageSplit], Seconds], needs: Callable[[_StageSplit], Seconds]
    ) -> Latency | None:
        return latency_of_kept([part(each)[needs(each) > 0] for each in processes])

    def busy(each: _StageSplit) -> Seconds:
        return each.total

    total = over_calls(busy, busy)
    return StageResult(
        name=name,
        model=model,
        calls=0 if total is None else total.runs,
        total=total,
        pre=over_calls(lambda each: each.pre, busy),
        run=over_calls(lambda each: each.run, lambda each: each.runs),
        post=None if model is None else over_calls(lambda each: each.post, busy),
        runs_per_call=over(float(each.runs.mean()) for each in processes),
    )


def _stream(hops: Hops, processes: Sequence[Streamed]) -> StreamResult:
    heard = [process for process in processes if process.windows]
    return StreamResult(
        hop_s=hops.hop_s,
        chunk_s=hops.chunk_s,
        deadline_s=max(hops.hop_s, hops.chunk_s),
        chunks=sum(process.chunks for process in processes),
        answered=sum(process.answered for process in processes),
        late=sum(process.late for process in processes),
        capture_to_result=_capture_to_result(heard) if heard else None,
        real_time_factor=over(process.busy_s / process.stream_s for process in processes),
        cpu_s_per_s=over(process.cpu_s / process.stream_s for process in processes),
    )


def _capture_to_result(processes: Sequence[Streamed]) -> Latency:
    return latency_from(
        [np.asarray(process.samples_ns) / 1e9 for process in processes],
        low_s=min(process.min_ns for process in processes) / 1e9,
        high_s=max(process.max_ns for process in processes) / 1e9,
        means_s=[process.sum_ns / process.windows / 1e9 for process in processes],
        runs=sum(process.windows for process in processes),
    )


def _certain(processes: Sequence[Seconds]) -> Latency:
    """Of every call there is something to say."""
    latency = latency_of_kept(processes)
    assert latency is not None
    return latency
