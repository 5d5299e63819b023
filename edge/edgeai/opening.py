"""What `edgeai.load` does: chooses variant, backend and options, and opens the session that runs them."""

from __future__ import annotations

import operator
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .backends import BACKENDS, RunOptions, choose_backend, load_backend, unused_providers
from .bundle import Bundle, Model, TensorSpec, Variant, list_specs
from .device import DeviceProfile, cpu_flags, default_threads, detect_profile, load_profile
from .errors import (
    BackendMissing,
    EdgeError,
    InputError,
    ManifestError,
    ModelError,
    PreparedUnusable,
    ProviderUnused,
    VariantSkipped,
    one_line,
)
from .open_bundle import open_bundle
from .open_prepared import Asked, Opened, chosen_runner, open_prepared
from .pipeline.model import ModelPort
from .pipeline.pipeline import Pipeline
from .renamed import RenamedRunner
from .room import check_room
from .session import Session
from .several import SeveralModels
from .sysroot import SysRoot
from .variants import Candidate, Skipped, Wishes, rank

if TYPE_CHECKING:
    from pathlib import Path

    from .backends import Runner
    from .prepared.choice import Choice


_FAILED = "does not open"


def open_session(
    path: str | os.PathLike[str],
    *,
    device: str | DeviceProfile | None,
    backend: str | None,
    threads: int | None,
    providers: Sequence[str] | None,
    signature: str | None,
    model: str | None = None,
    variant: str | None = None,
    steps: Mapping[str, Callable[..., Any]] | None = None,
    prepared: bool | None = None,
) -> Session:
    """What `edgeai.load` does; see there."""
    profile = _profile(device)
    options = RunOptions(
        threads=_check_threads(threads) or default_threads(profile),
        providers=_check_providers(providers),
        preferred_providers=profile.preferred_providers if providers is None else (),
        signature=signature,
    )
    _check_steps(steps)
    bundle, held = open_bundle(path)
    asked = Asked(
        shown=str(path) if bundle.is_bare else str(bundle.path),
        prepared=prepared,
        threads=threads,
        backend=backend,
        providers=options.providers,
        variant=variant,
        signature=signature,
        profile=profile,
        is_device_given=device is not None,
    )
    if bundle.is_bare:
        _refuse_words_of_bundles(path, model=model, variant=variant, steps=steps)
        return _open_bare(bundle, asked, options)
    try:
        if signature is not None:
            raise InputError(f"{one_line(path)} is a bundle, whose manifest names signatures; leave it out")
        opener = _Opener(bundle, asked, Wishes(variant, backend, options.providers), options)
        session = opener.open_one(model) if model is not None else opener.open_all(steps or {})
    except BaseException:
        if held is not None:
            held.close()
        raise
    if held is not None:
        session.keep(held)
    return session


def open_choice(
    path: str | os.PathLike[str], choice: Choice, *, model: str | None = None, folder: Path | None = None
) -> Session:
    """Open one model exactly as a choice says. folder: where the files of its form lie.

    Raises as `edgeai.load`.
    """
    bundle, held = open_bundle(path)
    try:
        session = _open_chosen(bundle, path, choice, model, folder)
    except BaseException:
        if held is not None:
            held.close()
        raise
    if held is not None:
        session.keep(held)
    return session


def _open_chosen(
    bundle: Bundle, path: str | os.PathLike[str], choice: Choice, name: str | None, folder: Path | None
) -> Session:
    model = next((each for each in bundle.models if name in {None, each.name}), None)
    variant = next((each for each in model.variants if each.id == choice.variant), None) if model else None
    if model is None or variant is None:
        raise InputError(f"{one_line(path)} has no model {name!r} with a variant {choice.variant!r}")
    return Session(
        chosen_runner(variant, choice, folder, str(path)),
        model=str(path),
        backend=choice.backend,
        threads=choice.threads,
        variant=None if bundle.is_bare else variant.id,
        why=(f"{model.name}: as prepared",),
        declared=model.inputs,
    )


def _refuse_words_of_bundles(path: str | os.PathLike[str], **words: object) -> None:
    for word, value in words.items():
        if value is not None:
            raise InputError(f"{one_line(path)} is a bare model file, which has no {word}; leave it out")


def _open_bare(bundle: Bundle, asked: Asked, options: RunOptions) -> Session:
    model = bundle.models[0]
    tried = open_prepared(bundle, model, asked, lambda runner: None)
    if isinstance(tried, Opened):
        return tried.session
    variant, path = model.variants[0], asked.shown
    name = asked.backend or choose_backend(variant.format, asked.profile.preferred_backends)
    _check_reads(name, variant)
    check_room(variant)
    runner = load_backend(name).open(variant, options)
    _warn_of_unused(options.providers, runner.provider_share, path)
    reason = "was asked for" if asked.backend else f"first that is installed and reads {variant.format}"
    why = (f"{name}: {reason}", *tried.why)
    return Session(runner, model=path, backend=name, threads=options.threads, why=why)


class _Opener:
    """Opens the models of one bundle."""

    def __init__(self, bundle: Bundle, asked: Asked, wishes: Wishes, options: RunOptions) -> None:
        self._bundle, self._asked, self._wishes, self._options = bundle, asked, wishes, options
        self._profile, self._path = asked.profile, str(bundle.path)
        self._prepared: dict[str, Opened] = {}

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
        candidates, skipped = rank(model, self._profile, cpu_flags(SysRoot()), self._wishes)
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
        return f"first by the bundle's order and {self._profile.id}'s backends, before {rest}"

    def _open_runner(self, model: Model, candidate: Candidate) -> Runner:
        variant = candidate.variant
        options = replace(self._options, signature=variant.signature)
        check_room(variant)
        runner = load_backend(candidate.backend).open(variant, options)
        if variant.names:
            runner = RenamedRunner(runner, variant.names, self._path)
        _warn_of_unused(options.providers, runner.provider_share, self._path)
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


def _profile(device: str | DeviceProfile | None) -> DeviceProfile:
    if isinstance(device, DeviceProfile):
        return device
    if device is None:
        return detect_profile()
    if not isinstance(device, str):
        raise InputError(f"device is {device!r}; give an id of `edgeai device list` or a DeviceProfile")
    return load_profile(device)


def _check_providers(providers: Sequence[str] | None) -> tuple[str, ...]:
    if providers is None:
        return ()
    is_list = isinstance(providers, (str, Sequence))
    names = (providers,) if isinstance(providers, str) else tuple(providers) if is_list else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"providers is {providers!r}; give names in order, such as ['cuda', 'cpu']")
    return names


def _check_steps(steps: object) -> None:
    if steps is None:
        return
    if not isinstance(steps, Mapping):
        raise InputError(f"steps is a {type(steps).__name__}; give functions by name: {{'acme.x@1': f}}")
    for name, step in steps.items():
        if not callable(step):
            raise InputError(f"steps[{one_line(repr(name))}] is a {type(step).__name__}; give a function")


def _warn_of_unused(asked: tuple[str, ...], share: Mapping[str, float], path: str) -> None:
    """A fallback always says so; where only the first run's trace can tell, `Session.provider` does."""
    unused = unused_providers(asked, share)
    if unused:
        warnings.warn(
            f"{one_line(path)}: no node runs on {', '.join(unused)}; all run on {', '.join(share)}",
            ProviderUnused,
            stacklevel=5,
        )


def _check_reads(name: str, variant: Variant) -> None:
    entry = BACKENDS.get(name)
    if entry is not None and variant.format not in entry.formats:
        raise ModelError(
            f"{one_line(variant.path)} is {variant.format}, which {name} does not read; "
            f"leave the backend out or choose one of: "
            f"{', '.join(key for key, other in BACKENDS.items() if variant.format in other.formats)}"
        )


def _check_threads(threads: int | None) -> int | None:
    # The libraries start whatever number they are given, and hang or die on an absurd one.
    try:
        number = None if threads is None else operator.index(threads)
    except TypeError:
        number = 0
    if number is not None and (isinstance(threads, bool) or not 1 <= number <= 1024):
        raise InputError(f"threads is {threads!r}; give a whole number from 1 to 1024")
    return number
