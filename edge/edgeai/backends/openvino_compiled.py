"""A model that OpenVINO has compiled for this CPU, and which of its ports is which input and output."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ..bundle import ANY, TensorSpec
from ..errors import ModelError, one_line
from ..graph import UNKNOWN_RANK
from .openvino_library import ov
from .openvino_signature import Signature, read_signature

if TYPE_CHECKING:
    from pathlib import Path

    from ..bundle import Variant
    from . import RunOptions

OPENVINO_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, OverflowError, MemoryError)
"""What the bindings make of C++'s exceptions; OpenVINO's own come as RuntimeError."""

DEVICE = "CPU"


@dataclass(frozen=True)
class Compiled:
    """input_ports, output_ports: OpenVINO's numbers of the signature's inputs and outputs, in its order.
    mapping: what has to outlive every use of the model.
    """

    model: Any
    signature: Signature
    input_ports: tuple[int, ...]
    output_ports: tuple[int, ...]
    mapping: object = None


def version() -> str:
    """Version of the openvino package, without the build: 2026.4.1."""
    return str(ov.__version__).partition("-")[0]


def compiled(variant: Variant, options: RunOptions) -> Compiled:
    """Read and compile a file, or read what is compiled already from `options.cache`.

    Raises ModelError for what OpenVINO cannot run or would compute wrongly.
    """
    if options.cache is not None:
        from .openvino_blob import import_blob

        model, signature, mapping = import_blob(options.cache, settings(options))
    else:
        mapping = None
        signature = read_signature(variant, options.signature).with_sizes(options.tuning.sizes)
        model = compile_file(variant.path, signature, options)
    return _told_apart(variant.path, model, signature, mapping)


def compile_file(path: Path, signature: Signature, options: RunOptions) -> Any:
    """OpenVINO's CompiledModel of an ONNX or TFLite file. Raises ModelError."""
    try:
        model = core().read_model(str(path))
        if options.tuning.sizes or options.tuning.shapes:
            model.reshape(_partial_shapes(path, model, signature, options.tuning.shapes))
        return core().compile_model(model, DEVICE, settings(options))
    except OPENVINO_ERRORS as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{one_line(path)} cannot be loaded by OpenVINO: {short(error)}") from error


@cache
def core() -> Any:
    """One for the process; it writes nothing to disk, as long as it is given no CACHE_DIR."""
    return ov.Core()


def settings(options: RunOptions) -> dict[str, Any]:
    """As OpenVINO calls them.

    f32: where the CPU has bf16 or f16, OpenVINO would compute in these and give other numbers; for the same
    reason weights in 8 bits get no activations in 8 bits (DYNAMIC_QUANTIZATION_GROUP_SIZE).
    NUM_STREAMS: with a stream of one thread, OpenVINO 2026.4.1 loses errors of dynamic shapes, and hands out
    the last call's outputs or dies; without one, which is as fast, the calling thread runs all and raises.
    A process that may use one CPU alone gets a stream of one thread, whatever it asks for.
    Pinning fails in containers that may not use every CPU. Hyper-threading on means that there are as many
    threads as were asked for, also where CPUs share a core.
    """
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 0 if min(options.threads, len(os.sched_getaffinity(0))) == 1 else 1,
        "INFERENCE_NUM_THREADS": options.threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        "ENABLE_CPU_PINNING": False,
        "ENABLE_HYPER_THREADING": True,
    }


def short(error: Exception) -> str:
    """OpenVINO's message on one line, without the places in its source."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not _PLACE.match(line)]
    return one_line(" ".join(told or lines) or type(error).__name__)


_PLACE = re.compile(r"Exception from |Check '.*' failed at |FrontEnd API failed with ")


def _partial_shapes(
    path: Path, model: Any, signature: Signature, shapes: Mapping[str, tuple[int, ...]]
) -> dict[int, Any]:
    ports = _ports(path, model.inputs, signature.inputs, signature.input_tensors)
    return {
        port: ov.PartialShape(
            [size if isinstance(size, int) else -1 for size in shapes.get(spec.name, spec.shape)]
        )
        for port, spec in zip(ports, signature.inputs, strict=True)
    }


def _told_apart(path: Path, model: Any, signature: Signature, mapping: object) -> Compiled:
    inputs = _ports(path, model.inputs, signature.inputs, signature.input_tensors)
    outputs = _ports(path, model.outputs, signature.outputs, signature.output_tensors)
    ranked = tuple(
        _ranked(spec, model.outputs[port]) for spec, port in zip(signature.outputs, outputs, strict=True)
    )
    told = Signature(signature.inputs, ranked, signature.input_tensors, signature.output_tensors)
    return Compiled(model, told, inputs, outputs, mapping)


def _ports(
    path: Path, ports: Sequence[Any], specs: Sequence[TensorSpec], tensors: Sequence[str]
) -> tuple[int, ...]:
    """The number of each tensor's port. OpenVINO keeps the file's order and gives a port one name or more."""
    names = [_names(path, port) for port in ports]
    found = []
    for place, (spec, tensor) in enumerate(zip(specs, tensors, strict=True)):
        having = [number for number, those in enumerate(names) if tensor in those]
        number = place if place in having else having[0] if len(having) == 1 else None
        dtype = (
            None
            if number is None
            else ports[number].get_element_type().to_string().replace("boolean", "bool")
        )
        if number is None or dtype != spec.dtype:
            raise ModelError(
                f"{one_line(path)} cannot be run by OpenVINO: it has {spec}, and OpenVINO "
                f"{dtype or 'nothing of that name'}; "
                "use another backend"
            )
        found.append(number)
    if len(set(found)) != len(names):
        raise ModelError(
            f"{one_line(path)} cannot be run by OpenVINO, which sees {len(names)} inputs or outputs where "
            f"the file has {len(specs)}; use another backend"
        )
    return tuple(found)


def _names(path: Path, port: Any) -> set[str]:
    try:
        names: set[str] = port.get_names()
    except UnicodeDecodeError:  # OpenVINO hands over what the file holds
        raise ModelError(f"{one_line(path)} is damaged: a name of an input or output is not UTF-8") from None
    return names


def _ranked(spec: TensorSpec, port: Any) -> TensorSpec:
    """With the rank that OpenVINO inferred where the file gives none."""
    shape = port.get_partial_shape()
    if spec.shape != UNKNOWN_RANK or shape.rank.is_dynamic:
        return spec
    sizes = tuple(ANY if size.is_dynamic else size.get_length() for size in shape)
    return TensorSpec(spec.name, spec.dtype, sizes, spec.quantization)
