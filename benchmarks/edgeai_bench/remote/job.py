"""What is to be done on each board: files that are copied, and the words of its bench."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from edgeai.bundle.canonical import parse
from edgeai.bundle.manifest import MANIFEST
from edgeai.bundle.pack import pack
from edgeai.errors import EdgeError, ModelError, ModelNotFound, UsageError, one_line
from edgeai.graph import read_graph
from edgeai.open_bundle import is_folder

from ..identity import sha256_of

_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True)
class Copied:
    """One file. name: below the job's folder `files`, as a path with `/`."""

    file: Path
    name: str
    sha256: str


@dataclass(frozen=True)
class Job:
    """models: names as the bench is given them there. options: its other words. shown: by a name there, the
    path that the user gave. uses_cache: whether the board may keep what it fetches, as its own bench does.
    """

    models: tuple[str, ...]
    options: tuple[str, ...]
    files: tuple[Copied, ...]
    shown: Mapping[str, str]
    uses_cache: bool = False

    def key(self, *more: str) -> str:
        """The same for the same measurement: files by their content, words as they are."""
        facts = (self.models, self.options, [(each.name, each.sha256) for each in self.files], more)
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


@contextmanager
def prepared(
    models: Sequence[Path], inputs: Mapping[str, Path | None], *, uses_cache: bool
) -> Iterator[tuple[Job, dict[str, str]]]:
    """The job without its options, and what each of the inputs is called there.

    inputs: by the name of an option's parameter. What has to be packed first is kept until it is left.
    Raises ModelError and UsageError.
    """
    with ExitStack() as stack:
        folder = ""
        if any(map(is_folder, models)):
            folder = stack.enter_context(TemporaryDirectory(prefix="edgeai-bench-"))
        files: list[Copied] = []
        names: list[str] = []
        shown: dict[str, str] = {}
        for number, path in enumerate(models):
            copied = list(_of_model(path, f"m{number}", Path(folder, f"{number}.edge")))
            files += copied
            names.append(copied[0].name)
            shown[names[-1]] = str(path)
        called = {}
        for parameter, given in inputs.items():
            if given is not None:
                called[parameter] = f"{parameter}{_ending(given)}"
                shown[called[parameter]] = str(given)
                files.append(_copied(given, called[parameter], UsageError))
        yield Job(tuple(names), (), tuple(files), shown, uses_cache), called


def _of_model(path: Path, name: str, packed: Path) -> Iterator[Copied]:
    """The file of a model, then the weights that lie beside it. A folder is packed first."""
    if is_folder(path):
        pack(path, _manifest(path), packed)
        yield _copied(packed, f"{name}/{name}.edge", ModelError)
        return
    yield _copied(path, f"{name}/{name}{_ending(path)}", ModelError)
    try:
        beside = read_graph(path).external_files
    except EdgeError:  # a bundle, or no model at all, which the board says
        return
    for each in beside:
        place = PurePosixPath(each)
        if place.is_absolute() or ".." in place.parts:
            raise ModelError(
                f"{one_line(path)}: its weights lie in {one_line(each)}, which is not beside it; save it "
                "anew with its weights in its folder"
            )
        yield _copied(path.parent / place, f"{name}/{place}", ModelError)


def _manifest(folder: Path) -> dict[str, object]:
    try:
        text = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise ModelError(
            f"{one_line(folder)} is a directory without a {MANIFEST}; give a .edge, .onnx or .tflite file"
        ) from error
    return parse(text, str(folder))


def _copied(file: Path, name: str, kind: type[EdgeError]) -> Copied:
    if not file.exists():
        kind = ModelNotFound if kind is ModelError else kind
        raise kind(f"{one_line(file)}: no such file; check the path")
    if not file.is_file():
        raise kind(f"{one_line(file)} is no regular file; only those can be copied to a board")
    try:
        return Copied(file, name, sha256_of(file))
    except ModelError as error:
        raise kind(f"{one_line(file)} cannot be read; check its rights") from error


def _ending(path: Path) -> str:
    """Of a name that may hold anything."""
    return path.suffix if _ENDING.fullmatch(path.suffix) else ""
