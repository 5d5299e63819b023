"""The trainings of a recipe, each with its own checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeai.errors import ExportError, one_line

from ..sources.options import SourceOptions
from ..sources.torch_module import export_torch
from .dataset import Dataset, Split, split
from .recipe import Recipe
from .teachers import build, load_weights, of_module, of_source, parameters
from .teaching import Lessons, Teacher
from .training import UNKNOWN, Lesson, hard_loss, predict, save, train

# After the modules that say what to install.
import torch  # isort: skip

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Scores:
    """Shares of the test part that were told right, one a seed; how many parameters, None if not known."""

    scores: tuple[float, ...]
    parameters: int | None


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """So many threads, since sums depend on their order; torch's random numbers and settings come back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)


class Runs:
    """All trainings of a recipe. What a checkpoint holds is not trained again."""

    def __init__(self, recipe: Recipe, data: Dataset, work: Path, on_progress: Progress) -> None:
        self._recipe, self._data, self._work = recipe, data, work
        self._on_progress = on_progress
        self._teachers: dict[int, Teacher] = {}
        self._students: dict[tuple[str, int], Any] = {}
        self._done_epochs = 0
        self._total = 2 * len(recipe.training.seeds) * recipe.student.epochs
        self._total += len(set(map(self._teacher_seed, recipe.training.seeds))) * recipe.teacher.epochs

    def teacher(self) -> Scores:
        """One for all seeds, or one a seed where it learns of the same labels as the student."""
        seeds = dict.fromkeys(map(self._teacher_seed, self._recipe.training.seeds))
        teachers = [self._teacher(seed) for seed in seeds]
        return Scores(tuple(self._score(each.logits) for each in teachers), teachers[0].parameters)

    def students(self, kind: str) -> Scores:
        """kind: `alone` or `distilled`."""
        students = [self._student(kind, seed) for seed in self._recipe.training.seeds]
        scores = tuple(self._right(predict(each, self._data.x_test)) for each in students)
        return Scores(scores, parameters(students[0]))

    def export(self, out: Path) -> tuple[Path, Path]:
        """Weights and ONNX of the first seed's distilled student, for a batch of 1."""
        name, seed = self._recipe.name, self._recipe.training.seeds[0]
        student = self._student("distilled", seed)
        save(student.state_dict(), out / f"{name}.pt")
        example = torch.from_numpy(self._data.x_test[:1])
        done = {"source": "distilled", "recipe": self._recipe.settings(), "seed": seed}
        exported = export_torch(student, example, name, out, SourceOptions(), done)
        return out / f"{name}.pt", exported.path

    def _teacher_seed(self, seed: int) -> int:
        choice = self._recipe.teacher
        return seed if choice.epochs and not choice.all_labels else self._recipe.training.seeds[0]

    def _teacher(self, seed: int) -> Teacher:
        seed = self._teacher_seed(seed)
        if seed not in self._teachers:
            self._teachers[seed] = self._open_teacher(seed)
        return self._teachers[seed]

    def _open_teacher(self, seed: int) -> Teacher:
        choice = self._recipe.teacher
        if not choice.epochs and choice.weights is None:
            return of_source(choice.source, self._work / "teacher")
        torch.manual_seed(seed)
        module = build(choice.source, "a teacher")
        if choice.weights is not None:
            load_weights(module, choice.weights)
        else:
            own = self._split(seed)
            if choice.all_labels:
                rows = np.setdiff1d(np.arange(len(self._data.y)), own.validation)
                own = Split(rows, own.validation, rows[:0])
            self._train(module, self._alone(own), choice.epochs, f"teacher-{seed}", seed)
        return of_module(module)

    def _student(self, kind: str, seed: int) -> Any:
        if (kind, seed) not in self._students:
            self._students[kind, seed] = self._train_student(kind, seed)
        return self._students[kind, seed]

    def _train_student(self, kind: str, seed: int) -> Any:
        torch.manual_seed(seed)
        student = build(self._recipe.student.source, "a student")
        own, epochs, name = self._split(seed), self._recipe.student.epochs, f"{kind}-{seed}"
        if kind == "alone":
            self._train(student, self._alone(own), epochs, name, seed)
            return student
        teacher = self._teacher(seed)
        example = torch.from_numpy(self._data.x[:2])
        lessons = Lessons(teacher, student, self._recipe.distilling, example)
        try:
            self._train(student, self._distilled(own, lessons), epochs, name, seed)
        finally:
            lessons.close()
        return student

    def _train(self, module: Any, lesson: Lesson, epochs: int, name: str, seed: int) -> None:
        def on_epoch(epoch: int) -> None:
            self._on_progress(min(self._done_epochs + epoch, self._total), self._total, name)

        train(
            module,
            lesson,
            self._recipe.training,
            epochs=epochs,
            augmentations=self._recipe.augmentations,
            seed=seed,
            checkpoint=self._work / f"{name}.pt",
            on_epoch=on_epoch,
        )
        self._done_epochs += epochs

    def _alone(self, own: Split) -> Lesson:
        data, recipe = self._data, self._recipe
        samples = len(data.y) if recipe.training.equal_steps else len(own.labelled)
        return Lesson(
            x=data.x[own.labelled],
            y=data.y[own.labelled],
            x_validation=data.x[own.validation],
            y_validation=data.y[own.validation],
            loss=hard_loss,
            steps=-(-samples // recipe.training.batch),
        )

    def _distilled(self, own: Split, lessons: Lessons) -> Lesson:
        data = self._data
        rows = np.sort(np.concatenate([own.labelled, own.unlabelled]))
        labels = np.where(np.isin(rows, own.labelled), data.y[rows], UNKNOWN)
        return Lesson(
            x=data.x[rows],
            y=labels,
            x_validation=data.x[own.validation],
            y_validation=data.y[own.validation],
            loss=lessons.loss,
            steps=-(-len(data.y) // self._recipe.training.batch),
            learners=lessons.projections,
        )

    def _split(self, seed: int) -> Split:
        return split(self._data, self._recipe.data, seed)

    def _score(self, logits: Callable[[Any], Any]) -> float:
        x = self._data.x_test
        parts = [logits(torch.from_numpy(x[row : row + 500])).numpy() for row in range(0, len(x), 500)]
        return self._right(np.concatenate(parts))

    def _right(self, logits: NDArray[Any]) -> float:
        if logits.ndim != 2 or logits.shape[1] < self._data.classes:
            raise ExportError(
                f"logits have shape {one_line(logits.shape)} for {self._data.classes} classes; "
                "give one number a class"
            )
        return float(np.mean(logits.argmax(1) == self._data.y_test))
