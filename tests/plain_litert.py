"""LiteRT without XNNPACK, as an application's own backend: the kernels that the wake word's package runs."""

from __future__ import annotations

from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgeai.backends import RunOptions
from edgeai.backends.tflite import TfliteRunner
from edgeai.bundle import Variant


class PlainLiteRt:
    """XNNPACK rounds sums of int8 in another place: probabilities move by some 256ths."""

    name = "plain-litert"

    def version(self) -> str:
        """Of no account."""
        return "0"

    def open(self, variant: Variant, options: RunOptions) -> TfliteRunner:
        """See `Backend.open`."""
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES

        def interpreter() -> Any:
            return Interpreter(
                str(variant.path), num_threads=options.threads, experimental_op_resolver_type=plain
            )

        return TfliteRunner(variant.path, interpreter, options)
