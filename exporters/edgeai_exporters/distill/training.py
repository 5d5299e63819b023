"""Trains one module, epoch by epoch, so that a killed run goes on bit by bit as if nothing had happened."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .augment import augment
from .recipe import Augmentation, Training

# After the modules that say what to install.
import torch  # isort: skip
from torch.nn import functional  # isort: skip

UNKNOWN = -1
"""Label of a sample that has none."""

_WARM_UP = 0.05
"""Share of steps in which the rate rises: Adam's second moments are worth nothing at first."""


@dataclass(frozen=True)
class Lesson:
    """What is learnt from. x: f32 [n, ...], y: i64 [n], UNKNOWN where there is no label. x_validation,
    y_validation: may be empty. loss: of (batch, logits, labels). steps: batches an epoch.
    learners: modules beside the student that learn with it, such as the projections of hints."""

    x: NDArray[Any]
    y: NDArray[Any]
    x_validation: NDArray[Any]
    y_validation: NDArray[Any]
    loss: Callable[[Any, Any, Any], Any]
    steps: int
    learners: tuple[Any, ...] = ()


def train(
    module: Any,
    lesson: Lesson,
    training: Training,
    *,
    epochs: int,
    augmentations: Sequence[Augmentation],
    seed: int,
    checkpoint: Path,
    on_epoch: Callable[[int], None],
) -> None:
    """Train the module in place and leave it in the state of its best epoch, or its last without validation.

    checkpoint: is written after each epoch, whole or not at all, and gone on from where it is there. It must
    belong to the same lesson. seed: of the order of samples, of augmentation and of dropout.
    on_epoch: is told how many epochs are done.
    """
    run = _Run(module, lesson, training, epochs, seed)
    if checkpoint.exists():
        run.restore(torch.load(checkpoint, weights_only=True))
    while not run.finished:
        on_epoch(run.epoch)
        run.train_epoch(augmentations)
        save(run.state(), checkpoint)
    on_epoch(epochs)
    module.load_state_dict(run.best)
    module.eval()


def predict(module: Any, x: NDArray[Any], batch: int = 500) -> NDArray[Any]:
    """Logits f32 [n, classes]."""
    module.eval()
    with torch.no_grad():
        parts = [module(torch.from_numpy(x[row : row + batch])).numpy() for row in range(0, len(x), batch)]
    return np.concatenate(parts)


def save(state: Any, path: Path) -> None:
    """Write a file of torch, whole or not at all, also where power fails."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def hard_loss(_: Any, logits: Any, labels: Any) -> Any:
    """Cross-entropy with labels that are all known."""
    return functional.cross_entropy(logits, labels)


class _Run:
    """A training under way: all that a checkpoint has to hold."""

    def __init__(self, module: Any, lesson: Lesson, training: Training, epochs: int, seed: int) -> None:
        self.module, self.lesson, self.training, self.epochs = module, lesson, training, epochs
        self.learning = torch.nn.ModuleList([module, *lesson.learners])
        self.optimizer = torch.optim.AdamW(
            self.learning.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
        )
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.x, self.y = torch.from_numpy(lesson.x), torch.from_numpy(lesson.y)
        self.epoch, self.best_loss, self.best_epoch = 0, math.inf, 0
        self.best = copy.deepcopy(module.state_dict())

    @property
    def finished(self) -> bool:
        """After all epochs, or after `patience` of them without a better one."""
        waited = self.epoch - self.best_epoch
        return self.epoch >= self.epochs or 0 < self.training.patience <= waited

    def train_epoch(self, augmentations: Sequence[Augmentation]) -> None:
        """One epoch and its validation."""
        self.learning.train()
        for step, rows in enumerate(self._batches()):
            self._set_rate(self.epoch * self.lesson.steps + step)
            batch = augment(self.x[rows], augmentations, self.generator)
            loss = self.lesson.loss(batch, self.module(batch), self.y[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        self.epoch += 1
        loss = self._validate()
        if loss < self.best_loss or not len(self.lesson.y_validation):
            self.best_loss, self.best_epoch = loss, self.epoch
            self.best = copy.deepcopy(self.module.state_dict())

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "learning": self.learning.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "dropout": torch.get_rng_state(),
            "best": self.best,
            "progress": (self.epoch, self.best_loss, self.best_epoch),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.learning.load_state_dict(state["learning"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["dropout"])
        self.best = state["best"]
        self.epoch, self.best_loss, self.best_epoch = state["progress"]

    def _batches(self) -> Any:
        """Rows of each step: all samples in a random order, again and again where there are fewer."""
        wanted = self.lesson.steps * self.training.batch
        rounds = -(-wanted // len(self.x))
        orders = [torch.randperm(len(self.x), generator=self.generator) for _ in range(rounds)]
        return torch.cat(orders)[:wanted].split(self.training.batch)

    def _set_rate(self, step: int) -> None:
        total = self.epochs * self.lesson.steps
        rising = min(1.0, (step + 1) / (_WARM_UP * total))
        falling = 0.5 * (1 + math.cos(math.pi * step / total))
        for group in self.optimizer.param_groups:
            group["lr"] = self.training.learning_rate * rising * falling

    def _validate(self) -> float:
        if not len(self.lesson.y_validation):
            return math.inf
        logits = torch.from_numpy(predict(self.module, self.lesson.x_validation))
        return float(functional.cross_entropy(logits, torch.from_numpy(self.lesson.y_validation)))
