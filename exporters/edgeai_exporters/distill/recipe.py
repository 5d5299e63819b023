"""A recipe: what teaches what on which data, read from TOML once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeai.toml_table import TomlTable

from .augment import AUGMENTATIONS


@dataclass(frozen=True)
class DataChoice:
    """source: .npz, or `file.py:dataset` that is called with `file` where there is one; see `dataset`.

    labels: how many of the training part keep their label; None: all. validation: how many of those only
    decide when to stop. test: how many prove, where the data has no test part of its own.
    """

    source: str
    file: Path | None
    labels: int | None
    validation: int
    test: int


@dataclass(frozen=True)
class TeacherChoice:
    """source: `file.py:factory` of a torch module with weights or epochs; without either, any source of
    `edgeai export`, whose first output is the logits. weights: a `state_dict` saved by torch.
    epochs: of training here, on all labels where `all_labels`, else on those that the students have.
    """

    source: str
    weights: Path | None
    epochs: int
    all_labels: bool


@dataclass(frozen=True)
class StudentChoice:
    """source: `file.py:factory` of a torch module that gives logits f32 [n, classes]. epochs: at most."""

    source: str
    epochs: int


@dataclass(frozen=True)
class Hint:
    """Names of modules whose outputs shall agree, after a learned projection of the student's."""

    teacher: str
    student: str
    weight: float


@dataclass(frozen=True)
class Augmentation:
    """kind: a row of `AUGMENTATIONS`, which says what amount means."""

    kind: str
    amount: float


@dataclass(frozen=True)
class Distilling:
    """temperature: that both logits are divided by (Hinton et al., 2015). hard_labels: weight of the true
    labels from 0 to 1; the teacher has the rest, and all of it on samples without a label."""

    temperature: float
    hard_labels: float
    hints: tuple[Hint, ...]


@dataclass(frozen=True)
class Training:
    """AdamW whose rate falls to 0 along a cosine. patience: epochs without a better validation loss before
    training stops; 0 trains to the end. batch: samples a step, of the students as of a teacher trained
    here. student alone: takes as many steps an epoch as a distilled one where `equal_steps`, so that it is
    not held back by fewer steps. seeds: of runs, each with its own draw of labels. threads: of torch; the
    figures depend on them."""

    batch: int
    learning_rate: float
    weight_decay: float
    patience: int
    seeds: tuple[int, ...]
    threads: int
    equal_steps: bool


@dataclass(frozen=True)
class Recipe:
    """All of it. folder: that relative paths start from."""

    name: str
    folder: Path
    data: DataChoice
    teacher: TeacherChoice
    student: StudentChoice
    distilling: Distilling
    augmentations: tuple[Augmentation, ...]
    training: Training

    def settings(self) -> dict[str, Any]:
        """As JSON types, paths relative to the recipe."""
        return {key: value for key, value in _plain(asdict(self), self.folder).items() if key != "folder"}


def read_recipe(file: Path, *, data: Path | None = None) -> Recipe:
    """Parse a recipe. data: the data's file, instead of the recipe's. Raises ConfigError with the key."""
    table = TomlTable.open(file)
    folder = file.resolve().parent
    recipe = Recipe(
        name=table.matching("name", r"[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits, `-`, `_`, `.`"),
        folder=folder,
        data=_data(table.table("data"), folder, data),
        teacher=_teacher(table.table("teacher"), folder),
        student=_student(table.table("student"), folder),
        distilling=_distilling(table.table("distillation")),
        augmentations=tuple(_augmentation(each) for each in table.tables("augmentation")),
        training=_training(table.table("training")),
    )
    table.done()
    return recipe


def _data(table: TomlTable, folder: Path, file: Path | None) -> DataChoice:
    named = table.optional_text("file")
    choice = DataChoice(
        source=_source(table.text("source"), folder),
        file=file or (folder / named if named else None),
        labels=table.count("labels") if table.has("labels") else None,
        validation=table.whole("validation", 0),
        test=table.whole("test", 0),
    )
    if choice.labels is not None and choice.validation >= choice.labels:
        table.fail("validation", f"is {choice.validation} of {choice.labels} labels; leave some to train on")
    table.done()
    return choice


def _teacher(table: TomlTable, folder: Path) -> TeacherChoice:
    weights = table.optional_text("weights")
    choice = TeacherChoice(
        source=_source(table.text("source"), folder),
        weights=folder / weights if weights else None,
        epochs=table.whole("epochs", 0),
        all_labels=table.flag("all_labels"),
    )
    if choice.weights and choice.epochs:
        table.fail("epochs", "is given beside weights; give one, since weights are already trained")
    table.done()
    return choice


def _student(table: TomlTable, folder: Path) -> StudentChoice:
    choice = StudentChoice(source=_source(table.text("source"), folder), epochs=table.count("epochs"))
    table.done()
    return choice


def _distilling(table: TomlTable) -> Distilling:
    choice = Distilling(
        temperature=table.positive("temperature"),
        hard_labels=float(table.number("hard_labels")),
        hints=tuple(_hint(each) for each in table.tables("hints")),
    )
    if not 0 <= choice.hard_labels <= 1:
        table.fail("hard_labels", f"is {choice.hard_labels}; give a number from 0 to 1")
    table.done()
    return choice


def _hint(table: TomlTable) -> Hint:
    hint = Hint(table.text("teacher"), table.text("student"), table.positive("weight"))
    table.done()
    return hint


def _augmentation(table: TomlTable) -> Augmentation:
    choice = Augmentation(table.choice("kind", tuple(AUGMENTATIONS)), table.positive("amount"))
    table.done()
    return choice


def _training(table: TomlTable) -> Training:
    seeds = table.count("seeds")
    choice = Training(
        batch=table.count("batch"),
        learning_rate=table.positive("learning_rate"),
        weight_decay=float(table.number("weight_decay")),
        patience=table.whole("patience", 0),
        seeds=tuple(range(seeds)),
        threads=table.count("threads") if table.has("threads") else 1,
        equal_steps=table.flag("equal_steps", default=True),
    )
    if choice.weight_decay < 0:
        table.fail("weight_decay", f"is {choice.weight_decay}; give a number from 0")
    table.done()
    return choice


def _source(text: str, folder: Path) -> str:
    """Paths start at the recipe; what is no file there, such as a module or a hub id, stays as it is."""
    place, colon, function = text.rpartition(":") if ":" in text else (text, "", "")
    path = folder / place
    is_file = path.exists() or path.suffix in {".py", ".npz", ".onnx"}
    return f"{path}{colon}{function}" if is_file else text


def _plain(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each, folder) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(each, folder) for each in value]
    return str(value).replace(f"{folder}/", "") if isinstance(value, (Path, str)) else value
