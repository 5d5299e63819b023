"""An opened model or bundle: checks what goes in, runs it, and hands out what comes out."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np

from .bundle import NUMPY_DTYPES, TensorSpec, list_specs
from .errors import InputError, SessionClosed, one_line
from .quantize import quantizers

if TYPE_CHECKING:
    from types import TracebackType

    from .backends import Array, Runner
    from .bundle import Input
    from .pipeline.pipeline import Pipeline
    from .pipeline.result import Result
    from .pipeline.stream import Stream


class Closeable(Protocol):
    """Something that is let go by `close`."""

    def close(self) -> None:
        """Let go."""


_NDARRAY = np.ndarray  # a global is found faster than an attribute, and this is asked at every run


class Session:
    """A model that is ready to run. A context manager: leaving it frees the model.

    ONNX Runtime runs calls from several threads side by side; LiteRT and OpenVINO one after the other.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        model: str,
        backend: str,
        threads: int,
        variant: str | None = None,
        why: tuple[str, ...] = (),
        pipeline: Pipeline | None = None,
        models: Mapping[str, Session] | None = None,
        prepared: str | None = None,
        declared: Mapping[str, Input] | None = None,
    ) -> None:
        """declared: inputs as the manifest has them, whose ranges are kept to."""
        self.model = model
        """The path, as it was given."""
        self.variant = variant
        """Which variant of a bundle's model runs; None for a bare model file or several models."""
        self.why = why
        """Why this variant and backend, a line each: what was chosen, what was skipped, and the reason."""
        self.models: Mapping[str, Session] = models or {}
        """The opened models of a bundle by name, for tensors in and out; empty for a bare model file."""
        self.prepared = prepared
        """The prepared model that runs, by its key in `edgeai store list`; None where the file runs as it
        came, and for several models, of which each says so itself."""
        self._pipeline = pipeline
        self._ranged = {name: each for name, each in (declared or {}).items() if each.ranges}
        self._kept: list[weakref.finalize[[], Session]] = []
        self.backend = backend
        """Name of the backend in use."""
        self.threads = threads
        """Intra-op threads in use."""
        self._name = one_line(model)  # as error messages call it
        self._runner: Runner | None = runner
        # Looked up once: a model of 4 µs feels every attribute.
        self._run: Callable[..., dict[str, Array]] = runner.run
        self.raw_inputs = runner.inputs
        """What run(raw=True) takes: names, shapes, and the dtypes that the file stores."""
        self.raw_outputs = runner.outputs
        """What run(raw=True) gives."""
        self.inputs = tuple(_real(spec) for spec in runner.inputs)
        """What run() takes. A quantized input takes real values, so says f32."""
        self.outputs = tuple(_real(spec) for spec in runner.outputs)
        """What run() gives; a quantized output comes as real values, so says f32."""
        self._to_raw, self._to_real = quantizers(runner.inputs), quantizers(runner.outputs)
        self._is_quantized = bool(self._to_raw or self._to_real)
        # Dtype and shape of each input and output as last accepted: what equals them needs no further check.
        self._accepted = {False: _wants(self.inputs), True: _wants(self.raw_inputs)}
        self._accepted_out = {
            False: {name: (dtype, shape) for name, dtype, shape in _wants(self.outputs)},
            True: {name: (dtype, shape) for name, dtype, shape in _wants(self.raw_outputs)},
        }

    @property
    def provider(self) -> str | None:
        """The execution provider on which most nodes really run, whatever was asked for.

        None before the first run where only a trace of it can tell (ONNX Runtime before 1.24 with
        accelerators).
        """
        return self._open_runner().provider

    @property
    def provider_share(self) -> Mapping[str, float]:
        """Share of the nodes on each provider, e.g. {"tensorrt": 0.97, "cpu": 0.03}."""
        return self._open_runner().provider_share

    def run(
        self,
        inputs: Array | Mapping[str, Array],
        *,
        out: Mapping[str, Array] | None = None,
        raw: bool = False,
    ) -> dict[str, Array]:
        """Run the model once and return its outputs by name.

        inputs: arrays by name, or the one array of a model with one input. dtype and shape must be what
            `inputs` states; nothing is cast. ONNX Runtime reads an array that fits where it lies; LiteRT
            copies it into its own tensor.
        out: arrays by output name to write into, C-contiguous, writable and of the output's dtype and
            shape; they are what is returned under their names.
        raw: quantized tensors as the integers that the file stores, instead of real values.

        Raises InputError for what does not fit, RunError where the backend fails, SessionClosed.
        """
        feed = inputs if type(inputs) is dict else self._by_name(inputs)
        accepted = self._accepted[raw]
        if len(feed) != len(accepted):
            self._refuse_names(feed)
        for name, dtype, shape in accepted:
            array = feed.get(name)
            if type(array) is not _NDARRAY or array.dtype is not dtype or array.shape != shape:
                self._check(feed, raw)
                break
        if out is not None:
            self._check_out(out, raw)
        if raw or not self._is_quantized:
            return self._run(feed, out)
        return self._run_real(feed, out)

    def predict(self, source: Any, *, rate: int | None = None, result: str | None = None) -> Result:
        """Run the bundle's pipeline on one source and return its answer.

        source: what the pipeline takes. Image: a path, the bytes of a file, u8 [height, width, 3] RGB, or a
            Pillow image. Sound: the path or bytes of a file, or samples as f32 [n] in -1 to 1 or i16 [n] at
            `rate`. Text: a str, or a Path to a file. Bytes: bytes or a path. Tensors: arrays by name.
        rate: samples a second of an array of sound; None: the pipeline's own.
        result: the stage whose value is the answer, by its name in the manifest; None: the one that the
            manifest says, else the last.

        Of sound, the whole recording is run as a stream, and `Result.parts` has the answers one by one.
        Raises InputError for a source that does not fit, also where there is no pipeline; RunError;
        SessionClosed.
        """
        return self._open_pipeline().predict(source, rate, result)

    def stream(
        self,
        *,
        overrun: str = "block",
        queue: int = 8,
        rate: int | None = None,
        result: str | None = None,
    ) -> Stream:
        """Open a stream: a source that goes on, pushed chunk by chunk, with state of its own.

        overrun: what happens where the model is slower than what comes. "block": push waits for the answers.
            "latest" and "drop": push never waits, a thread runs what is queued, and where the queue is full
            the oldest ("latest") or the new ("drop") is dropped and counted.
        queue: chunks or items that may wait. rate: samples a second of what is pushed; None: the pipeline's.
        result: the stage whose values are the answers; None: as for `predict`.

        Several streams may be open at once; each costs its state, and a model of its own only where the model
        keeps its state inside itself. Raises InputError where there is no pipeline.
        """
        return self._open_pipeline().stream(overrun, queue, rate, result)

    def reset(self) -> None:
        """Forget state that the model keeps inside itself (TFLite variables)."""
        self._open_runner().reset()

    def keep(self, held: Closeable) -> None:
        """Hold something until the session is closed or goes away: the bundle's place in the store, say."""
        self._kept.append(weakref.finalize(self, held.close))

    def close(self) -> None:
        """Free the model; run() then raises SessionClosed. Closing twice is fine."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            self._run = self._refuse_closed
            if self._pipeline is not None:
                self._pipeline.close()
            runner.close()
            for let_go in self._kept:
                let_go()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._runner is None else f"{self.provider or 'provider not known yet'}"
        return f"<Session {self.model} on {self.backend}, {self.threads} threads, {state}>"

    def _run_real(self, feed: Mapping[str, Array], out: Mapping[str, Array] | None) -> dict[str, Array]:
        """Quantize, run, dequantize; a quantized output cannot be written into `out` by the backend."""
        raw_feed = dict(feed)
        for name, quantizer in self._to_raw.items():
            raw_feed[name] = quantizer.to_raw(feed[name])
        direct = {name: array for name, array in out.items() if name not in self._to_real} if out else None
        outputs = self._run(raw_feed, direct)
        for name, quantizer in self._to_real.items():
            outputs[name] = quantizer.to_real(outputs[name])
            if out and name in out:
                if out[name].shape != outputs[name].shape:
                    _refuse_out(name, out[name], f"shape {list(outputs[name].shape)}")
                np.copyto(out[name], outputs[name])
                outputs[name] = out[name]
        return outputs

    def _open_pipeline(self) -> Pipeline:
        self._open_runner()
        if self._pipeline is None:
            raise InputError(f"{self._name} has no pipeline; use run() with arrays: {self._state_wants()}")
        return self._pipeline

    def _open_runner(self) -> Runner:
        if self._runner is None:
            self._refuse_closed()
        return self._runner

    def _refuse_closed(self, *_: object) -> NoReturn:
        raise SessionClosed(f"the session of {self._name} is closed; open it again with edgeai.load()")

    def _by_name(self, inputs: Array | Mapping[str, Array]) -> Mapping[str, Array]:
        if isinstance(inputs, Mapping):
            return dict(inputs)
        if len(self.raw_inputs) != 1:
            raise InputError(f"{self._name} has several inputs; pass a dict: {self._state_wants()}")
        return {self.raw_inputs[0].name: inputs}

    def _check(self, feed: Mapping[str, Array], raw: bool) -> None:
        """Check names, dtypes and shapes against the signature, and remember what fits for the next call."""
        sizes: dict[str, int] = {}
        for spec in self.raw_inputs if raw else self.inputs:
            array = feed.get(spec.name)
            if not isinstance(array, np.ndarray) or array.dtype != NUMPY_DTYPES[spec.dtype]:
                self._refuse(spec.name, array, raw)
            if not spec.fits(array.shape, sizes):
                self._refuse(spec.name, array, raw)
            if spec.name in self._ranged:
                self._refuse_size(spec, array.shape)
        self._accepted[raw] = [(name, dtype, feed[name].shape) for name, dtype, _ in self._accepted[raw]]

    def _refuse_names(self, feed: Mapping[str, object]) -> NoReturn:
        given = one_line(", ".join(repr(name) for name in feed)) or "nothing"
        raise InputError(f"{self._name} got {given}; it wants exactly {self._state_wants()}")

    def _refuse(self, name: str, array: object, raw: bool) -> NoReturn:
        specs = self.raw_inputs if raw else self.inputs
        spec = next(spec for spec in specs if spec.name == name)
        if array is None:
            raise InputError(f"{self._name} got no input {name!r}; it wants {self._state_wants(raw)}")
        if not isinstance(array, np.ndarray):
            got = f"a {type(array).__name__}; pass a numpy array"
        else:
            got = f"{array.dtype}{list(array.shape)}"
        raise InputError(f"{self._name}: input {spec} ({NUMPY_DTYPES[spec.dtype]}) got {got}")

    def _refuse_size(self, spec: TensorSpec, shape: tuple[int, ...]) -> None:
        """Before a backend sees it: some build an engine or plan memory for what a manifest declares."""
        outside = self._ranged[spec.name].outside(shape)
        if outside is not None:
            raise InputError(f"{self._name}: input {spec} got {list(shape)}: {one_line(outside)}")

    def _state_wants(self, raw: bool = False) -> str:
        return list_specs(self.raw_inputs if raw else self.inputs)

    def _check_out(self, out: Mapping[str, Array], raw: bool) -> None:
        if not isinstance(out, Mapping):
            raise InputError(f"out is a {type(out).__name__}; pass a dict of arrays by output name")
        accepted = self._accepted_out[raw]
        for name, array in out.items():
            dtype, shape = accepted.get(name, (None, None))
            if type(array) is not _NDARRAY or array.dtype is not dtype or array.shape != shape:
                self._check_one_out(name, array, raw)
            if not array.flags.c_contiguous or not array.flags.writeable:
                _refuse_out(name, array, "a C-contiguous, writable array")

    def _check_one_out(self, name: str, array: Array, raw: bool) -> None:
        specs = {spec.name: spec for spec in (self.raw_outputs if raw else self.outputs)}
        spec = specs.get(name)
        if spec is None:
            raise InputError(f"{self._name} has no output {name!r}; it has {one_line(', '.join(specs))}")
        if not isinstance(array, np.ndarray) or array.dtype != NUMPY_DTYPES[spec.dtype]:
            _refuse_out(name, array, NUMPY_DTYPES[spec.dtype])
        if not spec.fits(array.shape):
            _refuse_out(name, array, f"shape {list(spec.shape)}")
        self._accepted_out[raw][name] = (self._accepted_out[raw][name][0], array.shape)


def _real(spec: TensorSpec) -> TensorSpec:
    return replace(spec, dtype="f32", quantization=None) if spec.quantization else spec


def _wants(specs: tuple[TensorSpec, ...]) -> list[tuple[str, np.dtype[np.generic], tuple[int | str, ...]]]:
    return [(spec.name, np.dtype(NUMPY_DTYPES[spec.dtype]), spec.shape) for spec in specs]


def _refuse_out(name: str, array: object, wanted: str) -> NoReturn:
    got = f"{array.dtype}{list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
    raise InputError(f"out[{name!r}] must be {wanted}; it is {got}")
