"""The pipeline that a bundle gets: the one of the user's manifest, or of the steps that made the feeds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgeai.bundle.manifest import SCHEMA
from edgeai.errors import ExportError, one_line

from .arrays import Outputs
from .bundling import template_of
from .data import Data
from .data.text import TOKENIZER, is_tokenizer
from .exported import Exported
from .metrics.classes import first
from .request import Request

LABELS = "labels.txt"
SHOWN = 5
"""Classes that an answer names, the likeliest first."""
_ROUNDING = 1e-3
"""That shares in f16 may sum up to beside 1."""


@dataclass(frozen=True)
class Surroundings:
    """What of a bundle is there before its variants are. model: what it is called in the manifest.

    template: a manifest to fill in; None where the data has no steps either, for a bundle without a pipeline.
    files: assets that it names, by path in the bundle; others: files of the template's other models.
    """

    model: str
    template: Mapping[str, Any] | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    others: Mapping[str, Path] = field(default_factory=dict)


def own_tokenizer(source: str) -> Path | None:
    """A language model's folder has its tokenizer beside it: the steps, where none are named."""
    beside = Path(source) / TOKENIZER
    return beside if is_tokenizer(beside) else None


def surroundings(request: Request, source: Exported, stack: ExitStack) -> Surroundings:
    """Of the manifest that was named, else of none. Raises ExportError where it does not say which model.

    stack: as `template_of`.
    """
    steps = request.steps
    if steps is None or is_tokenizer(steps):
        return Surroundings(_model_name(source.name))
    template, folder = template_of(steps, stack)
    models = list(template["models"]) if isinstance(template.get("models"), Mapping) else []
    named = [name for name in models if name in {source.name, _model_name(source.name)}] or models
    if len(named) != 1:
        raise ExportError(
            f"{one_line(steps)} has {len(models)} models, none called {one_line(source.name)!r}; call the "
            f"source like one of them: {one_line(', '.join(models)) or 'there is none'}"
        )
    files = {name: folder / name for name in template.get("assets", ())}
    return Surroundings(named[0], template, files, dict(_files_of_others(template, named[0], folder)))


def _files_of_others(template: Mapping[str, Any], model: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Of the models that stay as they are, by path in the bundle."""
    for name, declared in template["models"].items():
        if name != model and isinstance(declared, Mapping):
            for variant in declared.get("variants", ()):
                yield from ((file, folder / file) for file in variant.get("files", ()))


def with_steps_of(found: Surroundings, data: Data, outputs: Sequence[Outputs], folder: Path) -> Surroundings:
    """Where there is no manifest, the steps that made the data's feeds are the pipeline; and where the data
    names as many classes as the source tells apart, steps that name the likeliest.

    outputs: of the source for some samples. folder: for files that the steps name.
    """
    if found.template is not None or data.stage is None:
        return found
    stage = {"run": found.model, "pre": list(data.stage["pre"]), "as": "result"}
    files = dict(data.files)
    if _are_scores(outputs, len(data.classes)):
        names = folder / LABELS
        names.write_text("".join(f"{one_line(name)}\n" for name in data.classes), encoding="utf-8")
        files[LABELS] = names
        best = {"op": "top_k@1", "k": min(SHOWN, len(data.classes)), "labels": LABELS}
        stage["post"] = [best] if _are_shares(outputs) else [{"op": "softmax@1"}, best]
    template = {
        "schema": SCHEMA,
        "requires": ["pipeline"],
        "source": dict(data.stage["source"]),
        "models": {found.model: {}},
        "pipeline": [stage],
    }
    return Surroundings(found.model, template, files)


def _are_scores(outputs: Sequence[Outputs], classes: int) -> bool:
    """Whether the source gives one output, a score for each of so many classes."""
    return classes > 1 and all(len(each) == 1 and first(each).shape == (1, classes) for each in outputs)


def _are_shares(outputs: Sequence[Outputs]) -> bool:
    """Whether scores are shares of 1 already."""
    scores = np.array([first(each) for each in outputs])
    return bool((scores >= 0).all() and np.allclose(scores.sum(axis=-1), 1, atol=_ROUNDING))


def _model_name(name: str) -> str:
    """As manifests take it."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
    return plain if re.match(r"[A-Za-z_]", plain) else f"m-{plain}"
