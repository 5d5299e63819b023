"""What raw is, and what is fed: the request that every process of a search is made from."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..measure.declared_inputs import with_declared
from ..measure.protocol import InputRequest, ModelRequest, Request
from .trial import WARM_UP

if TYPE_CHECKING:
    from ..bundle import Bundle, Model
    from ..measure.protocol import Probed
    from .settings import SearchSettings


def raw_request(
    bundle: Bundle, path: str | os.PathLike[str], model: Model, settings: SearchSettings, shared: Path
) -> Request:
    """Asks for what `edgeai.load(prepared=False)` opens, on inputs as the bench makes them.

    shared: where the probe leaves inputs and outputs for all others.
    """
    return Request(
        ModelRequest(
            str(path),
            backend=settings.backends[0] if settings.backends else None,
            threads=settings.threads,
            name=None if bundle.is_bare else model.name,
            variant=None if bundle.is_bare else settings.variant,
            prepared=False,
        ),
        settings.inputs if bundle.is_bare else with_declared(model, with_sample(bundle, model, settings)),
        str(shared),
        warm_up=WARM_UP,
        real=True,
    )


def with_sample(bundle: Bundle, model: Model, settings: SearchSettings) -> InputRequest:
    """The inputs with a golden sample of the model where it has every input, else what the pipeline feeds it
    for its own; unless the user gave some.
    """
    asked = settings.inputs
    if asked.file is not None or asked.shapes or asked.values or asked.batch is not None or not model.inputs:
        return asked
    for golden in bundle.golden:
        if golden.model == model.name and golden.inputs and _holds(golden.inputs, set(model.inputs)):
            return replace(asked, file=str(golden.inputs))
    return replace(asked, sample=bool(bundle.stages))


def as_probed(request: Request, probed: Probed) -> Request:
    """The same with what the probe settled, so that every process opens just that."""
    variant = probed.models[0].variant if probed.models else request.model.variant
    model = replace(request.model, backend=probed.backend, threads=probed.threads, variant=variant)
    return replace(request, model=model)


def _holds(file: Path, names: set[str]) -> bool:
    """Whether a .npz has just these arrays; their names are those of its members."""
    try:
        with zipfile.ZipFile(file) as members:
            return {name.removesuffix(".npy") for name in members.namelist()} == names
    except (OSError, zipfile.BadZipFile):
        return False
