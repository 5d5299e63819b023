"""Changes of training samples that leave their label as it is, drawn anew each time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from .recipe import Augmentation

Change: TypeAlias = "Callable[[Any, float, Any], Any]"
"""(batch f32, amount, torch.Generator) -> batch of the same shape."""


def augment(batch: Any, changes: Sequence[Augmentation], generator: Any) -> Any:
    """The batch after all changes, in their order."""
    for change in changes:
        batch = AUGMENTATIONS[change.kind](batch, change.amount, generator)
    return batch


def shift(images: Any, pixels: float, generator: Any) -> Any:
    """Each image [n, c, h, w] by up to so many pixels either way, zeros moving in."""
    return _warp(images, generator, turn=0.0, zoom=0.0, pixels=pixels)


def rotate(images: Any, degrees: float, generator: Any) -> Any:
    """Each image [n, c, h, w] about its middle by up to so many degrees either way."""
    return _warp(images, generator, turn=math.radians(degrees), zoom=0.0, pixels=0.0)


def zoom(images: Any, share: float, generator: Any) -> Any:
    """Each image [n, c, h, w] larger or smaller by up to this share."""
    return _warp(images, generator, turn=0.0, zoom=share, pixels=0.0)


def noise(batch: Any, deviation: float, generator: Any) -> Any:
    """Normal noise of this standard deviation, in the unit of the samples."""
    import torch

    return batch + deviation * torch.randn(batch.shape, generator=generator)


def scale(batch: Any, share: float, generator: Any) -> Any:
    """Each sample times a factor from 1 - share to 1 + share: sensors differ in sensitivity."""
    return batch * (1 + share * _uniform((len(batch), *(1,) * (batch.dim() - 1)), generator))


def roll(signals: Any, steps: float, generator: Any) -> Any:
    """Each signal [n, channels, time] or [n, time] around in time by up to so many samples."""
    import torch

    shifts = torch.round(steps * _uniform((len(signals), 1), generator)).long()
    places = (torch.arange(signals.shape[-1]) + shifts) % signals.shape[-1]
    places = places.view(len(signals), *(1,) * (signals.dim() - 2), -1).expand_as(signals)
    return torch.gather(signals, -1, places)


# What a recipe calls them.
AUGMENTATIONS: dict[str, Change] = {
    "shift": shift,
    "rotate": rotate,
    "zoom": zoom,
    "noise": noise,
    "scale": scale,
    "roll": roll,
}


def _uniform(shape: tuple[int, ...], generator: Any) -> Any:
    """From -1 to 1."""
    import torch

    return 2 * torch.rand(shape, generator=generator) - 1


def _warp(images: Any, generator: Any, *, turn: float, zoom: float, pixels: float) -> Any:
    """One bilinear look-up an image; angles in radians."""
    import torch
    from torch.nn import functional

    count, height, width = len(images), images.shape[-2], images.shape[-1]
    angle, size, dx, dy = _uniform((4, count), generator)
    angle, size = angle * turn, 1 + size * zoom
    # affine_grid counts from -1 to 1 over the image, so a pixel is 2 / width of it.
    dx, dy = dx * pixels * 2 / width, dy * pixels * 2 / height
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    matrix = torch.stack([torch.stack([cos, -sin, dx], 1), torch.stack([sin, cos, dy], 1)], 1)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False)
