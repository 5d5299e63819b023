"""Weights of 8 or 4 bits in small blocks, each with a scale of its own: ONNX Runtime's MatMulNBits."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto

from ..arrays import Feed
from ..passes.gemm_to_matmul import gemm_to_matmul
from .onnx_embeddings import embeddings, quantize_embeddings
from .onnx_model import constants_into_initializers, read_onnx, unkept, weighted, write_onnx
from .onnx_quantizing import finished

INT8_COMPUTE = 4
"""accuracy_level of MatMulNBits: activations are rounded to s8 block by block and multiplied as integers."""


def prepare(model: Path, calibration: Sequence[Feed] = (), *, bits: int, block: int) -> BlockWeights:
    """See `Prepare`; no calibration is used. bits: 4 or 8. block: inputs that share a scale, a power of 2 >=
    16."""
    plain = gemm_to_matmul(constants_into_initializers(read_onnx(model))).model
    tables = embeddings(plain)
    chosen = {*weighted(plain, ("MatMul",)), *tables}
    layers = tuple(node.name for node in plain.graph.node if node.name in chosen)
    return BlockWeights(plain, layers, frozenset(tables), str(model), bits, block)


@dataclass(frozen=True)
class BlockWeights:
    """See `Prepared`."""

    model: ModelProto
    layers: tuple[str, ...]
    tables: frozenset[str]
    told: str
    bits: int
    block: int

    def write(self, out: Path, keep: Collection[str] = ()) -> None:
        """See `Prepared.write`."""
        chosen = unkept(self.layers, keep, self.told)
        model = quantize_blocks(
            self.model, [name for name in chosen if name not in self.tables], self.bits, self.block
        )
        quantize_embeddings(model, [name for name in chosen if name in self.tables])
        write_onnx(finished(model), out)


def quantize_blocks(model: ModelProto, layers: Collection[str], bits: int, block: int) -> ModelProto:
    """A copy of the model in which these MatMul nodes have weights of so many bits, symmetric."""
    copy = ModelProto()
    copy.CopyFrom(model)
    if not layers:
        return copy
    with _quiet_root_logger():
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        logging.getLogger(MatMulNBitsQuantizer.__module__).setLevel(
            logging.ERROR
        )  # else a line for every node
    quantizer = MatMulNBitsQuantizer(
        copy,
        bits=bits,
        block_size=block,
        is_symmetric=True,
        accuracy_level=INT8_COMPUTE,
        nodes_to_include=sorted(layers),
        op_types_to_quantize=("none but those included",),
    )
    quantizer.process()
    done: ModelProto = quantizer.model.model
    return done


@contextlib.contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Puts the root logger back as it was: importing the library's module gives it a handler and level
    INFO."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
