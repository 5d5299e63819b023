"""What was measured, by hashes: the file of a model, or a bundle with the models that ran."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from edgeai.bundle import Bundle, Model
from edgeai.bundle.manifest import named_files
from edgeai.errors import BundleDamaged, ModelError, one_line
from edgeai.home import home_folder
from edgeai.measure.protocol import ModelRequest, Opened, Probed
from edgeai.prepared.find import prepared_folder

from .pipeline_report import BundleIdentity, BundleModel
from .report import ModelIdentity
from .targets import Target, variant_of


def model_identity(
    target: Target, request: ModelRequest, probed: Probed, model_id: str | None
) -> ModelIdentity:
    """The identity of what was measured. Raises ModelError for a file that went away meanwhile."""
    bundle = target.bundle
    if bundle.is_bare:
        assert target.model is not None
        variant = target.model.variants[0]
        return ModelIdentity(
            path=str(variant.path),
            sha256=sha256_of(variant.path),
            size_bytes=variant.path.stat().st_size,
            format=variant.format,
            inputs=probed.inputs,
            outputs=probed.outputs,
            id=model_id,
        )
    models = tuple(_bundle_model(target, opened) for opened in probed.models)
    assert bundle.identity is not None
    is_whole = target.model is None
    return ModelIdentity(
        path=str(bundle.path),
        sha256=bundle.identity if is_whole else models[0].sha256,
        size_bytes=sum(_size(file) for file in files_of(target, probed)),
        format="edge" if is_whole else models[0].format,
        inputs=probed.inputs,
        outputs=probed.outputs,
        id=model_id,
        bundle=BundleIdentity(
            identity=bundle.identity,
            id=bundle.id,
            version=bundle.version,
            model=None if target.model is None else target.model.name,
            variant=request.variant,
            models=models,
        ),
    )


def check_hashes(target: Target, probed: Probed | None) -> None:
    """Whether a bundle's files are those that its manifest names. Raises BundleDamaged.

    probed: tells which files run; None for those of every variant.
    """
    bundle = target.bundle
    if bundle.is_bare:
        return
    named = named_files(bundle.manifest, bundle.path)
    assert bundle.folder is not None
    variants = [variant for model in target.models for variant in model.variants]
    every = [bundle.folder / name for variant in variants for name in variant.files]
    for file in [*(every if probed is None else files_of(target, probed)), *bundle.assets.values()]:
        name = str(file.relative_to(bundle.folder))
        if sha256_of(file) != named[name]:
            raise BundleDamaged(
                f"{one_line(bundle.path)}: {one_line(name)} is not the file that the manifest names; "
                "copy the bundle again"
            )


def files_of(target: Target, probed: Probed) -> list[Path]:
    """The files of the variants that ran, external weights included."""
    bundle = target.bundle
    if bundle.is_bare:
        assert target.model is not None
        return [target.model.variants[0].path]
    assert bundle.folder is not None
    names = {
        name: None
        for opened in probed.models
        for name in variant_of(_model(bundle, opened), opened.variant).files
    }
    return [bundle.folder / name for name in names]


def prepared_files(probed: Probed) -> list[Path]:
    """The files of the prepared models that ran."""
    folders = [prepared_folder(home_folder()) / key for key in probed.prepared]
    return [file for folder in folders for file in sorted(folder.glob("*"))]


def drop_from_page_cache(file: Path) -> None:
    """Make the next process read a file from storage; needs no privilege. Pages that others map stay."""
    with suppress(OSError), file.open("rb") as opened:  # the worker says what is wrong with the file
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def sha256_of(file: Path) -> str:
    """In hex. Raises ModelError."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):  # a model may be larger than the board's free RAM
                digest.update(chunk)
    except OSError as error:
        raise ModelError(f"{one_line(file)} went away while it was measured: {error.strerror}") from error
    return digest.hexdigest()


def _bundle_model(target: Target, opened: Opened) -> BundleModel:
    bundle = target.bundle
    variant = variant_of(_model(bundle, opened), opened.variant)
    assert bundle.folder is not None
    return BundleModel(
        name=opened.name,
        variant=variant.id,
        precision=variant.precision,
        format=variant.format,
        backend=opened.backend,
        library_version=opened.library_version,
        provider=opened.provider,
        file=str(variant.path.relative_to(bundle.folder)),
        sha256=sha256_of(variant.path),
        size_bytes=_size(variant.path),
        why=opened.why,
    )


def _model(bundle: Bundle, opened: Opened) -> Model:
    return next(model for model in bundle.models if model.name == opened.name)


def _size(file: Path) -> int:
    return file.stat().st_size
