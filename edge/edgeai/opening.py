"""What `edgeai.load` does: chooses variant, backend and options, and opens the session that runs them."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from .backends import BACKENDS, choose_backend, load_backend
from .errors import InputError, ModelError, one_line
from .fallback import warn_of_unused
from .open_bundle import open_bundle
from .open_prepared import Asked, Opened, chosen_runner, open_prepared
from .room import check_room
from .session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from .bundle import Bundle, Variant
    from .device import DeviceProfile
    from .prepared.choice import Choice


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
    profile, threads, named = _profile(device), _check_threads(threads), _check_providers(providers)
    _check_steps(steps)
    bundle, held = open_bundle(path)
    asked = Asked(
        shown=str(path) if bundle.is_bare else str(bundle.path),
        prepared=prepared,
        threads=threads,
        backend=backend,
        providers=named,
        variant=variant,
        signature=signature,
        profile=profile,
        is_device_given=device is not None,
    )
    if bundle.is_bare:
        _refuse_words_of_bundles(path, model=model, variant=variant, steps=steps)
        return _open_bare(bundle, asked)
    from .open_models import Opener  # with the variants and the pipeline, of which a bare file has none

    try:
        if signature is not None:
            raise InputError(f"{one_line(path)} is a bundle, whose manifest names signatures; leave it out")
        opener = Opener(bundle, asked)
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


def _open_bare(bundle: Bundle, asked: Asked) -> Session:
    model = bundle.models[0]
    tried = open_prepared(bundle, model, asked, lambda runner: None)
    if isinstance(tried, Opened):
        return tried.session
    variant, path, options = model.variants[0], asked.shown, asked.options()
    name = asked.backend or choose_backend(variant.format, asked.profile().preferred_backends)
    _check_reads(name, variant)
    check_room(variant)
    runner = load_backend(name).open(variant, options)
    warn_of_unused(options.providers, runner.provider_share, path)
    reason = "was asked for" if asked.backend else f"first that is installed and reads {variant.format}"
    why = (f"{name}: {reason}", *tried.why)
    return Session(runner, model=path, backend=name, threads=options.threads, why=why)


def _profile(device: str | DeviceProfile | None) -> Callable[[], DeviceProfile]:
    """What gives the profile. This machine's is detected when it is first asked for."""
    if device is None:
        return _detected_once()
    from .device import DeviceProfile, load_profile

    if isinstance(device, DeviceProfile):
        return lambda: device
    if not isinstance(device, str):
        raise InputError(f"device is {device!r}; give an id of `edgeai device list` or a DeviceProfile")
    profile = load_profile(device)
    return lambda: profile


def _detected_once() -> Callable[[], DeviceProfile]:
    """Once for each load: a prepared model is opened without it."""

    @cache
    def detected() -> DeviceProfile:
        from .device import detect_profile

        return detect_profile()

    return detected


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
