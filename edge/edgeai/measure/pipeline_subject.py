"""A whole pipeline as it is measured: a source goes in, what the bundle makes of it comes out."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..bundle import Bundle, RunStage
from ..errors import InputError, RunError, one_line
from ..open_bundle import open_bundle
from ..pipeline.result import Result, StageTime
from . import exchange
from .answers import Answers, answers_of, difference, keep, kept, rehearse
from .model_subject import opened
from .pipeline_calls import Calls, Fed, HopCalls, calls_of, fed
from .pipeline_source import Found, first_model, hops_of, made_up_tensors, read_source, value_of
from .protocol import Hops, PipelineMeasured, Probed, ProbedPipeline, Request, Streamed
from .real_time import RealTime, measure_real_time
from .stage_recorder import StageRecorder
from .subject import Alive, open_session, open_told, prepared_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..session import Session
    from .recorder import Recorder

_LEAST_HOPS = 5  # or chunks, in real time, however long they are


def probe_pipeline(request: Request, on_opened: Callable[[], object], alive: Alive) -> Probed:
    """Find a source that the pipeline runs on, and keep it and the answers for the measuring workers."""
    asked = request.inputs
    bundle, held = open_bundle(request.model.model)
    source = read_source(bundle, asked)
    before = set(sys.modules)
    session, unprepared = open_told(request.model)
    on_opened()
    hops = hops_of(bundle, asked.chunk_s)
    tries = iter([source]) if source else _tensors_to_try(bundle, session, request)
    (told, arrays), answers = _first_that_runs(bundle, session, tries, hops, alive)
    modules = tuple(name for name in sys.modules if name not in before)
    if held is not None:
        held.close()
    exchange.save(Path(request.folder), "inputs", arrays)
    keep(Path(request.folder), answers)
    models = tuple(opened(name, each) for name, each in session.models.items())
    return Probed(
        inputs=(),
        outputs=(),
        open_dimensions=(),
        not_finite=(),
        samples_per_call=None,
        backend=session.backend,
        library_version=", ".join({model.backend: model.library_version for model in models}.values()),
        threads=session.threads,
        provider=session.provider,
        provider_share=dict(session.provider_share),
        models=models,
        pipeline=ProbedPipeline(
            stages=tuple(stage.as_ for stage in bundle.stages),
            models=tuple(stage.model if isinstance(stage, RunStage) else "" for stage in bundle.stages),
            source=told,
            hops=hops,
            modules=modules,
        ),
        prepared=prepared_in(session),
        unprepared=unprepared,
    )


def _tensors_to_try(bundle: Bundle, session: Session, request: Request) -> Iterator[Found]:
    specs = session.models[first_model(bundle).name].inputs
    return made_up_tensors(bundle, specs, request.inputs)


def _first_that_runs(
    bundle: Bundle, session: Session, tries: Iterator[Found], hops: Hops | None, alive: Alive
) -> tuple[Found, Answers]:
    refusal: InputError | RunError | None = None
    for source, arrays in tries:
        calls = calls_of(bundle, session, fed(value_of(source, arrays), source.rate_hz, hops))
        try:
            return (source, arrays), answers_of(calls.answers(alive))
        except (InputError, RunError) as error:
            if source.origin != "synthetic":
                raise
            refusal = refusal or error
    raise InputError(
        f"{one_line(bundle.path)} does not run on what was made up for it ({one_line(refusal)}); "
        "give it a real one with --source FILE"
    )


class PipelineSubject:
    """See `subject.Subject`."""

    def __init__(self, request: Request, alive: Alive) -> None:
        assert request.pipeline is not None
        assert request.pipeline.found is not None
        self._request, self._folder, self._alive = request, Path(request.folder), alive
        self._found, self._stream_s = request.pipeline.found, request.pipeline.stream_s
        self.is_stream = self._found.hops is not None
        self._calls: Calls | None = None
        self._fed: Fed | None = None
        self._bundle: Bundle | None = None
        self._held: object = None

    def import_runtime(self) -> None:
        """Import what the probe had to import: the engine, backends, and what the steps use."""
        for name in self._found.modules:
            with suppress(ImportError):  # made by another, and not to be imported by itself
                importlib.import_module(name)

    def read(self) -> None:
        """Bring the source into memory."""
        arrays = exchange.read(self._folder, "inputs")
        source = self._found.source
        self._fed = fed(value_of(source, arrays), source.rate_hz, self._found.hops)
        self._bundle, self._held = open_bundle(self._request.model.model)

    def recorder(self, capacity: int | None = None) -> StageRecorder:
        """A recorder that asks for the times of the stages too."""
        return StageRecorder(self._found.stages, self._times, capacity or StageRecorder.CAPACITY)

    def rehearse(self) -> Callable[[], object]:
        """Compare the kept answers with themselves, as others will be compared."""
        rehearse(self._folder)
        return _nothing

    def open(self) -> Session:
        """Open the bundle, and the stream where it is one."""
        session = open_session(self._request.model)
        assert self._bundle is not None
        assert self._fed is not None
        self._calls = calls_of(self._bundle, session, self._fed)
        return session

    def first(self) -> None:
        """Until the first answer, or the first window of a stream."""
        self._opened().first()

    def first_error(self) -> str | None:
        """What is wrong with the first answers."""
        return self._error(self._opened().answers(self._alive))

    def start(self) -> Callable[[], object]:
        """One item, or one hop."""
        return self._opened().call

    def real_time(self, recorder: Recorder, alive: Alive) -> RealTime:
        """Push chunks on the stream's schedule; late is what takes longer than a hop, or than a chunk."""
        calls, hops = self._calls, self._found.hops
        assert isinstance(calls, HopCalls)
        assert hops is not None
        least_s = _LEAST_HOPS * max(hops.hop_s, hops.chunk_s)
        chunks, there_s = calls.start_real_time(max(self._stream_s, least_s))
        deadline_s = max(hops.hop_s, hops.chunk_s)
        return measure_real_time(calls.push, there_s, chunks, deadline_s, recorder, on_progress=alive)

    def last_error(self) -> str | None:
        """What is wrong with answers after all the calls, from fresh state."""
        return self._error(self._opened().answers(self._alive))

    def measured(self, recorder: Recorder, stream: Streamed | None) -> PipelineMeasured:
        """What the stages took."""
        assert isinstance(recorder, StageRecorder)
        return PipelineMeasured(recorder.samples(), stream)

    def _opened(self) -> Calls:
        assert self._calls is not None
        return self._calls

    def _times(self) -> tuple[StageTime, ...]:
        if self._calls is None:  # the rehearsal
            return tuple(StageTime(name) for name in self._found.stages)
        return tuple(self._calls.times)

    def _error(self, results: Iterable[Result]) -> str | None:
        return difference(kept(self._folder), answers_of(results))


def _nothing() -> None:
    """The empty call of the rehearsal."""
