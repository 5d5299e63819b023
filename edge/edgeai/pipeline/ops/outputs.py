"""What the steps behind a model share: the tensor they take, and the picture that went in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...errors import InputError, one_line
from ..values import Image, Outputs

if TYPE_CHECKING:
    from ..values import Array


def name_of(value: Outputs, tensor: str | None, parameter: str = "tensor") -> str:
    """The output that a step's parameter names, or the only one. Raises InputError."""
    if tensor is None and len(value.answers) == 1:
        return next(iter(value.answers))
    if tensor is not None and tensor in value.tensors:
        return tensor
    wrong = "is missing" if tensor is None else f"is {tensor!r}"
    raise InputError(one_line(f"{parameter} {wrong}; the model's outputs are {', '.join(value.tensors)}"))


def pick(value: Outputs, tensor: str | None, parameter: str = "tensor") -> Array:
    """The output itself. Raises InputError."""
    return value.tensors[name_of(value, tensor, parameter)]


def pick_one(value: Outputs, tensor: str | None, parameter: str = "tensor") -> Array:
    """The output of a batch of one without the batch: [1, ...] to [...]. Raises InputError."""
    array = pick(value, tensor, parameter)
    if array.ndim < 2 or len(array) != 1:
        name = name_of(value, tensor, parameter)
        raise InputError(
            one_line(f"output {name!r} is {list(array.shape)}; this step takes one image, [1, ...]")
        )
    item: Array = array[0]
    return item


def pick_rows(value: Outputs, tensor: str | None) -> Array:
    """The output as [N, C], a row for each item of the batch; [C] is one item. Raises InputError."""
    array = pick(value, tensor)
    count = len(array) if array.ndim > 1 else 1
    return array.reshape(count, math.prod(array.shape[1:]) if array.ndim > 1 else array.size)


def fed_image(value: Outputs) -> tuple[Image, int, int]:
    """The picture that the model saw, its width and its height in pixels. Raises InputError."""
    if not isinstance(value.feed, Image):
        kind = type(value.feed).__name__
        raise InputError(
            f"places in a picture need the picture that the model was given; it was given {kind}"
        )
    shape, channels = value.feed.pixels.shape, 1 if value.feed.color == "GRAY" else 3
    if len(shape) >= 3 and shape[-1] == channels:
        return value.feed, shape[-2], shape[-3]
    if len(shape) >= 3 and shape[-3] == channels:  # laid out, channels first
        return value.feed, shape[-1], shape[-2]
    raise InputError(f"the model was given {list(shape)}, which is no {value.feed.color} picture")
