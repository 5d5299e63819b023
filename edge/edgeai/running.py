"""What `edgeai run` does: answers to every item of its sources, while they are read.

    request = RunRequest("wake.edge", ("recordings/", "-"))
    with open_run(request) as run:
        for answer in run:
            print(answer.to_json())

One item, one chunk of sound and what came of it are in memory at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answer import Answer, Failed, Totals
from .bundle import list_specs
from .drawn import DrawnFiles
from .errors import EdgeError, InputError, RunError, UsageError, one_line
from .included import find_model
from .opening import open_session
from .pipeline.flow import added
from .pipeline.result import Result, StageTime
from .pipeline.top import top
from .pipeline.values import Image
from .showing import look
from .sources import Item, Source, open_source
from .sources.files import SUFFIXES
from .sources.listing import list_sources, shown_source

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from .bundle import Bundle
    from .pipeline.stream import Stream
    from .session import Session

_FILE_CHUNK_S, _LIVE_CHUNK_S = 1.0, 0.1
"""Chunks of a recording are large, since each costs some 0.1 ms; of what is being said just now they are
small, since an answer may be so much late. What comes slower is handed on as it comes."""

_OF_THE_SOURCE = (InputError, RunError)
"""Errors that end one source, and not the others."""


@dataclass(frozen=True)
class RunRequest:
    """What to run on what.

    path: a bundle or a bare model. sources: as `edgeai.sources.open_source` takes them; folders and patterns
        are run file by file.
    rate_hz: of raw samples from standard input; None: as the pipeline takes them. chunk_s: the longest chunk
        of sound. top: how many labels or things found an answer has at most. draw_to: a folder for pictures
        with the answers painted on them.
    device to model: as of `edgeai.load`.
    """

    path: str
    sources: tuple[str, ...]
    rate_hz: int | None = None
    chunk_s: float | None = None
    top: int | None = None
    draw_to: Path | None = None
    device: str | None = None
    backend: str | None = None
    threads: int | None = None
    providers: tuple[str, ...] | None = None
    signature: str | None = None
    variant: str | None = None
    model: str | None = None


def open_run(request: RunRequest) -> Run:
    """Open the model and find the sources; nothing runs before the result is iterated over.

    Raises what `edgeai.load` raises, InputError for a source that is not there, and UsageError for options
    that do not fit what the model takes.
    """
    found = find_model(request.path)
    request = request if found == Path(request.path) else replace(request, path=str(found))
    with look(request.path) as looked:
        bundle = looked.bundle
    predicts = bool(bundle.stages) and request.model is None
    kind = bundle.source.kind if predicts and bundle.source is not None else "tensors"
    _check_options(request, bundle, kind)
    texts = list_sources(request.sources, kind)
    drawn = None if request.draw_to is None else DrawnFiles(request.draw_to)
    session = open_session(
        request.path,
        device=request.device,
        backend=request.backend,
        threads=request.threads,
        providers=request.providers,
        signature=request.signature,
        model=request.model,
        variant=request.variant,
    )
    rate_hz = request.rate_hz or (bundle.source.rate_hz if bundle.source else None)
    return Run(request, session, kind, texts, predicts=predicts, rate_hz=rate_hz, drawn=drawn)


class Run:
    """An opened model and its sources: a context manager, and to be gone through once."""

    def __init__(
        self,
        request: RunRequest,
        session: Session,
        kind: str,
        texts: list[str],
        *,
        predicts: bool,
        rate_hz: int | None,
        drawn: DrawnFiles | None,
    ) -> None:
        """Use `open_run`."""
        self.session = session
        self.kind = kind
        """What the sources are: one of `SOURCE_KINDS`."""
        self.sources = [shown_source(text) for text in texts]
        """Their names, in order."""
        self.totals = Totals()
        self._request, self._texts = request, texts
        self._predicts, self._rate_hz, self._drawn = predicts, rate_hz, drawn

    def answers(self, started: Callable[[str], None] = lambda _: None) -> Iterator[Answer | Failed]:
        """Everything, in order. started: is told the name of each source when its turn comes.

        Raises what ends the whole run: ExtraMissing, or UsageError where pictures cannot be written.
        """
        for text, name in zip(self._texts, self.sources, strict=True):
            started(name)
            try:
                with self._open(text) as source:
                    yield from self._through(source)
            except _OF_THE_SOURCE as error:
                yield self._failed(name, error)
            except OSError as error:
                if isinstance(error, EdgeError):
                    raise
                reason = error.strerror or one_line(error)
                yield self._failed(name, InputError(f"{one_line(name)} cannot be read: {reason}"))

    def close(self) -> None:
        """Free the model."""
        self.session.close()

    def __iter__(self) -> Iterator[Answer | Failed]:
        return self.answers()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, text: str) -> Source:
        chunk_s = self._request.chunk_s or (_LIVE_CHUNK_S if text == "-" else _FILE_CHUNK_S)
        models = (self.session, *self.session.models.values())
        dtypes = {spec.name: spec.dtype for each in models for spec in each.inputs}
        return open_source(text, self.kind, rate_hz=self._rate_hz, chunk_s=chunk_s, dtypes=dtypes)

    def _through(self, source: Source) -> Iterator[Answer | Failed]:
        if self.kind == "audio":
            yield from self._listen(source)
            return
        for item in source:
            yield self._answer(item)

    def _answer(self, item: Item) -> Answer | Failed:
        try:
            return self._run(item)
        except _OF_THE_SOURCE as error:
            return self._failed(item.name, error)

    def _run(self, item: Item) -> Answer:
        began = time.perf_counter()
        run = self.session.predict if self._predicts else self._tensors
        result = run(item.value)
        latency_s = time.perf_counter() - began
        self._count(item, latency_s)
        self._count_stages(result.stages)
        return self._finished(item.name, result, latency_s)

    def _tensors(self, value: Any) -> Result:
        wanted = self.session.inputs
        if not isinstance(value, Mapping) and len(wanted) != 1:
            raise InputError(
                f"one array, and the model has several inputs; give a .npz: {list_specs(wanted)}"
            )
        return Result(self.session.run(value))

    def _listen(self, source: Source) -> Iterator[Answer]:
        """A stream for each recording."""
        stream: Stream | None = None
        try:
            for item in source:
                stream = stream or self.session.stream(rate=round(item.rate_hz or 0))
                yield from self._hear(item, stream)
                stream = None if item.is_last else stream
        finally:
            if stream is not None:
                stream.close()

    def _hear(self, item: Item, stream: Stream) -> Iterator[Answer]:
        began = time.perf_counter()
        results = stream.push(item.value, item.start_s) if len(item.value) else []
        if item.is_last:
            results += stream.finish()
            self._count_stages(stream.stages)
        latency_s = time.perf_counter() - began
        self._count(item, latency_s)
        for result in results:
            yield self._finished(item.name, result, latency_s)

    def _finished(self, name: str, result: Result, latency_s: float) -> Answer:
        if self._request.top is not None:
            result = replace(result, value=top(result.value, self._request.top))
        drawn = None
        picture = result.values.get("source")
        if self._drawn is not None and isinstance(picture, Image):
            drawn = self._drawn.save(name, picture.pixels, result.value)
        self.totals.answers += 1
        return Answer(name, result, latency_s, drawn)

    def _count(self, item: Item, latency_s: float) -> None:
        totals = self.totals
        totals.items += 1
        totals.busy_s += latency_s
        if item.rate_hz is not None:
            totals.sound_s += len(item.value) / item.rate_hz

    def _count_stages(self, stages: Iterable[StageTime]) -> None:
        self.totals.stages = added(self.totals.stages, stages)

    def _failed(self, name: str, error: EdgeError) -> Failed:
        self.totals.failed += 1
        return Failed(name, error)


def _check_options(request: RunRequest, bundle: Bundle, kind: str) -> None:
    """Options that would be passed over without a word, and the commonest wrong sources."""
    shown = one_line(request.path)
    if request.rate_hz is not None and (kind != "audio" or "-" not in request.sources):
        raise UsageError("--rate is for raw samples from standard input (-); a sound file says its own rate")
    if request.chunk_s is not None and kind != "audio":
        raise UsageError(f"--chunk is for sound, and {shown} takes {kind}; leave it out")
    if request.draw_to is not None and kind != "image":
        raise UsageError(f"--draw is for pictures, and {shown} takes {kind}; leave it out")
    if not bundle.is_bare and not bundle.stages and len(bundle.models) > 1 and request.model is None:
        names = one_line(", ".join(model.name for model in bundle.models))
        raise UsageError(f"{shown} has no pipeline, but models: {names}; choose one with --model NAME")
    for text in request.sources:
        if kind == "tensors" and text.lower().endswith(_PICTURES_AND_SOUND):
            raise UsageError(
                f"{shown} takes arrays (.npy, .npz, JSON lines), and {one_line(text)} is none; pictures and "
                "sound need a bundle with a pipeline: see `edgeai bundle --help`"
            )


_PICTURES_AND_SOUND = tuple(suffix for kind in ("image", "audio") for suffix in SUFFIXES[kind] or ())
