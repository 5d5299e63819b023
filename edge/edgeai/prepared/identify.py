"""What a prepared model belongs to: the identity of what was prepared, and the files that it was made of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..errors import StoreError, one_line
from .fingerprint import fingerprint, versions
from .record import Prepared, Tried, model_name
from .seen import FileSeen, hash_file, see

if TYPE_CHECKING:
    from ..bundle import Bundle, Model, Variant
    from .choice import Choice


def identity_of(bundle: Bundle) -> str:
    """The bundle's identity; of a bare file its sha256, for which the file is read. Raises OSError."""
    return bundle.identity or hash_file(bundle.models[0].variants[0].path)


def sources_of(variant: Variant) -> tuple[FileSeen, ...]:
    """The files of a variant as they are now, the model first, from the model's folder.

    For those that prepare: every file is read. Raises OSError, and ModelError for a damaged file.
    """
    from ..graph import read_graph

    folder, name = variant.path.parent, variant.path.name
    others = read_graph(variant.path).external_files
    return (see(folder, name), *(see(folder, other) for other in others if other != name))


def record_of(
    bundle: Bundle,
    model: Model,
    choice: Choice,
    *,
    identity: str,
    edgeai: str,
    asked_threads: int | None,
    objective: str,
    why: str,
    tried: tuple[Tried, ...] = (),
    written_bytes: int = 0,
) -> Prepared:
    """The record of a choice, made for this device and the software that is here now; for `keep`.

    identity: what `identity_of` gave before anything was measured. edgeai: the version that prepares.
    Raises StoreError where a file was changed since, BackendMissing, ModelError, OSError.
    """
    variant = next(each for each in model.variants if each.id == choice.variant)
    sources = sources_of(variant)
    wanted = identity if bundle.is_bare else _declared(bundle, variant)
    if wanted not in {None, sources[0].sha256}:
        raise StoreError(f"{one_line(variant.path)} was changed while it was prepared; prepare it again")
    name = bundle.path.name if bundle.is_bare else bundle.id or bundle.path.name
    return Prepared(
        identity=identity,
        model=model_name(bundle, model),
        shown=name if len(bundle.models) == 1 else f"{name}: {model.name}",
        asked_threads=asked_threads,
        objective=objective,
        choice=choice,
        sources=sources,
        fingerprint=fingerprint(),
        versions=versions(choice.backend),
        edgeai=edgeai,
        made_s=time.time(),
        why=why,
        tried=tried,
        written_bytes=written_bytes,
    )


def _declared(bundle: Bundle, variant: Variant) -> str | None:
    """sha256 of the variant's file as the manifest says."""
    assert bundle.folder is not None
    return next(
        (sha256 for name, sha256 in variant.files.items() if bundle.folder / name == variant.path), None
    )
