"""What is in a bundle or a model file, found without any backend and without unpacking it into the store."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bundle import Bundle, bare_bundle
from .bundle.bare import read_head
from .bundle.manifest import SIGNATURE, named_files, parse_manifest, unknown_keys
from .errors import InputError, ModelError, one_line
from .graph import READERS, GraphSummary, read_graph
from .graph.costs import costs
from .included import find_model
from .open_bundle import ZIP_START, is_folder, read_folder
from .variant_facts import VariantFacts, variant_facts

if TYPE_CHECKING:
    from .bundle import Variant
    from .bundle.archive import Archive

PACKED, FOLDER, BARE = "packed", "folder", "bare"

Graphs = Mapping[tuple[str, str], "GraphSummary | str"]


@dataclass(frozen=True)
class Looked:
    """A bundle that was looked into where it lies.

    bundle: of a packed one, files have no place: only their names below the archive count.
    archive: open, of a packed one.
    """

    bundle: Bundle
    form: str
    archive: Archive | None = None


@dataclass(frozen=True)
class File:
    """A file of a bundle. sha256: as the manifest states it."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Description:
    """What a bundle or a model file holds.

    form: `packed`, `folder` or `bare`. size_bytes: of the one file, or of what the manifest names.
    files: by name. graphs: what each variant's file holds, by model and variant; where that cannot be told,
        why. variants: what is known of each. is_signed: whether there is a signature, which nobody checked.
    """

    bundle: Bundle
    form: str
    size_bytes: int
    files: Mapping[str, File] = field(default_factory=dict)
    graphs: Graphs = field(default_factory=dict)
    variants: tuple[VariantFacts, ...] = ()
    unknown_keys: tuple[str, ...] = ()
    is_signed: bool = False


@contextmanager
def look(path: str | os.PathLike[str]) -> Iterator[Looked]:
    """Look into what a user calls a model, as `edgeai.load` would open it; an archive is closed afterwards.

    Raises ModelNotFound, ModelError for what is no model, and BundleError.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"{one_line(repr(path))} is no path; give a .edge, .onnx or .tflite file")
    file = find_model(path)
    if is_folder(file):
        yield Looked(read_folder(file, shown=file), FOLDER)
    elif read_head(file)[:2] != ZIP_START:
        yield Looked(bare_bundle(file), BARE)
    else:
        from .bundle.archive import open_archive

        with open_archive(file) as archive:
            bundle = parse_manifest(archive.manifest, file, file)
            yield Looked(replace(bundle, identity=archive.identity), PACKED, archive)


def describe(path: str | os.PathLike[str], *, graphs: bool = True) -> Description:
    """Everything that `edgeai show` prints. graphs: whether to read the model files, too.

    Raises as `look`; a model file that cannot be read is told in `graphs`.
    """
    with look(path) as looked:
        bundle = looked.bundle
        files = {} if bundle.is_bare else _files(looked)
        size_bytes = _size(looked, files)
        read = {key: (graph, cost) for key, graph, cost in _graphs(looked)} if graphs else {}
        found = {key: graph for key, (graph, _) in read.items()}
        sizes = {name: file.size_bytes for name, file in files.items()} or {bundle.path.name: size_bytes}
        counted = {key: cost for key, (_, cost) in read.items() if cost is not None}
        return Description(
            bundle=bundle,
            form=looked.form,
            size_bytes=size_bytes,
            files=files,
            graphs=found,
            variants=variant_facts(bundle, sizes, found, counted),
            unknown_keys=tuple(unknown_keys(bundle.manifest)),
            is_signed=_is_signed(looked),
        )


def _files(looked: Looked) -> dict[str, File]:
    bundle = looked.bundle
    names = named_files(bundle.manifest, bundle.path)
    sizes = looked.archive.sizes if looked.archive else {name: _on_disk(bundle, name) for name in names}
    return {name: File(sizes[name], sha256) for name, sha256 in names.items()}


def _on_disk(bundle: Bundle, name: str) -> int:
    assert bundle.folder is not None
    return (bundle.folder / name).stat().st_size


def _size(looked: Looked, files: Mapping[str, File]) -> int:
    if looked.form == FOLDER:
        return sum(file.size_bytes for file in files.values())
    return looked.bundle.path.stat().st_size


def _is_signed(looked: Looked) -> bool:
    if looked.archive is not None:
        return looked.archive.signature is not None
    return looked.form == FOLDER and (looked.bundle.path / SIGNATURE).is_file()


def _graphs(
    looked: Looked,
) -> Iterator[tuple[tuple[str, str], GraphSummary | str, dict[str, Any] | None]]:
    """What each variant's file holds, and what it costs where the manifest does not say so."""
    for model in looked.bundle.models:
        for variant in model.variants:
            yield (model.name, variant.id), *_graph(variant, looked)


def _graph(variant: Variant, looked: Looked) -> tuple[GraphSummary | str, dict[str, Any] | None]:
    if variant.format not in READERS:
        return f"the format {one_line(variant.format)} is not known here", None
    try:
        with variant_file(variant, looked) as file:
            return _read(file, variant)
    except ModelError as error:
        return str(error), None


def _read(path: Path, variant: Variant) -> tuple[GraphSummary, dict[str, Any] | None]:
    graph = read_graph(path)
    try:
        return graph, None if variant.cost else costs(path).to_json()
    except ModelError as error:  # a summary needs less of the file than counting does
        reason = str(error).replace(one_line(path), one_line(variant.path.name))
        return graph, {"unavailable": {"cost": reason}}


@contextmanager
def variant_file(variant: Variant, looked: Looked) -> Iterator[Path]:
    """The main file of a variant; out of an archive unpacked for a moment, since readers map files.

    Raises ModelError; what is raised inside tells the file by its name in the archive.
    """
    if looked.archive is None:
        yield variant.path
        return
    name = variant.path.relative_to(looked.bundle.path).as_posix()
    try:
        with tempfile.NamedTemporaryFile(prefix="edgeai-", suffix=Path(name).suffix) as file:
            for piece in looked.archive.read(name):
                file.write(piece)
            file.flush()
            try:
                yield Path(file.name)
            except ModelError as error:
                raise ModelError(str(error).replace(one_line(file.name), one_line(name))) from error
    except ModelError:
        raise
    except OSError as error:
        raise ModelError(f"{one_line(name)} cannot be unpacked for a look: {error.strerror}") from error
