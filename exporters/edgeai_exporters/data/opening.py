"""Opens data by what a user names: a folder, a file, `file.py:function`, or noise."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from edgeai.bundle import TensorSpec
from edgeai.bundle.manifest import MANIFEST
from edgeai.errors import ExportError, InputError, one_line
from edgeai.sources.files import SUFFIXES

from . import DATA, Data
from .options import DataOptions
from .selection import limited
from .steps import Run, Steps, read_steps

_TABLES = {".csv", ".jsonl"}
RANDOM = "random"
"""What stands for noise instead of a place."""


def open_data(
    spec: str | os.PathLike[str],
    inputs: Sequence[TensorSpec],
    *,
    steps: Path | None = None,
    model: str | None = None,
    labels: Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    kind: str | None = None,
    run: Run | None = None,
) -> Data:
    """The samples of a place, as feeds for a model.

    spec: a folder of images or sounds (with a folder a class, or `labels`), a `.npz` or `.npy`, a `.csv` or
        `.jsonl` (of files and labels, or of texts), `file.py:function`, or `random`.
    inputs: what the model takes. steps: a manifest or bundle; the `pre` steps of its stage that runs `model`
        (None: its only one) make feeds of images, sounds and texts, and its window cuts sounds. A Hugging
        Face tokenizer.json stands for the steps of a language model.
    labels: where labels are that the data has not itself, or the classes' names; see `DataOptions`.
    limit: at most so many samples, drawn by `seed`. kind: a row of `DATA`; None tells by the place.
    run: runs the model, for one that keeps state: its windows then have the state that they have on a device,
        and that of a new stream without it.

    Raises ExportError, one sentence: what does not fit, where, and what the model wants.
    """
    text = os.fspath(spec)
    try:
        declared = None if steps is None else _steps(steps, inputs, model, run)
    except InputError as error:
        raise ExportError(str(error)) from error
    chosen = kind or kind_of(text, declared)
    if chosen not in DATA:
        raise ExportError(f"data of the kind {one_line(chosen)!r} is unknown; known: {', '.join(DATA)}")
    module, _, function = DATA[chosen].partition(":")
    opener: Callable[[str, Sequence[TensorSpec], DataOptions], Data]
    opener = getattr(importlib.import_module(module), function)
    try:
        return limited(opener(text, inputs, DataOptions(declared, labels, limit, seed)), limit, seed)
    except InputError as error:
        raise ExportError(str(error)) from error


def _steps(path: Path, inputs: Sequence[TensorSpec], model: str | None, run: Run | None) -> Steps:
    from .text import TOKENIZER, is_tokenizer, tokenizer_steps

    tokenizer = path / TOKENIZER if path.is_dir() and not (path / MANIFEST).exists() else path
    if is_tokenizer(tokenizer):
        return tokenizer_steps(tokenizer, inputs)
    return read_steps(path, inputs, model, run)


_BY_SOURCE = {"image": "images", "audio": "sound", "text": "text", "bytes": "files"}
"""What opens files and folders for steps that take a kind of source."""


def kind_of(spec: str, steps: Steps | None = None) -> str:
    """Which row of `DATA` opens what a user names. Raises ExportError where nothing does.

    steps: where they take files or texts, a folder or a table holds these.
    """
    if spec == RANDOM:
        return "random"
    if re.search(r"\.py:\w+$", spec):
        return "python"
    path = Path(spec)
    if steps is not None and steps.kind in _BY_SOURCE and (path.is_dir() or path.suffix.lower() in _TABLES):
        return _BY_SOURCE[steps.kind]
    if path.is_dir():
        return _kind_of_folder(path)
    suffix = path.suffix.lower()
    if suffix in {".npz", ".npy"}:
        return "arrays"
    if not path.exists():
        raise ExportError(f"{one_line(spec)}: no such file or folder of data; check the path")
    if suffix in _TABLES:
        return _kind_of_table(path)
    raise ExportError(
        f"{one_line(spec)} is no data that can be read; give a folder of images or sounds, .npz, .npy, .csv, "
        ".jsonl, or file.py:function"
    )


def _kind_of_folder(folder: Path) -> str:
    """By the files in it and in the folders in it: sounds only where there are no images."""
    suffixes = {Path(name).suffix.lower() for _, _, names in os.walk(folder) for name in names}
    for kind, group in (("images", "image"), ("sound", "audio")):
        if suffixes & set(SUFFIXES[group] or ()):
            return kind
    found = one_line(", ".join(sorted(suffixes - {""})), 60) or "nothing"
    raise ExportError(f"{one_line(folder)} holds no images or sounds ({found}); check the folder")


def _kind_of_table(file: Path) -> str:
    from .table import file_column, read_table

    rows = read_table(file)
    column = file_column(rows)
    if column is None:
        return "text"
    suffix = Path(str(rows[0][column])).suffix.lower()
    return "sound" if suffix in (SUFFIXES["audio"] or ()) else "images"
