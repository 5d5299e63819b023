"""Teacher and student of the motions recipe: signals f32 [n, 6, 100] of a watch to logits [n, 4]."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

CLASSES = ("Standing", "Running", "Walking", "Badminton")
"""In the order of the files' headers."""


def teacher() -> nn.Module:
    """30,276 parameters."""
    return nn.Sequential(
        *_convolution(6, 48, 7),
        nn.MaxPool1d(2),
        *_convolution(48, 64, 5),
        nn.MaxPool1d(2),
        *_convolution(64, 64, 3),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64, len(CLASSES)),
    )


def student() -> nn.Module:
    """2,244 parameters."""
    return nn.Sequential(
        *_convolution(6, 12, 5),
        nn.MaxPool1d(2),
        *_convolution(12, 16, 5),
        nn.MaxPool1d(2),
        *_convolution(16, 16, 3),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(16, len(CLASSES)),
    )


def dataset(folder: Path) -> dict[str, NDArray[np.generic]]:
    """BasicMotions as aeon has it: accelerometer and gyroscope, 10 s at 10 Hz; 40 train, 40 test."""
    x, y = _read(folder / "BasicMotions_TRAIN.ts")
    x_test, y_test = _read(folder / "BasicMotions_TEST.ts")
    return {"x": x, "y": y, "x_test": x_test, "y_test": y_test}


def _read(file: Path) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """The .ts format: after `@data`, a line is the channels and the class, parted by colons."""
    lines = file.read_text("utf-8").partition("@data")[2].split()
    rows = [line.split(":") for line in lines]
    signals = [[[float(value) for value in channel.split(",")] for channel in row[:-1]] for row in rows]
    return np.array(signals, np.float32), np.array([CLASSES.index(row[-1]) for row in rows])


def _convolution(channels: int, out: int, size: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv1d(channels, out, size, padding=size // 2, bias=False)
    return convolution, nn.BatchNorm1d(out), nn.ReLU()
