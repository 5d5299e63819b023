"""`--json-dir`: a file a run, and what is there already is not measured again.

A file says what was asked for by a digest of everything that a figure depends on: the model's contents, the
options, edgeai's version, those of the backends' libraries, and the device. Names are for people.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import edgeai
from edgeai.backends import BACKENDS
from edgeai.errors import EdgeError, UsageError, one_line
from edgeai.measure.protocol import InputRequest, ModelRequest

from .energy import device_of
from .identity import check_hashes, sha256_of
from .plan import Plan
from .reading import KIND, from_json
from .render.files import write_file
from .render.names import name_of
from .report import INVALID, Report, document
from .targets import opened_target

Say = Callable[[str], None]


def asked_for(model: ModelRequest, inputs: InputRequest, plan: Plan, *, model_id: str | None) -> str:
    """The digest, in hex, of one run that is asked for; `model.model` is the file or bundle as it is now.

    Raises EdgeError for a model or a file of inputs that cannot be read.
    """
    device = device_of(plan)
    everything = {
        "edgeai": edgeai.__version__,
        "libraries": _library_versions(),
        "device": [device.profile.id, device.model, device.cores],
        "id": model_id,
        "contents": _contents(model),
        "model": dataclasses.asdict(dataclasses.replace(model, model=Path(model.model).name)),
        "inputs": {
            **dataclasses.asdict(inputs),
            "file": None if inputs.file is None else sha256_of(Path(inputs.file)),
            "source": None if inputs.source is None else sha256_of(Path(inputs.source)),
        },
        "plan": dataclasses.asdict(plan),
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


class JsonDir:
    """The folder, and which of its names this command has used."""

    def __init__(self, folder: Path, *, again: bool) -> None:
        self._folder = folder
        self._again = again
        self._found: dict[str, tuple[Path, Report]] | None = None
        self._names: dict[str, str] = {}

    def find(self, asked: str, say: Say) -> tuple[Path, Report] | None:
        """The file of a run of the same digest, and the run; None where it has to be measured.

        A run that came out INVALID is measured again. say: is told of files that are not whole.
        """
        if self._again:
            return None
        if self._found is None:
            self._found = self._read(say)
        found = self._found.get(asked)
        if found is not None:
            self._names[found[0].name] = asked
        return found

    def keep(self, report: Report, asked: str) -> Path:
        """Write a run, beside and renamed; an older file of its name is replaced. Raises UsageError."""
        stem = file_stem(report)
        names = [f"{stem}.json", f"{stem}.{report.model.sha256[:8]}.json", f"{stem}.{asked[:16]}.json"]
        name = next((name for name in names if self._names.get(name, asked) == asked), names[-1])
        self._names[name] = asked
        made = document([report], [], asked=asked)
        write_file(self._folder / name, json.dumps(made, separators=(",", ":"), allow_nan=False) + "\n")
        return self._folder / name

    def _read(self, say: Say) -> dict[str, tuple[Path, Report]]:
        found = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                read = _run_of(path)
            except (EdgeError, OSError, ValueError) as error:
                reason = error if isinstance(error, EdgeError) else f"{one_line(path)}: {one_line(error)}"
                say(f"{reason}; the file is passed over")
                continue
            if read is not None and read[1].verdict != INVALID:
                found[read[0]] = (path, read[1])
        return found


def open_json_dir(folder: Path | None, *, again: bool) -> JsonDir | None:
    """The folder of `--json-dir`, made where it is missing; None where it was not asked for.

    Raises UsageError.
    """
    if folder is None:
        if again:
            raise UsageError("--again measures again what is in a folder; name it with --json-dir")
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = (error.strerror if isinstance(error, OSError) else None) or one_line(error)
        raise UsageError(f"{one_line(folder)} cannot be made: {reason}; name another folder") from error
    return JsonDir(folder, again=again)


def file_stem(report: Report) -> str:
    """`digits.edge.litert.2-threads`: a name that any file system takes, without its ending."""
    identity = report.identity
    return f"{safe_name(name_of(report))}.{safe_name(identity.backend)}.{identity.threads}-threads"


def safe_name(text: str) -> str:
    """Letters, digits, `.`, `_` and `-` only, at most 80 of them; never hidden, never an option."""
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")
    return re.sub(r"\.{2,}", ".", kept)[:80] or "model"


def _run_of(path: Path) -> tuple[str, Report] | None:
    """Digest and run of a file; None where it is another document. Raises InputError, OSError, ValueError."""
    text = path.read_bytes()
    made: Any = json.loads(text)
    asked = made.get("asked") if isinstance(made, dict) and made.get("kind") == KIND else None
    if not isinstance(asked, str):
        return None
    reports, _ = from_json(text, one_line(path))
    return (asked, reports[0]) if len(reports) == 1 else None


def _contents(model: ModelRequest) -> str:
    """Hash of a model file; identity of a bundle, whose files are checked against it."""
    with opened_target(model.model, model.name) as target:
        if target.bundle.is_bare:
            return sha256_of(target.bundle.models[0].variants[0].path)
        check_hashes(target, None)
        return str(target.bundle.identity)


@functools.cache
def _library_versions() -> dict[str, list[str]]:
    """By the module of each backend, without importing it."""
    from importlib import metadata

    names = metadata.packages_distributions()
    modules = sorted({entry.module for entry in BACKENDS.values()})
    return {
        module: sorted(f"{name} {metadata.version(name)}" for name in set(names.get(module, ())))
        for module in modules
    }
