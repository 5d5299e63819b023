"""OpenVINO, for x86: ONNX and TFLite on the CPU, in f32 as the file says.

It is often faster than ONNX Runtime, takes about twice its memory and loads more slowly, so that it runs a
model only where it is asked for, by a user, a device's profile or what `edgeai prepare` measured.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..bundle import list_specs
from ..errors import InputError, ProviderError, RunError, SessionClosed, one_line
from . import lacks_providers
from .openvino_compiled import OPENVINO_ERRORS, compiled, short, version
from .openvino_library import ov

if TYPE_CHECKING:
    from ..bundle import Needs, TensorSpec, Variant
    from . import Array, RunOptions

_WIDE_DTYPES = {"i64", "u64"}
_LOWEST, _HIGHEST = -(2**31), 2**31 - 1


class OpenVino:
    """The backend; see `edgeai.backends.Backend`."""

    name = "openvino"

    def version(self) -> str:
        """Version of the openvino package."""
        return version()

    def lacks(self, needs: Needs) -> str | None:
        """See `Backend.lacks`."""
        return lacks_providers(needs, ("cpu",))

    def open(self, variant: Variant, options: RunOptions) -> OpenVinoRunner:
        """Open an ONNX or TFLite file, or what `openvino_forms` made of it, in `options.cache`."""
        return OpenVinoRunner(variant, options)


class OpenVinoRunner:
    """One compiled model with one request behind a lock: OpenVINO has one stream here, as LATENCY wants it.

    Integers are computed in 32 bits at most: an i64 or u64 input beyond is refused, for OpenVINO would cut it
    off without a word.
    """

    provider = "cpu"
    provider_share: Mapping[str, float] = {"cpu": 1.0}

    def __init__(self, variant: Variant, options: RunOptions) -> None:
        for name in options.providers:
            if name.lower() != "cpu":
                raise ProviderError(f"this backend has no provider {name!r} (it has: cpu)")
        self._name = one_line(variant.path)  # as error messages call it
        opened = compiled(variant, options)
        self.inputs = opened.signature.inputs
        self.outputs = opened.signature.outputs
        self._input_ports = [
            (spec.name, port, spec.dtype in _WIDE_DTYPES)
            for spec, port in zip(self.inputs, opened.input_ports, strict=True)
        ]
        self._output_ports = [
            (spec.name, port) for spec, port in zip(self.outputs, opened.output_ports, strict=True)
        ]
        self._is_static = all(spec.is_static for spec in self.inputs)
        self._lock = threading.Lock()
        self._request: Any = opened.model.create_infer_request()
        self._mapping = opened.mapping  # below the request, so that it goes after it

    def run(self, inputs: Mapping[str, Array], out: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """See `Runner.run`. Inputs are read where they lie, unless they have strides or are read-only."""
        with self._lock:
            request = self._request
            if request is None:
                self._refuse()
            try:
                for name, port, is_wide in self._input_ports:
                    array = inputs[name]
                    if is_wide:
                        self._check_width(name, array)
                    request.set_input_tensor(port, _tensor(array))
                request.infer(share_outputs=True, decode_strings=False)
                if out:
                    return {name: self._write(request, name, port, out) for name, port in self._output_ports}
                return {
                    name: request.get_output_tensor(port).data.copy() for name, port in self._output_ports
                }
            except OPENVINO_ERRORS as error:
                if isinstance(error, InputError):  # a ValueError too
                    raise
                raise self._run_error(error, inputs) from error

    def reset(self) -> None:
        """Forget state kept inside the model."""
        with self._lock:
            if self._request is None:
                self._refuse()
            self._request.reset_state()

    def close(self) -> None:
        """Drop the request and with it the model, after a run that is under way."""
        with self._lock:
            self._request = None
            self._mapping = None

    def _refuse(self) -> NoReturn:
        raise SessionClosed(f"the session of {self._name} is closed; open it again with edgeai.load()")

    def _write(self, request: Any, name: str, port: int, out: Mapping[str, Array]) -> Array:
        value: Array = request.get_output_tensor(port).data
        if name not in out:
            return value.copy()
        array = out[name]
        if array.shape != value.shape:
            raise InputError(
                f"{self._name}: output {name!r} is {list(value.shape)}, the array given {list(array.shape)}"
            )
        np.copyto(array, value)
        return array

    def _check_width(self, name: str, array: Array) -> None:
        if array.size and (array.min() < _LOWEST or array.max() > _HIGHEST):
            raise InputError(
                f"{self._name}: input {name!r} holds numbers beyond 32 bits, which OpenVINO cuts off; "
                "use another backend"
            )

    def _run_error(self, error: Exception, inputs: Mapping[str, Array]) -> InputError | RunError:
        """A shape that the model's own arithmetic refuses is the caller's input; all else is a failed run."""
        if self._is_static:
            return RunError(f"{self._name}: OpenVINO failed while running: {short(error)}")
        return InputError(
            f"{self._name}: OpenVINO refused the shapes {_shapes(self.inputs, inputs)}: {short(error)}; "
            f"the model wants {list_specs(self.inputs)}"
        )


def _tensor(array: Array) -> Any:
    """The array itself as OpenVINO's tensor, or of a copy where OpenVINO would not take it."""
    flags = array.flags
    if not (flags.c_contiguous and flags.writeable):
        array = np.array(array, order="C")
    return ov.Tensor(array, shared_memory=True)


def _shapes(specs: tuple[TensorSpec, ...], inputs: Mapping[str, Array]) -> str:
    return one_line(", ".join(f"{spec.name} {list(inputs[spec.name].shape)}" for spec in specs))
