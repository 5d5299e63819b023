"""Runs a recipe: the teacher, then for each seed the student alone and the student distilled."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeai.errors import ExportError, one_line
from edgeai.extras import require
from edgeai.measure.statistics import Estimate, over_processes

from ..report.distill import Distillation, Trained, distill_document
from .dataset import Dataset, open_dataset
from .recipe import Recipe, read_recipe

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Distilled:
    """report: what was found out, teacher, student alone and student distilled. student: ONNX of the
    distilled student of the first seed, so that the test part has no say. weights: its state_dict."""

    report: Distillation
    student: Path
    weights: Path


def distill(
    recipe: Recipe | Path,
    *,
    out: Path,
    on_progress: Progress = lambda *_: None,
    resume: bool = True,
) -> Distilled:
    """Run a recipe; the folder `out` gets `NAME.onnx`, `NAME.pt` and the report `NAME.json`.

    Checkpoints lie in `out/work`, by what they are made of: the same recipe, code and data go on from them
    bit by bit, changed ones start anew. resume: False starts anew in any case. on_progress: (done, total,
    what) in epochs of all trainings.
    Raises ConfigError for a recipe, ExportError for data, teachers and students that do not fit,
    ExtraMissing.
    """
    require("torch", "torch", "distilling")
    from .runs import Runs, deterministic

    recipe = read_recipe(recipe) if isinstance(recipe, Path) else recipe
    data = open_dataset(recipe.data)
    work = _work_folder(recipe, data, out, resume=resume)
    with deterministic(recipe.training.threads):
        runs = Runs(recipe, data, work, on_progress)
        teacher, alone, distilled = runs.teacher(), runs.students("alone"), runs.students("distilled")
        weights, student = runs.export(out)
    report = _report(recipe, data, (teacher, alone, distilled))
    _write_json(distill_document(report), out / f"{recipe.name}.json")
    return Distilled(report, student, weights)


def _report(recipe: Recipe, data: Dataset, scores: tuple[Any, Any, Any]) -> Distillation:
    names = ("teacher", "student alone", "student distilled")
    trained = tuple(
        Trained(name, each.scores, over_processes(each.scores), each.parameters)
        for name, each in zip(names, scores, strict=True)
    )
    gains = [after - before for before, after in zip(scores[1].scores, scores[2].scores, strict=True)]
    return Distillation(
        name=recipe.name,
        metric="top1",
        seeds=recipe.training.seeds,
        trained=trained,
        gain=_gain(gains),
        data=_told(recipe, data),
        settings=recipe.settings(),
    )


def _gain(gains: list[float]) -> Estimate:
    """Mean of the paired differences; a range of two seeds is no interval, so it has none."""
    return over_processes(gains) if len(gains) > 2 else Estimate(sum(gains) / len(gains), None, None)


def _told(recipe: Recipe, data: Dataset) -> str:
    labels = len(data.y) if recipe.data.labels is None else recipe.data.labels
    who = "all training samples with labels" if recipe.teacher.all_labels else "the same labels"
    teacher = f"; the teacher was trained on {who}" if recipe.teacher.epochs else ""
    return (
        f"{len(data.y):,} training samples, {labels:,} of them with a label for the student "
        f"({recipe.data.validation:,} of these validate), {len(data.y_test):,} prove{teacher}"
    )


def _work_folder(recipe: Recipe, data: Dataset, out: Path, *, resume: bool) -> Path:
    """By the hash of all that a checkpoint depends on."""
    digest = hashlib.sha256(json.dumps(recipe.settings(), sort_keys=True).encode())
    for array in (data.x, data.y, data.x_test, data.y_test):
        digest.update(array.tobytes())
    for source in (recipe.teacher.source, recipe.student.source):
        for file in (Path(source), Path(source.rpartition(":")[0])):
            if file.is_file():
                digest.update(file.read_bytes())
    if recipe.teacher.weights is not None and recipe.teacher.weights.is_file():
        digest.update(recipe.teacher.weights.read_bytes())
    folder = out / "work" / digest.hexdigest()[:16]
    try:
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{one_line(folder)} cannot be made: {error.strerror}; check the path") from None
    return folder


def _write_json(document: Any, path: Path) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    partial.replace(path)
