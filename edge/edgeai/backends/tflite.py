"""What every `Interpreter` of TensorFlow Lite's line shares: signatures, resizing, state.

Not a backend itself: `litert` opens its library's Interpreter and hands it over.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..bundle import ANY, NUMPY_DTYPES, Quantization, TensorSpec
from ..errors import InputError, ModelError, ProviderError, RunError, SessionClosed, one_line

if TYPE_CHECKING:
    from . import Array, RunOptions

    Invoke = Callable[[Mapping[str, Array], Mapping[str, Array] | None], dict[str, Array]]

_SHORT_DTYPES = {numpy_name: short for short, numpy_name in NUMPY_DTYPES.items()}
# What the Python bindings raise; they have no class of their own. IndexError, OverflowError and SystemError
# are pybind11's for C++'s out_of_range and overflow_error, and for a failure that set no exception.
_TFLITE_ERRORS = (
    ValueError,
    RuntimeError,
    MemoryError,
    TypeError,
    IndexError,
    OverflowError,
    SystemError,
)


class TfliteRunner:
    """One Interpreter behind a lock: an Interpreter must not run in two threads at once."""

    provider = "cpu"  # no delegate of another processor is attached; XNNPACK is the CPU too
    provider_share: Mapping[str, float] = {"cpu": 1.0}

    def __init__(
        self,
        path: Path,
        make_interpreter: Callable[[], Any],
        options: RunOptions,
        *,
        library: str = "LiteRT",
    ) -> None:
        for name in options.providers:
            if name.lower() != "cpu":
                raise ProviderError(f"this backend has no provider {name!r} (it has: cpu)")
        self._model = model = one_line(path)  # as error messages call it
        self._library = library  # as error messages call it
        self._make_interpreter = make_interpreter
        self._lock = threading.Lock()
        self._is_closed = False
        try:
            interpreter = make_interpreter()
            key = _signature_key(model, interpreter, options.signature)
            self._names = _names_of_main_graph(interpreter, key)
            self._key = key
            graph = self._open_graph(interpreter)
        except _TFLITE_ERRORS as error:
            if isinstance(error, ModelError | InputError):
                raise
            raise ModelError(f"{model} cannot be loaded by {library}: {_short(error)}") from error
        self.inputs = tuple(_spec(model, name, detail) for name, detail in graph.inputs.items())
        self.outputs = tuple(_spec(model, name, detail) for name, detail in graph.outputs.items())
        # The bound method, looked up once: at 4 µs a model, every attribute counts.
        self._invoke: Invoke = graph.invoke

    def run(self, inputs: Mapping[str, Array], out: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """See `Runner.run`. A new shape within the signature resizes the model first."""
        try:
            with self._lock:
                return self._invoke(inputs, out)
        except _TFLITE_ERRORS as error:
            if isinstance(error, InputError | SessionClosed):  # both are builtins of that tuple too
                raise
            raise RunError(f"{self._model}: {self._library} failed while running: {_short(error)}") from error

    def reset(self) -> None:
        """Start from fresh state: a new Interpreter, the only thing that clears VAR_HANDLE state."""
        with self._lock:
            if self._is_closed:
                self._refuse({}, None)
            self._invoke = self._refuse  # the old one goes before the new one comes: a board has room for one
            try:
                self._invoke = self._open_graph(self._make_interpreter()).invoke
            except _TFLITE_ERRORS as error:
                raise RunError(
                    f"{self._model}: {self._library} cannot start afresh: {_short(error)}"
                ) from error

    def close(self) -> None:
        """Drop the Interpreter, which frees the model, after a run that is under way."""
        with self._lock:
            self._is_closed = True
            self._invoke = self._refuse

    def _refuse(self, _: Mapping[str, Array], __: Mapping[str, Array] | None) -> NoReturn:
        raise SessionClosed(f"the session of {self._model} is closed; open it again with edgeai.load()")

    def _open_graph(self, interpreter: Any) -> _MainGraph | _SignatureGraph:
        if self._names is None:
            assert self._key is not None
            return _SignatureGraph(self._model, interpreter, self._key)
        return _MainGraph(self._model, interpreter, *self._names)


Names = tuple[dict[int, str], dict[int, str]]
"""A signature's names of inputs and outputs, by tensor index."""


class _MainGraph:
    """The first subgraph through tensor indexes: the fastest way in."""

    def __init__(
        self, model: str, interpreter: Any, input_names: dict[int, str], output_names: dict[int, str]
    ) -> None:
        self._model = model
        self._interpreter = interpreter
        interpreter.allocate_tensors()
        self.inputs = _by_name(interpreter.get_input_details(), input_names)
        self.outputs = _by_name(interpreter.get_output_details(), output_names)
        self._input_indexes = [(name, detail["index"]) for name, detail in self.inputs.items()]
        self._output_indexes = [(name, detail["index"]) for name, detail in self.outputs.items()]
        self._resizable = any(-1 in detail["shape_signature"] for detail in self.inputs.values())
        self._shapes = {name: tuple(detail["shape"]) for name, detail in self.inputs.items()}
        self._set_tensor = interpreter.set_tensor
        self._get_tensor = interpreter.get_tensor
        self._invoke = interpreter.invoke

    def invoke(self, inputs: Mapping[str, Array], out: Mapping[str, Array] | None) -> dict[str, Array]:
        if self._resizable:
            self._fit(inputs)
        for name, index in self._input_indexes:
            self._set_tensor(index, inputs[name])
        self._invoke()
        if out:
            return {name: self._read(name, index, out) for name, index in self._output_indexes}
        return {name: self._get_tensor(index) for name, index in self._output_indexes}

    def _fit(self, inputs: Mapping[str, Array]) -> None:
        shapes = {name: inputs[name].shape for name, _ in self._input_indexes}
        if shapes == self._shapes:
            return
        try:
            for name, index in self._input_indexes:
                # Not strict, a dimension that the model fixed could be changed, and came out wrong.
                self._interpreter.resize_tensor_input(index, shapes[name], strict=True)
            self._interpreter.allocate_tensors()
        except _TFLITE_ERRORS as error:
            self._shapes = {}  # half resized: the next run must resize again
            raise InputError(f"{self._model} cannot take the shapes {shapes}: {_short(error)}") from error
        self._shapes = shapes

    def _read(self, name: str, index: int, out: Mapping[str, Array]) -> Array:
        if name not in out:
            array: Array = self._get_tensor(index)
            return array
        shape = self._copy_to(out[name], index)
        _check_out_shape(self._model, name, out[name], shape)
        return out[name]

    def _copy_to(self, array: Array, index: int) -> tuple[int, ...]:
        """Copy a tensor where its shape allows, and return that shape.

        The view ends with this call: an Interpreter refuses to run while one lives, and an error that is
        raised from here and kept would keep it alive.
        """
        view = self._interpreter.tensor(index)()
        if view.shape == array.shape:
            np.copyto(array, view)
        shape: tuple[int, ...] = view.shape
        return shape


class _SignatureGraph:
    """One of several signatures, through LiteRT's own runner, which resizes and allocates by itself."""

    def __init__(self, model: str, interpreter: Any, key: str) -> None:
        self._model = model
        self._runner = interpreter.get_signature_runner(key)
        self.inputs: dict[str, Any] = self._runner.get_input_details()
        self.outputs: dict[str, Any] = self._runner.get_output_details()
        self._specs = [_spec(model, name, detail) for name, detail in self.inputs.items()]

    def invoke(self, inputs: Mapping[str, Array], out: Mapping[str, Array] | None) -> dict[str, Array]:
        for spec in self._specs:  # LiteRT's runner resizes without being strict
            if not spec.fits(inputs[spec.name].shape):
                raise InputError(f"{self._model}: input {spec} got shape {list(inputs[spec.name].shape)}")
        values: dict[str, Array] = self._runner(**inputs)
        for name, array in (out or {}).items():
            _check_out_shape(self._model, name, array, values[name].shape)
            np.copyto(array, values[name])
            values[name] = array
        return values


def _signature_key(model: str, interpreter: Any, asked: str | None) -> str | None:
    """The signature to run: the one asked for, or the only one; None where the file declares none."""
    keys = list(interpreter.get_signature_list())
    if asked is not None and asked not in keys:
        have = one_line(", ".join(keys)) if keys else "none"
        raise InputError(f"{model} has no signature {asked!r}; it has: {have}")
    if asked is None and len(keys) > 1:
        raise InputError(f"{model} has several signatures; choose one of them: {one_line(', '.join(keys))}")
    return asked or (keys[0] if keys else None)


def _names_of_main_graph(interpreter: Any, key: str | None) -> Names | None:
    """A signature's names, where it is the main graph itself; tensors go by their own where there is none.

    The signature runner must be gone when this returns: an Interpreter refuses to allocate beside one.
    """
    if key is None:
        return {}, {}
    # Subgraphs number their tensors alike: among several signatures, indexes do not tell whose they are.
    if len(interpreter.get_signature_list()) > 1:
        return None
    runner = interpreter.get_signature_runner(key)
    inputs = {detail["index"]: name for name, detail in runner.get_input_details().items()}
    outputs = {detail["index"]: name for name, detail in runner.get_output_details().items()}
    main_inputs = {detail["index"]: detail["name"] for detail in interpreter.get_input_details()}
    tensor_names = {detail["index"]: detail["name"] for detail in runner.get_input_details().values()}
    same = main_inputs == tensor_names and outputs.keys() == {
        detail["index"] for detail in interpreter.get_output_details()
    }
    return (inputs, outputs) if same else None


def _by_name(details: list[dict[str, Any]], names: Mapping[int, str]) -> dict[str, dict[str, Any]]:
    return {names.get(detail["index"], detail["name"]): detail for detail in details}


def _spec(model: str, name: str, detail: Mapping[str, Any]) -> TensorSpec:
    dtype = _SHORT_DTYPES.get(np.dtype(detail["dtype"]).name)
    if dtype is None:
        raise ModelError(f"{model}: {name!r} holds {detail['dtype']}, which is not supported")
    sizes = detail.get("shape_signature", ())
    sizes = sizes if len(sizes) else detail["shape"]
    shape = tuple(ANY if size < 0 else int(size) for size in sizes)
    scale, zero_point = detail["quantization"]
    # A scale on a float tensor is a leftover of the converter and means nothing.
    quantized = 0 < scale < math.inf and dtype in {"i8", "u8", "i16"}
    return TensorSpec(name, dtype, shape, Quantization(float(scale), int(zero_point)) if quantized else None)


def _check_out_shape(model: str, name: str, array: Array, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise InputError(f"{model}: output {name!r} is {list(shape)}, the array given {list(array.shape)}")


def _short(error: Exception) -> str:
    return one_line(" ".join(str(error).split()))
