"""A model within a pipeline: makes feeds from values, and keeps the state that a stream needs."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..bundle.declared import Context, Internal, Loop
from ..bundle.types import NUMPY_DTYPES, Model, TensorSpec, list_specs
from ..errors import InputError, RunError, SessionClosed, one_line
from .values import Image, Signal

if TYPE_CHECKING:
    from .values import Array


class Runs(Protocol):
    """What a pipeline needs of an opened model; `Session` is one."""

    inputs: tuple[TensorSpec, ...]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run once."""

    def reset(self) -> None:
        """Forget state kept inside the model."""

    def close(self) -> None:
        """Free the model."""


class ModelPort:
    """An opened model and how its inputs are filled. Streams share it, each with a `ModelState` of its own.

    opened: the model. open_another: opens it once more; asked only where the model keeps state inside itself
    and several streams run at once.
    """

    def __init__(self, model: Model, opened: Runs, open_another: Callable[[], Runs]) -> None:
        self.model = model
        self._opened, self._open_another = opened, open_another
        self._is_closed = False
        self._others: list[Runs] = []
        # Reentrant: a stream that is collected gives its model back wherever that happens.
        self._lock = threading.RLock()
        self._idle: list[Runs] = [opened]
        self.keeps_inside = any(isinstance(state, Internal) for state in model.state)
        self.loops = tuple(state for state in model.state if isinstance(state, Loop))
        self.contexts = tuple(state for state in model.state if isinstance(state, Context))
        # As declared: a file may leave open what the manifest fixes.
        self.specs = {
            spec.name: model.inputs[spec.name].spec if spec.name in model.inputs else spec
            for spec in opened.inputs
        }
        self.constants = {
            name: _filled(self.specs[name], declared.value)
            for name, declared in model.inputs.items()
            if declared.value is not None
        }
        looped = {loop.input for loop in self.loops}
        self.free = tuple(name for name in self.specs if name not in looped and name not in self.constants)
        """Inputs that the caller fills."""
        self._extra = {context.input: context.size for context in self.contexts}

    def take(self) -> Runs:
        """The opened model for one stream: shared, or one of its own where state lies inside."""
        if not self.keeps_inside:
            return self._opened
        with self._lock:
            if self._is_closed:
                raise SessionClosed(f"the session of {self.model.name!r} is closed; open it again")
            runs = self._idle.pop() if self._idle else None
            if runs is None:
                runs = self._open_another()
                self._others.append(runs)
                return runs
        runs.reset()
        return runs

    def give_back(self, runs: Runs) -> None:
        """A stream has ended: the next may have its model."""
        if self.keeps_inside:
            with self._lock:
                self._idle.append(runs)

    def close(self) -> None:
        """Free what streams opened; the first one belongs to the session."""
        with self._lock:
            others, self._others, self._idle = self._others, [], []
            self._is_closed = True
        for runs in others:
            runs.close()

    def feed(self, value: Any, where: str) -> dict[str, Array]:
        """Arrays by input name for the inputs that the caller fills.

        value: an Image, a Signal, an array, or a mapping of arrays by name. Raises InputError.
        """
        if isinstance(value, Mapping):
            unknown = [name for name in value if name not in self.free]
            if unknown or len(value) != len(self.free):
                given = one_line(", ".join(map(str, value)))
                wanted = list_specs(self.specs[name] for name in self.free)
                raise InputError(f"{where}: model {self.model.name!r} got {given}; it wants {wanted}")
            return {name: self._fit(name, array, where) for name, array in value.items()}
        if len(self.free) != 1:
            raise InputError(
                f"{where}: model {self.model.name!r} wants {list_specs(self.specs[n] for n in self.free)}, "
                f"the steps before it gave one {type(value).__name__}"
            )
        return {self.free[0]: self._fit(self.free[0], value, where)}

    def _fit(self, name: str, value: Any, where: str) -> Array:
        """An array of the input's dtype and number of dimensions; missing ones are put in front."""
        spec = self.specs[name]
        try:
            array = np.asarray(_array(value, where))
        except ValueError as error:  # lists of different lengths
            raise InputError(f"{where}: input {spec} got no array: {one_line(error)}") from None
        if array.dtype.kind not in "biufc" and spec.dtype != "str":
            raise InputError(f"{where}: input {spec} got a {type(value).__name__}, which is no array")
        array = array.astype(NUMPY_DTYPES[spec.dtype], copy=False)
        missing = len(spec.shape) - array.ndim
        if missing > 0:
            array = self._widen(array, name, missing)
        return np.ascontiguousarray(array)

    def _widen(self, array: Array, name: str, missing: int) -> Array:
        spec = self.specs[name]
        # [43844] for [1, 43844, 1]: ones may belong at the end as well, and only fixed sizes tell.
        sizes = tuple(size for size in spec.shape if isinstance(size, int))
        if spec.is_static and name not in self._extra and array.size == math.prod(sizes):
            return array.reshape(sizes)
        return array[(np.newaxis,) * missing]


class ModelState:
    """What one stream keeps for a model between its runs."""

    def __init__(self, port: ModelPort) -> None:
        self._port = port
        self._runs: Runs | None = None
        self.forget()

    def forget(self) -> None:
        """Start from the beginning, as a new stream does."""
        port = self._port
        self._loops = {loop.input: _filled(port.specs[loop.input], loop.initial) for loop in port.loops}
        self._contexts: dict[str, Array] = {}
        if self._runs is not None:
            self._runs.reset()

    def run(self, feed: dict[str, Array], where: str) -> dict[str, Array]:
        """Run once with the state of this stream, and keep what comes out for the next."""
        if self._runs is None:
            self._runs = self._port.take()
        feed = {**feed, **self._port.constants, **self._loops}
        for context in self._port.contexts:
            feed[context.input] = self._with_context(context, feed[context.input])
        outputs = self._runs.run(feed)
        for loop in self._port.loops:
            if loop.output not in outputs:
                raise RunError(
                    f"{where}: {self._port.model.name!r} gave no output {loop.output!r} to feed back"
                )
            self._loops[loop.input] = outputs[loop.output]
        return outputs

    def close(self) -> None:
        """The stream has ended."""
        if self._runs is not None:
            self._port.give_back(self._runs)
            self._runs = None

    def _with_context(self, context: Context, array: Array) -> Array:
        """The elements with the last ones before them in front, along the last axis."""
        before = self._contexts.get(context.input)
        if before is None:
            before = np.zeros((*array.shape[:-1], context.size), array.dtype)
        both: Array = np.concatenate([before, array], axis=-1)
        self._contexts[context.input] = both[..., -context.size :]
        return both


def _filled(spec: TensorSpec, value: float | int | None) -> Array:
    """An array of the input's shape, symbolic sizes as 1, filled with one number."""
    shape = tuple(size if isinstance(size, int) else 1 for size in spec.shape)
    try:
        with np.errstate(over="ignore"):  # beyond f32 is infinite, which a model may be given
            return np.full(shape, 0 if value is None else value, NUMPY_DTYPES[spec.dtype])
    except (OverflowError, ValueError, MemoryError) as error:
        raise InputError(f"input {spec} cannot be filled with {value}: {one_line(error)}") from None


def _array(value: Any, where: str) -> Any:
    if isinstance(value, Image):
        return value.pixels
    if isinstance(value, Signal):
        return value.values
    if isinstance(value, (np.ndarray, np.generic, int, float, list)):
        return value
    raise InputError(f"{where}: a model takes arrays, and the steps before it gave a {type(value).__name__}")
