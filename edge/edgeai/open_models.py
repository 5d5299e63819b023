"""Opens the models of a bundle: of each what was prepared or the best variant, and the pipeline over them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .backends import load_backend
from .bundle import TensorSpec, list_specs
from .device import cpu_flags
from .errors import (
    BackendMissing,
    EdgeError,
    InputError,
    ManifestError,
    ModelError,
    PreparedUnusable,
    VariantSkipped,
    one_line,
)
from .fallback import warn_of_unused
from .open_prepared import Opened, open_prepared
from .pipeline.model import ModelPort
from .pipeline.pipeline import Pipeline
from .renamed import RenamedRunner
from .room import check_room
from .session import Session
from .several import SeveralModels
from .sysroot import SysRoot
from .variants import Candidate, Skipped, Wishes, rank

if TYPE_CHECKING:
    from .backends import Runner, RunOptions
    from .bundle import Bundle, Model
    from .open_prepared import Asked

_FAILED = "does not open"


class Opener:
    """Opens the models of one bundle."""

    def __init__(self, bundle: Bundle, asked: Asked) -> None:
        self._bundle, self._asked, self._path = bundle, asked, str(bundle.path)
        self._wishes = Wishes(asked.variant, asked.backend, asked.providers)
        self._prepared: dict[str, Opened] = {}

    @cached_property
    def _options(self) -> RunOptions:
        return self._asked.options()

    def open_all(self, steps: Mapping[str, Callable[..., Any]]) -> Session:
        """Every model, and the pipeline where there is one."""
        bundle = self._bundle
        if not bundle.stages and len(bundle.models) == 1:
            return self._open(bundle.models[0])
        opened: dict[str, Session] = {}
        ports: dict[str, ModelPort] = {}
        try:
            for model in bundle.models:
                opened[model.name] = session = self._open(model)
                ports[model.name] = ModelPort(model, session, self._again(model, session))
            pipeline = Pipeline(bundle, ports, steps) if bundle.stages else None
        except BaseException:
            for session in opened.values():
                session.close()
            raise
        return self._joined(opened, pipeline)

    def open_one(self, name: str) -> Session:
        """One model by its name, for tensors in and out."""
        for model in self._bundle.models:
            if model.name == name:
                return self._open(model)
        have = one_line(", ".join(model.name for model in self._bundle.models))
        raise InputError(f"{one_line(self._path)} has no model {one_line(name)!r}; it has: {have}")

    def _joined(self, opened: dict[str, Session], pipeline: Pipeline | None) -> Session:
        only = next(iter(opened.values())) if len(opened) == 1 else None
        return Session(
            SeveralModels(opened, self._path),
            model=self._path,
            backend=", ".join(dict.fromkeys(session.backend for session in opened.values())),
            threads=self._options.threads if only is None else only.threads,
            variant=None if only is None else only.variant,
            prepared=None if only is None else only.prepared,
            why=tuple(line for session in opened.values() for line in session.why),
            pipeline=pipeline,
            models=opened,
        )

    def _open(self, model: Model) -> Session:
        """What was prepared, or else the best variant that opens.

        Raises ModelError with every reason where none does.
        """
        tried = open_prepared(self._bundle, model, self._asked, lambda runner: self._check(model, runner))
        if isinstance(tried, Opened):
            self._prepared[model.name] = tried
            return tried.session
        session = self._open_as_it_came(model)
        session.why += tried.why
        return session

    def _open_as_it_came(self, model: Model) -> Session:
        candidates, skipped = rank(model, self._asked.profile(), cpu_flags(SysRoot()), self._wishes)
        for place, candidate in enumerate(candidates):
            try:
                session = self._open_candidate(model, candidate, skipped, candidates[place + 1 :])
            except (ModelError, BackendMissing, InputError) as error:
                if isinstance(error, ManifestError):
                    raise
                reason = f"{_FAILED}: {one_line(error)}"
                skipped.append(Skipped(candidate.variant.id, candidate.backend, reason))
                continue
            for each in skipped:
                if each.reason.startswith(_FAILED):
                    text = f"{one_line(self._path)}: {model.name}: {each}; {session.variant} runs instead"
                    warnings.warn(text, VariantSkipped, stacklevel=5)
            return session
        reasons = "; ".join(map(str, skipped))
        error_type: type[EdgeError] = BackendMissing if _only_missing(skipped) else ModelError
        raise error_type(
            one_line(f"{self._path}: no variant of model {model.name!r} runs here: {reasons}", 1200)
        )

    def _open_candidate(
        self, model: Model, candidate: Candidate, skipped: list[Skipped], others: list[Candidate]
    ) -> Session:
        runner = self._open_runner(model, candidate)
        variant = candidate.variant
        precision = f" ({variant.precision})" if variant.precision else ""
        why = [f"{model.name}: {variant.id}{precision} on {candidate.backend}: {self._reason(others)}"]
        why += [f"{model.name}: skipped {each}" for each in skipped]
        return Session(
            runner,
            model=self._path,
            backend=candidate.backend,
            threads=self._options.threads,
            variant=variant.id,
            why=tuple(why),
            declared=model.inputs,
        )

    def _reason(self, others: list[Candidate]) -> str:
        if self._wishes.variant or self._wishes.backend:
            return "as was asked for"
        if not others:
            return "the only one that runs here"
        rest = ", ".join(f"{each.variant.id} on {each.backend}" for each in others)
        return f"first by the bundle's order and {self._asked.profile().id}'s backends, before {rest}"

    def _open_runner(self, model: Model, candidate: Candidate) -> Runner:
        variant = candidate.variant
        options = self._options._replace(signature=variant.signature)
        check_room(variant)
        runner = load_backend(candidate.backend).open(variant, options)
        if variant.names:
            runner = RenamedRunner(runner, variant.names, self._path)
        warn_of_unused(options.providers, runner.provider_share, self._path)
        try:
            self._check(model, runner)
        except ManifestError:
            runner.close()
            raise
        return runner

    def _check(self, model: Model, runner: Runner) -> None:
        _check_signature(model, runner, f"{one_line(self._path)}: models.{model.name}")

    def _again(self, model: Model, session: Session) -> Callable[[], Session]:
        """Opens what a session runs once more, for a stream of its own."""
        variant = next(each for each in model.variants if each.id == session.variant)
        candidate = Candidate(variant, session.backend)
        prepared = self._prepared.get(model.name)

        def again() -> Session:
            try:
                return prepared.again() if prepared else self._open_candidate(model, candidate, [], [])
            except EdgeError as error:
                if prepared is None:
                    raise
                text = f"{one_line(error)}; for this stream the model runs as it came"
                warnings.warn(text, PreparedUnusable, stacklevel=2)
                return self._open_candidate(model, candidate, [], [])

        return again


def _only_missing(skipped: list[Skipped]) -> bool:
    """Whether an installation would help: then that is what is wrong, and not the model."""
    return any(each.reason.startswith("not installed") for each in skipped) and not any(
        each.reason.startswith(_FAILED) for each in skipped
    )


def _check_signature(model: Model, runner: Runner, where: str) -> None:
    """What the manifest declares against what the file has. Raises ManifestError."""
    declared = (("inputs", {n: each.spec for n, each in model.inputs.items()}), ("outputs", model.outputs))
    for (key, specs), found in zip(declared, (runner.inputs, runner.outputs), strict=True):
        have = {spec.name: spec for spec in found}
        if not specs:
            continue
        missing = [name for name in specs if name not in have]
        if missing or (key == "inputs" and len(have) != len(specs)):
            raise ManifestError(
                f"{where}.{key} are {one_line(', '.join(specs))}; the file has {list_specs(found)}"
            )
        for name, spec in specs.items():
            if not _same(spec, have[name]):
                raise ManifestError(f"{where}.{key}.{name} is declared as {spec}; the file has {have[name]}")


def _same(declared: TensorSpec, found: TensorSpec) -> bool:
    """Whether a file's tensor can be what was declared: real values of a quantized one are f32."""
    dtypes = {found.dtype, "f32"} if found.quantization else {found.dtype}
    if declared.dtype not in dtypes or len(declared.shape) != len(found.shape):
        return False
    return all(
        not (isinstance(want, int) and isinstance(have, int)) or want == have
        for want, have in zip(declared.shape, found.shape, strict=True)
    )
