"""A pipeline's answers, which the probe keeps in a folder and the measuring processes compare theirs with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import WorkerError
from ..pipeline.result import Result, to_json
from ..pipeline.values import Outputs
from . import exchange
from .inputs import outputs_agree

if TYPE_CHECKING:
    from ..backends import Array

_FILE, _ARRAYS = "answers.json", "outputs"
_SMALL = 16
"""Arrays of more elements are kept as arrays: as JSON, a mask of a picture would take tens of MB of RAM."""
_TOLERANCE = 1e-3
"""Of the largest magnitude in the same place of all answers, as between outputs of a model."""
_STEP = 2e-4
"""Twice the step to which scores are rounded in JSON."""


@dataclass(frozen=True)
class Answers:
    """What came out, as plain JSON data; beside it arrays, those of one dtype and shape stacked into one."""

    plain: Any
    arrays: dict[str, Array]


def answers_of(results: Iterable[Result]) -> Answers:
    """Answers as they are kept and compared; each result is let go of before the next is asked for."""
    found: dict[str, list[Array]] = {}
    plain = [
        {"start_s": each.start_s, "end_s": each.end_s, "value": _plain(each.value, found)} for each in results
    ]
    return Answers(plain, {name: np.stack(arrays) for name, arrays in found.items()})


def keep(folder: Path, answers: Answers) -> None:
    """Keep answers in a folder. Raises WorkerError where there is no room."""
    exchange.save(folder, _ARRAYS, answers.arrays)
    try:
        (folder / _FILE).write_text(json.dumps(answers.plain, allow_nan=False))
    except OSError as error:
        raise WorkerError(
            f"{folder.parent} cannot hold the answers of the pipeline: {error.strerror}; "
            "free space there, or set TMPDIR to another folder"
        ) from error


def kept(folder: Path) -> Answers:
    """What `keep` kept; arrays are read when they are looked at."""
    plain = json.loads((folder / _FILE).read_text())
    return Answers(plain, exchange.read(folder, _ARRAYS, mapped=True))


def rehearse(folder: Path) -> None:
    """Take the memory that answers and their comparison will take, and let go of it."""
    plain, arrays = json.loads((folder / _FILE).read_text()), exchange.read(folder, _ARRAYS)
    rows = {name: [row.copy() for row in array] for name, array in arrays.items()}
    found = (Result(each["value"], {}, each["start_s"], each["end_s"]) for each in plain)
    have = Answers(answers_of(found).plain, {name: np.stack(each) for name, each in rows.items()})
    difference(kept(folder), have)


def difference(want: Answers, have: Answers) -> str | None:
    """None where answers agree, else what differs.

    Fractions agree within 0.1 % of the largest magnitude in their place (of all boxes, all scores, ...) and
    twice the step of rounding; everything else is the same.
    """
    leaves: list[tuple[str, str, Any, Any]] = []
    for place, path, wanted, had in _leaves(want.plain, have.plain, "", "answer"):
        if not _is_fraction(wanted, had) and (type(wanted) is not type(had) or wanted != had):
            return f"{path} is {_short(had)}, first it was {_short(wanted)}"
        if _is_fraction(wanted, had):
            leaves.append((place, path, wanted, had))
    scales: dict[str, float] = {}
    for place, _, wanted, _ in leaves:
        scales[place] = max(scales.get(place, 0.0), abs(wanted))
    for place, path, wanted, had in leaves:
        if abs(wanted - had) > _TOLERANCE * scales[place] + _STEP:
            return f"{path} is {had:.6g}, first it was {wanted:.6g}"
    return outputs_agree(want.arrays, have.arrays)


def _plain(value: Any, found: dict[str, list[Array]]) -> Any:
    if isinstance(value, Outputs):
        value = value.tensors
    if isinstance(value, Mapping):
        return {str(key): _plain(each, found) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, found) for each in value]
    if isinstance(value, np.ndarray) and value.size > _SMALL:
        name = f"{value.dtype}{list(value.shape)}"
        found.setdefault(name, []).append(value)
        return {"array": name}
    return to_json(value)


def _leaves(want: Any, have: Any, place: str, path: str) -> Iterator[tuple[str, str, Any, Any]]:
    """What stands at the same place in both, once for each; where their shapes differ, the parts that do.

    Each with its place, which is the same for all items of a list, and its path.
    """
    if isinstance(want, dict) and isinstance(have, dict) and want.keys() == have.keys():
        for key in want:
            yield from _leaves(want[key], have[key], f"{place}.{key}", f"{path}.{key}")
    elif isinstance(want, list) and isinstance(have, list):
        if len(want) != len(have):
            yield place, f"the length of {path}", len(want), len(have)
            return
        for index, (wanted, had) in enumerate(zip(want, have, strict=True)):
            yield from _leaves(wanted, had, f"{place}[]", f"{path}[{index}]")
    else:
        yield place, path, want, have


def _is_fraction(want: Any, have: Any) -> bool:
    """Whether both are numbers and one of them is no whole one: JSON writes 1.0 as 1.0 and 1 as 1."""
    numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (want, have))
    return numbers and (isinstance(want, float) or isinstance(have, float))


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
