"""A Keras 3 model as ONNX, by its torch backend and torch.export: no TensorFlow.

Keras' own `model.export(format="onnx")` takes PyTorch's older exporter where the batch is open, and leaves
three times the nodes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeai.errors import ExportError, UsageError, one_line
from edgeai.extras import require

from ..arrays import Array
from ..exported import Exported
from .open_sizes import BATCH, OpenSizes, open_sizes
from .options import SourceOptions
from .torch_by_name import Named
from .torch_examples import varied
from .torch_module import prove_or_remove, run_once, versions
from .torch_to_onnx import export_program, reference_of, to_onnx
from .writing import write_onnx


def export_keras(
    model: Any, name: str, folder: Path, options: SourceOptions, provenance: Mapping[str, Any]
) -> Exported:
    """The model as ONNX, proven against itself. What it leaves open (None) stays open; `options` fix or
    narrow it.

    Raises ExportError for a model without declared inputs, on another backend, or that cannot be exported.
    """
    keras = require("keras", "keras", "exporting Keras models")
    _check_backend(keras, name)
    declared = _declared(model, name)
    module = _by_name(model, keras, tuple(declared))
    module.eval()
    shapes = {key: _shape(key, tensor, options, len(declared)) for key, tensor in declared.items()}
    examples = {key: _example(shape, str(declared[key].dtype), options) for key, shape in shapes.items()}
    sizes = _sizes(shapes, examples, options)
    run = reference_of(module)
    outputs = tuple(run_once(run, examples, name))
    program = export_program(module, sizes.example(examples), sizes, name)
    proto, done = to_onnx(program, sizes, outputs, name, options.opset)
    out = write_onnx(proto, folder / f"{name}.onnx")
    feeds = varied(examples, sizes, options.seed)
    worst = prove_or_remove(out, run, feeds, name)
    done.append(f"torch.export, differs from Keras by {worst:.2g} on {len(feeds)} inputs")
    told = {**provenance, "versions": {"keras": keras.__version__, **versions()}, "done": done}
    return Exported(name, "onnx", out, run, (examples,), told)


def _by_name(model: Any, keras: Any, names: tuple[str, ...]) -> Any:
    """A Keras model as a module that takes its inputs by name, in evaluation."""

    def call(**inputs: Any) -> Any:
        flat = [inputs[name] for name in names]
        given = flat[0] if len(flat) == 1 else keras.tree.pack_sequence_as(model.input, flat)
        return model(given, training=False)

    return Named(model, names, call)


def _check_backend(keras: Any, name: str) -> None:
    backend = keras.backend.backend()
    if backend != "torch":
        raise ExportError(
            f"{one_line(name)}: Keras runs on {one_line(backend)} here, and models are exported by its torch "
            "backend; set KERAS_BACKEND=torch"
        )


def _declared(model: Any, name: str) -> dict[str, Any]:
    """The inputs by names that code can have. Raises ExportError where the model does not declare them."""
    declared = getattr(model, "inputs", None)
    if not declared:
        raise ExportError(
            f"{one_line(name)} does not say what it takes; make it with keras.Input for every input, as "
            "keras.Model(inputs, outputs) or as the first layer of keras.Sequential"
        )
    return {_name(tensor.name, place, len(declared)): tensor for place, tensor in enumerate(declared)}


def _name(name: str, place: int, count: int) -> str:
    """The user's name for an input; one of Keras' own counts all tensors of the process, so ours by place."""
    if re.fullmatch(r"(keras_tensor|input_layer)(_\d+)?", name):
        return "input" if count == 1 else f"input_{place}"
    made = re.sub(r"\W", "_", name)
    return made if made.isidentifier() else f"input_{made}"


def _shape(name: str, tensor: Any, options: SourceOptions, inputs: int) -> tuple[int | str, ...]:
    """As the user wants it, else as declared, with names for what is open. Raises UsageError."""
    own = tuple(
        size if size is not None else (f"{name}_{axis}" if axis else BATCH)
        for axis, size in enumerate(tensor.shape)
    )
    wanted = options.shapes.get(name, options.shapes.get("", own) if inputs == 1 else own)
    fits = len(wanted) == len(own) and all(
        isinstance(have, str) or want == have for want, have in zip(wanted, own, strict=True)
    )
    if not fits:
        raise UsageError(
            f"shape {'x'.join(map(str, wanted))} does not fit input {name!r}, which is {list(tensor.shape)}"
        )
    return wanted


def _example(shape: tuple[int | str, ...], dtype: str, options: SourceOptions) -> Array:
    random = np.random.default_rng(options.seed)
    sizes = [size if isinstance(size, int) else max(2, options.dims.get(size, (1, 1))[0]) for size in shape]
    if np.dtype(dtype).kind == "f":
        return random.standard_normal(sizes).astype(dtype)
    return random.integers(0, 2, sizes).astype(dtype)


def _sizes(
    shapes: Mapping[str, tuple[int | str, ...]], examples: Mapping[str, Array], options: SourceOptions
) -> OpenSizes:
    return open_sizes(
        {name: array.shape for name, array in examples.items()}, replace(options, shapes=dict(shapes))
    )
