"""A runner for the shapes that a model was compiled for, with one behind it for all others.

Some backends run a graph of fixed shapes a good deal faster than one with open dimensions. The caller may
still pass any shape that the model takes: others run in the model as it came, opened when they first come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .backends import Array, Runner


class FixedShapes:
    """See `edgeai.backends.Runner`.

    fixed: takes exactly these shapes, by input name; its specs are those of the model as it came.
    open_general: opens the model as it came; called once at most, and errors reach the caller of `run`.
    """

    def __init__(
        self, fixed: Runner, shapes: Mapping[str, tuple[int, ...]], open_general: Callable[[], Runner]
    ) -> None:
        self._fixed, self._shapes, self._open_general = fixed, tuple(shapes.items()), open_general
        self._general: Runner | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        self.inputs, self.outputs = fixed.inputs, fixed.outputs

    @property
    def provider(self) -> str | None:
        """See `Runner.provider`; of the fixed shapes."""
        return self._fixed.provider

    @property
    def provider_share(self) -> Mapping[str, float]:
        """See `Runner.provider_share`; of the fixed shapes."""
        return self._fixed.provider_share

    def run(self, inputs: Mapping[str, Array], out: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """See `Runner.run`. The first call with other shapes also opens a model."""
        for name, shape in self._shapes:
            if inputs[name].shape != shape:
                return self._for_others().run(inputs, out)
        return self._fixed.run(inputs, out)

    def reset(self) -> None:
        """See `Runner.reset`."""
        self._fixed.reset()
        if self._general is not None:
            self._general.reset()

    def close(self) -> None:
        """See `Runner.close`."""
        with self._lock:
            self._is_closed = True
            general, self._general = self._general, None
        self._fixed.close()
        if general is not None:
            general.close()

    def _for_others(self) -> Runner:
        with self._lock:  # two first calls at once open one model
            if self._is_closed:
                return self._fixed  # which says that it is closed
            if self._general is None:
                self._general = self._open_general()
            return self._general
