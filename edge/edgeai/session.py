"""An opened model: checks what goes in, runs it on the chosen backend, and hands out what comes out."""

from __future__ import annotations

import operator
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from .backends import BACKENDS, RunOptions, choose_backend, load_backend, unused_providers
from .bundle import NUMPY_DTYPES, TensorSpec, Variant, bare_variant, list_specs
from .device import DeviceProfile, default_threads, detect_profile, load_profile
from .errors import InputError, ModelError, ProviderUnused, SessionClosed, one_line
from .quantize import quantizers

if TYPE_CHECKING:
    from types import TracebackType

    from .backends import Array, Runner


_NDARRAY = np.ndarray  # a global is found faster than an attribute, and this is asked at every run


class Session:
    """A model that is ready to run. A context manager: leaving it frees the model.

    ONNX Runtime runs calls from several threads side by side; LiteRT one after the other.
    """

    def __init__(self, runner: Runner, *, model: str, backend: str, threads: int) -> None:
        self.model = model
        """The path, as it was given."""
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

    def reset(self) -> None:
        """Forget state that the model keeps inside itself (TFLite variables)."""
        self._open_runner().reset()

    def close(self) -> None:
        """Free the model; run() then raises SessionClosed. Closing twice is fine."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            self._run = self._refuse_closed
            runner.close()

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


def open_session(
    path: str | os.PathLike[str],
    *,
    device: str | DeviceProfile | None,
    backend: str | None,
    threads: int | None,
    providers: Sequence[str] | None,
    signature: str | None,
) -> Session:
    """What `edgeai.load` does; see there."""
    variant = bare_variant(path)
    profile = _profile(device)
    name = backend or choose_backend(variant.format, profile.preferred_backends)
    _check_reads(name, variant)
    options = RunOptions(
        threads=_check_threads(threads) or default_threads(profile),
        providers=_check_providers(providers),
        preferred_providers=profile.preferred_providers if providers is None else (),
        signature=signature,
    )
    runner = load_backend(name).open(variant, options)
    _warn_of_unused(options.providers, runner.provider_share, str(path))
    return Session(runner, model=str(path), backend=name, threads=options.threads)


def _profile(device: str | DeviceProfile | None) -> DeviceProfile:
    if isinstance(device, DeviceProfile):
        return device
    if device is None:
        return detect_profile()
    if not isinstance(device, str):
        raise InputError(f"device is {device!r}; give an id of `edgeai device list` or a DeviceProfile")
    return load_profile(device)


def _check_providers(providers: Sequence[str] | None) -> tuple[str, ...]:
    if providers is None:
        return ()
    is_list = isinstance(providers, (str, Sequence))
    names = (providers,) if isinstance(providers, str) else tuple(providers) if is_list else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"providers is {providers!r}; give names in order, such as ['cuda', 'cpu']")
    return names


def _warn_of_unused(asked: tuple[str, ...], share: Mapping[str, float], path: str) -> None:
    """A fallback always says so; where only the first run's trace can tell, `Session.provider` does."""
    unused = unused_providers(asked, share)
    if unused:
        warnings.warn(
            f"{one_line(path)}: no node runs on {', '.join(unused)}; all run on {', '.join(share)}",
            ProviderUnused,
            stacklevel=4,
        )


def _check_reads(name: str, variant: Variant) -> None:
    entry = BACKENDS.get(name)
    if entry is not None and variant.format not in entry.formats:
        raise ModelError(
            f"{one_line(variant.path)} is {variant.format}, which {name} does not read; "
            f"leave the backend out or choose one of: "
            f"{', '.join(key for key, other in BACKENDS.items() if variant.format in other.formats)}"
        )


def _check_threads(threads: int | None) -> int | None:
    # The libraries start whatever number they are given, and hang or die on an absurd one.
    try:
        number = None if threads is None else operator.index(threads)
    except TypeError:
        number = 0
    if number is not None and (isinstance(threads, bool) or not 1 <= number <= 1024):
        raise InputError(f"threads is {threads!r}; give a whole number from 1 to 1024")
    return number


def _real(spec: TensorSpec) -> TensorSpec:
    return replace(spec, dtype="f32", quantization=None) if spec.quantization else spec


def _wants(specs: tuple[TensorSpec, ...]) -> list[tuple[str, np.dtype[np.generic], tuple[int | str, ...]]]:
    return [(spec.name, np.dtype(NUMPY_DTYPES[spec.dtype]), spec.shape) for spec in specs]


def _refuse_out(name: str, array: object, wanted: str) -> NoReturn:
    got = f"{array.dtype}{list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
    raise InputError(f"out[{name!r}] must be {wanted}; it is {got}")
