"""Every precision of TFLite, by litert-quantizer: dynamic, static and 16x8 integers, small weights, f16."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import re
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litert_quantizer import quantizer as litert
from litert_quantizer.algorithm_manager import AlgorithmName
from litert_quantizer.calibrator import Calibrator
from litert_quantizer.qtyping import TFLOperationName
from litert_quantizer.recipe_manager import RecipeManager
from litert_quantizer.utils import qsv_utils

from edgeai.errors import ExportError, one_line
from edgeai.whole_file import write_whole

from ..arrays import Feed
from .feeds import check_feeds
from .onnx_model import unkept
from .remembered import remembered
from .tflite_model import Operator, layers_of, read_operators, with_followers

WEIGHTED = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE", "BATCH_MATMUL")
TABLES = ("EMBEDDING_LOOKUP",)
KINDS = ("dynamic", "weights", "static")


def prepare(
    model: Path,
    calibration: Sequence[Feed] = (),
    *,
    kind: str,
    bits: int = 8,
    activation_bits: int = 8,
    float_io: bool = True,
) -> Quantizing:
    """See `Prepare`. Weights are symmetric, with a scale for every channel.

    kind: `dynamic` (activations are quantized at each run), `weights` (computed in float; 16 bits are f16) or
    `static`. bits: of weights. activation_bits: of `static`, 8 or 16. float_io: whether `static` leaves
    inputs and outputs in float.
    """
    if kind not in KINDS:
        raise ExportError(f"no kind {one_line(kind)!r} of quantizing TFLite; there are: {', '.join(KINDS)}")
    operators = read_operators(model)
    codes = WEIGHTED if kind == "static" else (*WEIGHTED, *TABLES)
    settings = _Settings(kind, bits, activation_bits, float_io)
    ranges = None
    if kind == "static":
        check_feeds(model, calibration, f"static int{activation_bits}")
        ranges = _calibrate(model, calibration, settings)
    supported = tuple(
        name for name in layers_of(operators, codes) if _is_supported(operators, name, settings)
    )
    return Quantizing(model.read_bytes(), operators, supported, str(model), settings, ranges)


@dataclass(frozen=True)
class _Settings:
    kind: str
    bits: int
    activation_bits: int
    float_io: bool

    def add(
        self, recipe: Any, scope: str, operation: TFLOperationName = TFLOperationName.ALL_SUPPORTED
    ) -> None:
        """Add the rule for what matches the scope to a Quantizer or a RecipeManager."""
        if self.kind == "dynamic":
            recipe.add_dynamic_config(scope, operation, num_bits=self.bits)
        elif self.kind == "static":
            recipe.add_static_config(
                scope, operation, activation_num_bits=self.activation_bits, weight_num_bits=self.bits
            )
        elif self.bits == 16:
            recipe.add_weight_only_config(
                scope, operation, num_bits=16, algorithm_key=AlgorithmName.FLOAT_CASTING
            )
        else:
            recipe.add_weight_only_config(scope, operation, num_bits=self.bits)


@dataclass(frozen=True)
class Quantizing:
    """See `Prepared`."""

    content: bytes
    operators: tuple[Operator, ...]
    layers: tuple[str, ...]
    told: str
    settings: _Settings
    ranges: Mapping[str, Any] | None

    def write(self, out: Path, keep: Collection[str] = ()) -> None:
        """See `Prepared.write`."""
        chosen = unkept(self.layers, keep, self.told)
        write_whole(out, self._quantized(chosen) if chosen else self.content)

    def _quantized(self, layers: Sequence[str]) -> bytes:
        quantizer = litert.Quantizer(self.content)
        for operator in self._operators(layers):
            self.settings.add(quantizer, f"^{re.escape(operator.scope)}$", TFLOperationName(operator.code))
        if self.settings.kind == "static" and not self.settings.float_io:
            for operation in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
                self.settings.add(quantizer, ".*", operation)
        try:
            with _quiet():
                result = quantizer.quantize(
                    self.ranges, enable_progress_bar=False, enable_progress_report=False
                )
        except Exception as error:  # the library has no error of its own
            raise ExportError(
                f"litert-quantizer cannot quantize {one_line(self.told)}: {one_line(error)}"
            ) from error
        return bytes(result.quantized_model)

    def _operators(self, layers: Sequence[str]) -> list[Operator]:
        if self.settings.kind != "static":
            return [operator for operator in self.operators if operator.name in set(layers)]
        return with_followers(self.operators, layers, [operation.value for operation in TFLOperationName])


def _calibrate(model: Path, feeds: Sequence[Feed], settings: _Settings) -> Mapping[str, Any]:
    """Least and greatest value of every tensor over all feeds.

    The library's Quantizer.calibrate would take a moving average, which forgets what is rare.
    """
    content = model.read_bytes()

    def compute() -> Mapping[str, Any]:
        recipe = RecipeManager()
        settings.add(recipe, ".*")
        try:
            with _quiet():
                calibrator = Calibrator(
                    content, num_threads=os.cpu_count() or 1, qsv_update_func=qsv_utils.min_max_update
                )
                signature = next(iter(calibrator.get_signature_list()), None)
                calibrator.calibrate({signature: [dict(feed) for feed in feeds]}, recipe)
        except Exception as error:  # the library has no error of its own
            raise ExportError(f"a calibration sample does not run: {one_line(error)}") from error
        ranges: Mapping[str, Any] = calibrator.get_model_qsvs()
        return ranges

    # Copied, since the library writes into what it is given.
    return copy.deepcopy(remembered(("tflite ranges", settings), content, feeds, compute))


def _is_supported(operators: Sequence[Operator], layer: str, settings: _Settings) -> bool:
    """Whether the library has this kind and these bits for the operator."""
    operator = next(operator for operator in operators if operator.name == layer)
    recipe = RecipeManager()
    settings.add(recipe, ".*")
    algorithm, _ = recipe.get_quantization_configs(TFLOperationName(operator.code), operator.scope)
    return bool(algorithm != AlgorithmName.NO_QUANTIZE)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the library's progress bars, which have no switch, off the screen, and a warning that it causes
    itself:
    that all tensors are kept, which takes memory, is what calibration is.
    """
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.filterwarnings("ignore", ".*experimental_preserve_all_tensors.*", UserWarning)
        yield
