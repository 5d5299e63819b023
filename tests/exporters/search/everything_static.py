"""Static quantization of every operator that onnxruntime can quantize, as a scheme: what people try first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import ModelProto
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from edgeai_exporters.arrays import Feed
from edgeai_exporters.schemes.calibrating import calibrate
from edgeai_exporters.schemes.onnx_model import constants_into_initializers, read_onnx, unkept, write_onnx
from edgeai_exporters.schemes.onnx_quantizing import finished, ready


def prepare(model: Path, calibration: Sequence[Feed], *, operators: Sequence[str] = ()) -> EverythingStatic:
    """operators: which to quantize; all that the library can where empty."""
    kinds = tuple(operators) or tuple({*QDQRegistry, *QLinearOpsRegistry})
    ready_model = ready(constants_into_initializers(read_onnx(model)))
    ranges = calibrate(ready_model, calibration, "minmax", kinds)
    layers = tuple(node.name for node in ready_model.graph.node if node.op_type in kinds)
    return EverythingStatic(ready_model, layers, ranges, kinds)


@dataclass(frozen=True)
class EverythingStatic:
    """See `Prepared`."""

    model: ModelProto
    layers: tuple[str, ...]
    ranges: Any
    kinds: tuple[str, ...]

    def write(self, out: Path, keep: Collection[str] = ()) -> None:
        """See `Prepared.write`."""
        layers = unkept(self.layers, keep, "everything")
        model = ModelProto()
        model.CopyFrom(self.model)
        if layers:
            kind = QuantType.QUInt8
            quantizer = QDQQuantizer(
                *(
                    model,
                    True,
                    False,
                    QuantType.QInt8,
                    kind,
                    dict(self.ranges),
                    layers,
                    [],
                    list(self.kinds),
                    {},
                )
            )
            quantizer.quantize_model()
            model = quantizer.model.model
        write_onnx(finished(model), out)
