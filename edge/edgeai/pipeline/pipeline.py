"""A bundle's pipeline, bound to its opened models: answers to whole sources, and streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..bundle.declared import RunStage, Stage
from ..bundle.types import Bundle
from ..errors import InputError, ManifestError, one_line
from .bind import Function, bind
from .flow import SOURCE, Flow
from .model import ModelPort
from .result import Result
from .stage import BoundStage
from .stream import Stream, checked_rate
from .values import Signal

if TYPE_CHECKING:
    from .values import Array

_CHUNK_S = 1.0
"""A recording is read in pieces of this length, so that an hour of it never lies in memory."""


def bind_stages(
    bundle: Bundle, ports: Mapping[str, ModelPort], own: Mapping[str, Function] | None = None
) -> tuple[BoundStage, ...]:
    """The stages with their steps and models. Raises ManifestError for what does not exist or does not fit.

    ports: the opened models by name; one that is absent is left out, to check a manifest without opening any.
    """
    known = {SOURCE}
    stages = []
    for stage in bundle.stages:
        stages.append(_bound(stage, bundle, ports, own or {}, known))
        known.add(stage.as_)
    _check_signals(bundle)
    return tuple(stages)


def _check_signals(bundle: Bundle) -> None:
    """Of sound: a step of its own turns a signal into a signal, which is no answer and has no condition."""
    if bundle.source is None or bundle.source.kind != "audio":
        return
    signals, shown = {SOURCE}, one_line(bundle.path)
    for stage in bundle.stages:
        if isinstance(stage, RunStage) or stage.from_ not in signals:
            continue
        signals.add(stage.as_)
        if stage.only_if is not None:
            raise ManifestError(
                f"{shown}: {stage.where}.only_if: {stage.step.op} passes sound on; a condition goes with a "
                "stage that runs a model"
            )
    if bundle.result in signals:
        raise ManifestError(
            f"{shown}: the pipeline ends in a signal, {one_line(bundle.result)!r}; name a stage that runs a "
            "model as its `result`"
        )


def _bound(
    stage: Stage, bundle: Bundle, ports: Mapping[str, ModelPort], own: Mapping[str, Function], known: set[str]
) -> BoundStage:
    calls = (stage.pre, stage.post) if isinstance(stage, RunStage) else ((stage.step,), ())
    pre, post = (
        tuple(bind(call, own=own, assets=bundle.assets, known=known, shown=bundle.path) for call in group)
        for group in calls
    )
    for step in (*pre, *post):
        if step.refs and bundle.source is not None and bundle.source.kind == "audio":
            raise ManifestError(
                f"{one_line(bundle.path)}: {step} names other values, which a stream of sound has only "
                "chunk by chunk; leave it out"
            )
    return BoundStage(
        name=stage.as_,
        from_=stage.from_,
        pre=pre,
        port=ports.get(stage.model) if isinstance(stage, RunStage) else None,
        post=post,
        batch=stage.batch if isinstance(stage, RunStage) else None,
        only_if=stage.only_if,
        where=stage.where,
    )


class Pipeline:
    """What a session asks for `predict` and `stream`; safe to use from several threads at once."""

    def __init__(self, bundle: Bundle, ports: Mapping[str, ModelPort], own: Mapping[str, Function]) -> None:
        assert bundle.source is not None
        assert bundle.result is not None
        self.source = bundle.source
        self._ports = ports
        self._stages = bind_stages(bundle, ports, own)
        self._result = bundle.result

    @property
    def stage_names(self) -> tuple[str, ...]:
        """What the stages' values are called, in order."""
        return tuple(stage.name for stage in self._stages)

    def predict(self, source: Any, rate_hz: int | None = None, result: str | None = None) -> Result:
        """The answer to one source; see `Session.predict`."""
        flow = self._flow(result)
        try:
            if self.source.kind == "audio":
                return _whole(self._listen(flow, source, rate_hz), flow)
            if rate_hz is not None:
                raise InputError(
                    f"rate is for sound, and this pipeline takes {self.source.kind}; leave it out"
                )
            return flow.once(self.open(source))
        finally:
            flow.close()

    def stream(self, overrun: str, queue: int, rate_hz: int | None, result: str | None = None) -> Stream:
        """A stream with its own state; see `Session.stream`."""
        return Stream(
            flow=self._flow(result),
            source=self.source,
            open_value=self.open,
            rate_hz=rate_hz,
            overrun=overrun,
            queue=queue,
        )

    def close(self) -> None:
        """Free what streams opened."""
        for port in self._ports.values():
            port.close()

    def open(self, source: Any) -> Any:
        """What the first stage takes, of what an application has: a path, bytes, an array, a text."""
        kind = self.source.kind
        if kind == "image":
            from .ops.image import decode

            return decode(source)
        if kind == "text":
            return _text(source)
        if kind == "bytes":
            return _path_or_bytes(source)
        if isinstance(source, (Mapping, np.ndarray)):
            return source
        raise InputError(
            f"this pipeline takes arrays, or a dict of arrays by name, and got a {_kind(source)}"
        )

    def _flow(self, result: str | None) -> Flow:
        if result is not None and result not in self.stage_names:
            names = one_line(", ".join(self.stage_names))
            raise InputError(f"no stage's value is called {one_line(repr(result))}; there are: {names}")
        return Flow(self._stages, result or self._result)

    def _listen(self, flow: Flow, source: Any, rate_hz: int | None) -> Iterator[Result]:
        with ExitStack() as opened:
            rate, chunks = self._chunks(source, rate_hz, opened)
            stream = Stream(
                flow=flow, source=self.source, open_value=self.open, rate_hz=rate, overrun="block", queue=1
            )
            opened.enter_context(stream)
            for chunk in chunks:
                yield from stream.push(chunk)
            yield from stream.finish()

    def _chunks(
        self, source: Any, rate_hz: int | None, opened: ExitStack
    ) -> tuple[int | None, Iterable[Array]]:
        if isinstance(source, np.ndarray):
            rate_hz = checked_rate(rate_hz)
            if source.ndim == 0:
                raise InputError("samples have the shape []; give [n], or [n, channels]")
            step = max(1, round(_CHUNK_S * (rate_hz or self.source.rate_hz or 1)))
            return rate_hz, (source[at : at + step] for at in range(0, len(source), step))
        if isinstance(source, Signal):
            return round(source.rate_hz), [source.values]
        if not isinstance(source, (str, Path, bytes)):
            raise InputError(
                f"this pipeline takes sound: a path, bytes of a file, or an array; it got a {_kind(source)}"
            )
        from ..sources.sound import open_sound

        if rate_hz is not None:
            raise InputError("a sound file says its own rate; leave rate out")
        sound = opened.enter_context(open_sound(source, chunk_s=_CHUNK_S))
        return sound.rate_hz, sound


def _whole(results: Iterator[Result], flow: Flow) -> Result:
    """A recording's results as one."""
    parts = tuple(replace(part, stages=()) for part in results)
    return Result(
        value=[part.value for part in parts],
        start_s=parts[0].start_s if parts else None,
        end_s=parts[-1].end_s if parts else None,
        stages=tuple(flow.spent.values()),
        parts=parts,
    )


def _text(source: Any) -> str:
    if isinstance(source, str):
        return source
    if isinstance(source, Path):
        try:
            return source.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{one_line(source)} is no text that can be read: {one_line(error)}") from None
    raise InputError(f"this pipeline takes a text (or a Path to a file of it), and got a {_kind(source)}")


def _path_or_bytes(source: Any) -> Path | bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, (str, Path)):
        return Path(source)
    raise InputError(f"this pipeline takes bytes or the path of a file, and got a {_kind(source)}")


def _kind(source: object) -> str:
    return type(source).__name__
