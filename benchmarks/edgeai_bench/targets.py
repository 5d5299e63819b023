"""What of a path is measured: a bare model, one model of a bundle on tensors, or a whole pipeline."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edgeai.backends import BACKENDS
from edgeai.bundle import Bundle, Model, Variant
from edgeai.device import cpu_flags, detect_profile, load_profile
from edgeai.errors import InputError, UsageError, one_line
from edgeai.measure.declared_inputs import with_declared
from edgeai.measure.pipeline_source import hops_of
from edgeai.measure.protocol import InputRequest, ModelRequest
from edgeai.open_bundle import open_bundle
from edgeai.sysroot import SysRoot
from edgeai.variants import Wishes, rank

_SHORTEST_S, _LONGEST_S = 0.001, 10.0
"""Of a chunk: sound cards hand over several milliseconds, and nobody waits for more than seconds."""


@dataclass(frozen=True)
class Target:
    """model: None for the whole pipeline."""

    bundle: Bundle
    model: Model | None

    @property
    def models(self) -> tuple[Model, ...]:
        """Those that are opened."""
        return self.bundle.models if self.model is None else (self.model,)

    def is_read_by(self, backend: str, variant: str | None) -> bool:
        """Whether a backend reads the variant, or one of all, of every model. A name that is not in the table
        reads everything, for its error's sake."""
        if backend not in BACKENDS:
            return True
        formats = BACKENDS[backend].formats
        return all(
            any(each.format in formats for each in model.variants if variant in {None, each.id})
            for model in self.models
        )


def backends_here(target: Target, request: ModelRequest) -> tuple[str, ...]:
    """Of a bundle, the backends that run every model here, each some variant of it; the device's first first.

    Raises InputError for a variant that is not there, and UnknownDevice.
    """
    profile = detect_profile() if request.device is None else load_profile(request.device)
    flags, wishes = cpu_flags(SysRoot()), Wishes(variant=request.variant)
    runs = [
        dict.fromkeys(candidate.backend for candidate in rank(model, profile, flags, wishes)[0])
        for model in target.models
    ]
    return tuple(name for name in runs[0] if all(name in names for names in runs))


@contextmanager
def opened_target(path: str | os.PathLike[str], name: str | None) -> Iterator[Target]:
    """The target at a path; a packed bundle stays in the store until it is left.

    name: of the model that was asked for. Raises as `open_bundle`, and where there is nothing of that name.
    """
    bundle, held = open_bundle(path)
    try:
        yield Target(bundle, _model(bundle, name))
    finally:
        if held is not None:
            held.close()


def check_inputs(target: Target, inputs: InputRequest) -> None:
    """Refuse options that do not go with the target. Raises UsageError."""
    shown = one_line(target.bundle.path)
    if target.model is not None:
        if inputs.source is not None or inputs.chunk_s is not None:
            raise UsageError(
                f"--source and --chunk go with a bundle's whole pipeline; {shown} is measured on tensors: "
                "give them with --input"
            )
        return
    if inputs.file is not None or inputs.shapes or inputs.batch is not None:
        raise UsageError(
            f"--input, --input-shape and --batch go with a model; for the pipeline of {shown} give --source, "
            "or choose a model with --model"
        )
    if inputs.chunk_s is None:
        return
    if hops_of(target.bundle, None) is None:
        raise UsageError(f"--chunk is for streams of sound, and {shown} is none; leave it out")
    if not _SHORTEST_S <= inputs.chunk_s <= _LONGEST_S:
        raise UsageError(f"--chunk is {inputs.chunk_s:g} s; give a time from 1ms to 10s")


def completed(target: Target, inputs: InputRequest) -> InputRequest:
    """The inputs with what the manifest knows of a model's: usual sizes, constants, and state that is looped.

    What the user gave goes before.
    """
    if target.model is None or target.bundle.is_bare:
        return inputs
    return with_declared(target.model, inputs)


def chooses_sizes(target: Target, asked: InputRequest) -> bool:
    """Whether a manifest's usual sizes stand in for sizes that the user did not give."""
    if target.model is None or asked.file is not None:
        return False
    return any(each.ranges and name not in asked.shapes for name, each in target.model.inputs.items())


def variant_of(model: Model, id_: str) -> Variant:
    """A variant by its id."""
    return next(variant for variant in model.variants if variant.id == id_)


def _model(bundle: Bundle, name: str | None) -> Model | None:
    shown, have = one_line(bundle.path), one_line(", ".join(model.name for model in bundle.models))
    if bundle.is_bare:
        if name is not None:
            raise InputError(f"{shown} is a bare model file, which has no model; leave it out")
        return bundle.models[0]
    if name is not None:
        for model in bundle.models:
            if model.name == name:
                return model
        raise InputError(f"{shown} has no model {one_line(name)!r}; it has: {have}")
    if bundle.stages:
        return None
    if len(bundle.models) > 1:
        raise UsageError(f"{shown} has no pipeline, but models: {have}; choose one with --model NAME")
    return bundle.models[0]
