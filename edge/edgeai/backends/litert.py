"""LiteRT, Google's successor of TensorFlow Lite, from the package ai-edge-litert."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

from ai_edge_litert.interpreter import Interpreter

from . import lacks_providers
from .tflite import TfliteRunner

if TYPE_CHECKING:
    from ..bundle import Needs, Variant
    from . import RunOptions


class LiteRt:
    """The backend; see `edgeai.backends.Backend`."""

    name = "litert"

    def version(self) -> str:
        """Version of the ai-edge-litert package."""
        return importlib.metadata.version("ai-edge-litert")

    def lacks(self, needs: Needs) -> str | None:
        """See `Backend.lacks`."""
        return lacks_providers(needs, ("cpu",))

    def open(self, variant: Variant, options: RunOptions) -> TfliteRunner:
        """Open a TFLite file with explicit threads; XNNPACK is on, as LiteRT's default."""

        def interpreter() -> Any:
            return Interpreter(str(variant.path), num_threads=options.threads)

        return TfliteRunner(variant.path, interpreter, options)
