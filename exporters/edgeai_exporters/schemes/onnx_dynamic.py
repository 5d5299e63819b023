"""Dynamic int8 of ONNX: weights as s8, activations quantized to u8 at each run by what they hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto
from onnxruntime.quantization import QuantizationMode, QuantType
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer

from ..arrays import Feed
from ..passes.gemm_to_matmul import gemm_to_matmul
from .feeds import check_feeds
from .onnx_embeddings import embeddings, quantize_embeddings
from .onnx_model import constants_into_initializers, read_onnx, unkept, weighted, write_onnx
from .onnx_nbits import quantize_blocks
from .onnx_quantizing import finished, fused, ready
from .smoothing import Smoothing, groups, plan, smooth
from .tapping import tap

OPERATORS = ("MatMul",)
"""Gemm is made a MatMul first. Conv is left out: ConvInteger took 5 to 8 times as long as the float
convolution (export.md)."""
KEPT_BITS, KEPT_BLOCK = 8, 128
"""Of `mixed`. Blocks of 128 are a fifth faster than of 32, and the sentences of MiniLM lay within 0.0001 of
each other in cosine."""


def prepare(
    model: Path,
    calibration: Sequence[Feed] = (),
    *,
    per_channel: bool = True,
    reduce_range: bool = False,
    smoothed: bool = False,
    mixed: bool = False,
) -> Dynamic:
    """See `Prepare`. Embedding tables become s8 as well.

    per_channel: a scale for every column of the weights. reduce_range: weights of 7 bits, for x86 without
    VNNI, whose u8 x s8 sums saturate at 16 bits. smoothed: see `smoothing`; this alone needs calibration.
    mixed: the MatMuls in `keep` get weights of 8 bits in blocks, with activations rounded block by block,
    instead of staying in float: nearly exact, and faster than float.
    """
    if smoothed:
        check_feeds(model, calibration, "smoothed dynamic int8")
    plain = ready(gemm_to_matmul(constants_into_initializers(fused(read_onnx(model)))).model)
    tables, matmuls = embeddings(plain), weighted(plain, OPERATORS)
    smoothings = plan(plain, matmuls, tap(plain, groups(plain, matmuls), calibration)) if smoothed else {}
    layers = tuple(node.name for node in plain.graph.node if node.name in {*tables, *matmuls})
    return Dynamic(plain, layers, frozenset(tables), str(model), per_channel, reduce_range, smoothings, mixed)


@dataclass(frozen=True)
class Dynamic:
    """See `Prepared`."""

    model: ModelProto
    layers: tuple[str, ...]
    tables: frozenset[str]
    told: str
    per_channel: bool
    reduce_range: bool
    smoothings: Mapping[str, Smoothing]
    mixed: bool

    def write(self, out: Path, keep: Collection[str] = ()) -> None:
        """See `Prepared.write`."""
        chosen = unkept(self.layers, keep, self.told)
        model = self._quantized([name for name in chosen if name not in self.tables])
        quantize_embeddings(model, [name for name in chosen if name in self.tables])
        if self.mixed:
            rest = [name for name in self.layers if name in set(keep) and name not in self.tables]
            model = quantize_blocks(model, rest, KEPT_BITS, KEPT_BLOCK)
        write_onnx(finished(model), out)

    def _quantized(self, layers: Sequence[str]) -> ModelProto:
        model = ModelProto()
        model.CopyFrom(self.model)
        if not layers:
            return model
        smooth(model, self.smoothings, layers)
        quantizer = ONNXQuantizer(
            model,
            self.per_channel,
            self.reduce_range,
            QuantizationMode.IntegerOps,
            False,  # not static
            QuantType.QInt8,
            QuantType.QUInt8,
            None,
            list(layers),
            [],
            list(OPERATORS),
            {"MatMulConstBOnly": True},
        )
        quantizer.quantize_model()
        done: ModelProto = quantizer.model.model
        return done
