"""Data that are pictures: a folder, a folder a class, or a table of files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeai.bundle import TensorSpec, list_specs
from edgeai.errors import ExportError, one_line

from . import Data
from .files import files_data
from .listing import list_samples
from .options import DataOptions
from .steps import Steps, make_steps

_CHANNELS = (1, 3)


def open_images(spec: str, inputs: Sequence[TensorSpec], options: DataOptions) -> Data:
    """Pictures through the declared steps, or through default ones (`default_steps`), which a note tells.

    Raises ExportError, naming the file, for what cannot be read.
    """
    listing = list_samples(spec, "image", options.labels)
    if options.steps is not None:
        if options.steps.kind != "image":
            raise ExportError(f"{one_line(spec)} holds pictures, and the steps take {options.steps.kind}")
        return files_data(spec, "images", listing, options.steps)
    steps, note = default_steps(inputs)
    return files_data(spec, "images", listing, steps, (note,))


def default_steps(inputs: Sequence[TensorSpec]) -> tuple[Steps, str]:
    """Steps that suit a model of one picture, and in words what they do.

    The picture is resized to the input's height and width, whatever its shape; made grey where the input has
    one channel; an f32 or f16 input gets 0 to 1, a u8 one 0 to 255. Raises ExportError where the input is no
    picture of a fixed size.
    """
    layout, height, width, channels = _picture(inputs)
    is_float = inputs[0].dtype in {"f32", "f16"} or inputs[0].quantization is not None
    if not is_float and inputs[0].dtype != "u8":
        raise ExportError(
            f"the model wants {inputs[0]}, and how pictures become that is unknown; give --steps"
        )
    pre: list[dict[str, Any]] = [{"op": "decode@1"}, {"op": "resize@1", "size": [width, height]}]
    if channels == 1:
        pre.append({"op": "color@1", "to": "GRAY"})
    if is_float:
        pre.append({"op": "normalize@1"})
    pre.append({"op": "layout@1", "to": layout, "dtype": "f32" if is_float else "u8"})
    colour = "grey" if channels == 1 else "RGB"
    note = (
        f"pictures are resized to {width} x {height}, {colour}, {'0 to 1' if is_float else '0 to 255'}, "
        f"{layout}; give --steps if the model was trained otherwise"
    )
    return make_steps({"kind": "image"}, pre, inputs), note


def _picture(inputs: Sequence[TensorSpec]) -> tuple[str, int, int, int]:
    """Layout, height, width and channels of the only input."""
    if len(inputs) != 1 or len(inputs[0].shape) not in {3, 4}:
        raise ExportError(f"the model wants {list_specs(inputs)}, which is no picture; give --steps")
    shape = inputs[0].shape
    batch, sizes = ("N", shape[1:]) if len(shape) == 4 else ("", shape)
    if sizes[0] in _CHANNELS and sizes[2] not in _CHANNELS:
        layout, (channels, height, width) = f"{batch}CHW", sizes
    elif sizes[2] in _CHANNELS and sizes[0] not in _CHANNELS:
        layout, (height, width, channels) = f"{batch}HWC", sizes
    else:
        raise ExportError(
            f"the model wants {inputs[0]}, of which 1 or 3 channels cannot be told; give --steps"
        )
    if not isinstance(height, int) or not isinstance(width, int):
        raise ExportError(
            f"the model wants {inputs[0]}, pictures of any size; give --steps with a resize@1, or a fixed "
            "--shape"
        )
    assert isinstance(channels, int)
    return layout, height, width, channels
