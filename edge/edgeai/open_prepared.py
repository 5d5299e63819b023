"""Opens what `edgeai prepare` made of a model, where it is sound, fits this device and is what was asked for.

Whatever is wrong with it, the model then runs as it came, and a warning says so. A library that crashes while
it opens a file takes the process with it, and nothing here keeps the next load from that: noting each load
would wear SD cards. So `edgeai prepare` tries everything in processes of their own before it keeps it.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .backends import RunOptions, choose_backend, load_backend
from .device import default_threads, usable_cpus
from .errors import EdgeError, NotPrepared, PreparedStale, PreparedUnusable, StoreError, one_line
from .home import home_folder
from .session import Session

if TYPE_CHECKING:
    from .backends import Runner
    from .bundle import Bundle, Model, Variant
    from .device import DeviceProfile
    from .prepared.choice import Choice
    from .prepared.find import Found, NotUsed


# Named tuples, which are made in a fraction of a dataclass's time: every load makes these classes.


class Asked(NamedTuple):
    """What the caller of `edgeai.load` said, which a prepared model must agree with; see there.

    shown: the path as it was given. profile: gives it when it is asked for. is_device_given: whether the
    profile is the caller's.
    """

    shown: str

    prepared: bool | None
    threads: int | None
    backend: str | None
    providers: tuple[str, ...]
    variant: str | None
    signature: str | None
    profile: Callable[[], DeviceProfile]
    is_device_given: bool

    def options(self) -> RunOptions:
        """How the model is opened as it came; asks for the profile."""
        profile = self.profile()
        return RunOptions(
            threads=self.threads or default_threads(profile),
            providers=self.providers,
            preferred_providers=() if self.providers else profile.preferred_providers,
            signature=self.signature,
        )


class AsItCame(NamedTuple):
    """No prepared model is used. why: lines for `Session.why`; none where nothing was prepared."""

    why: tuple[str, ...] = ()


class Opened(NamedTuple):
    """again: opens the same once more, for a stream of its own; raises EdgeError where it is gone."""

    session: Session
    again: Callable[[], Session]


Check = Callable[["Runner"], None]
"""Holds a runner against the manifest. Raises ManifestError."""


def open_prepared(bundle: Bundle, model: Model, asked: Asked, check: Check) -> Opened | AsItCame:
    """Open the prepared form of one model of a bundle. Raises NotPrepared where the caller insists on one."""
    refused = _open_found(bundle, model, asked, check) if asked.prepared is not False else None
    if isinstance(refused, Opened):
        return refused
    if asked.prepared:
        why = "nothing is prepared of it here" if refused is None else refused.reason
        raise NotPrepared(
            f"{_where(bundle, model, asked)}: {why}; run `edgeai prepare {one_line(asked.shown)}`"
        )
    if refused is None:
        return AsItCame()
    _warn(_where(bundle, model, asked), asked, refused)
    return AsItCame((f"{one_line(model.name)}: as it came: {refused.reason}",))


def home_with_prepared() -> Path | None:
    """The home where something may be prepared; None where nothing is, which costs one look at a folder."""
    try:
        home = home_folder()
    except StoreError:  # nowhere to have anything prepared
        return None
    # As `find.prepared_folder`, which costs an import.
    return home if (home / "prepared").is_dir() else None


def chosen_runner(variant: Variant, choice: Choice, folder: Path | None, shown: str) -> Runner:
    """A variant opened exactly as a choice says. folder: where the files of its form lie."""
    form, opened = choice.form, variant
    cache = folder / form.main if form is not None and folder is not None else None
    if form is not None and form.is_model and cache is not None:
        opened, cache = replace(variant, path=cache), None
    options = RunOptions(
        threads=choice.threads,
        providers=choice.providers,
        signature=variant.signature,
        tuning=choice.tuning,
        cache=cache,
    )
    runner = load_backend(choice.backend).open(opened, options)
    if choice.tuning.shapes:
        from .fixed_shapes import FixedShapes

        runner = FixedShapes(runner, choice.tuning.shapes, partial(_as_it_came, variant, choice.threads))
    if not variant.names:
        return runner
    from .renamed import RenamedRunner

    return RenamedRunner(runner, variant.names, shown)


def _as_it_came(variant: Variant, threads: int) -> Runner:
    """On the backend that a load takes which nothing was prepared for."""
    backend = choose_backend(variant.format, _detected().preferred_backends)
    return load_backend(backend).open(variant, RunOptions(threads=threads, signature=variant.signature))


def _detected() -> DeviceProfile:
    from .device import detect_profile  # which parses a board's profile: few loads ask

    return detect_profile()


def _open_found(bundle: Bundle, model: Model, asked: Asked, check: Check) -> Opened | NotUsed | None:
    """Again from the start where another process replaces it meanwhile."""
    home = home_with_prepared()
    if home is None:
        return None
    from .prepared.find import Found, Unusable, find
    from .store.held import note_use

    def others() -> tuple[int, ...]:
        return (default_threads(asked.profile()),) if asked.threads is None else ()

    while True:
        try:
            found = find(
                bundle, model.name, asked.threads, others=others, fits=lambda c: _unfit(c, asked), home=home
            )
        except OSError:  # the model file cannot be read: opening it says so
            return None
        if not isinstance(found, Found):
            return found
        try:
            session = _open(model, found, asked, check)
        except (EdgeError, OSError) as error:
            is_current = found.held.is_current()
            found.held.close()
            if not is_current:
                continue
            return Unusable(f"the prepared form does not open ({one_line(error)})")
        except BaseException:
            found.held.close()
            raise
        if found.held.is_current():
            session.keep(found.held)
            note_use(found.folder)
            return Opened(session, partial(_again, model, found, asked, check))
        session.close()
        found.held.close()


def _open(model: Model, found: Found, asked: Asked, check: Check) -> Session:
    """Its RAM is not predicted, as that of a file that comes new: it was measured on this kind of device."""
    record, choice = found.prepared, found.prepared.choice
    variant = next(each for each in model.variants if each.id == choice.variant)
    runner = chosen_runner(variant, choice, found.folder, asked.shown)
    try:
        check(runner)
        return Session(
            runner,
            model=asked.shown,
            backend=choice.backend,
            threads=choice.threads,
            variant=variant.id if record.model else None,
            why=(_reason(model, found),),
            prepared=record.key,
            declared=model.inputs,
        )
    except BaseException:
        runner.close()
        raise


def _again(model: Model, found: Found, asked: Asked, check: Check) -> Session:
    """Only while what was found is still in its place: the new one there may be of another variant."""
    if found.held.is_current():
        session = _open(model, found, asked, check)
        if found.held.is_current():
            return session
        session.close()
    raise NotPrepared(f"{one_line(asked.shown)}: {model.name} was prepared again meanwhile; load it again")


def _reason(model: Model, found: Found) -> str:
    record = found.prepared
    choice, day = record.choice, time.strftime("%Y-%m-%d", time.gmtime(record.made_s))
    form = "" if choice.form is None else f", {choice.form.kind}"
    return (
        f"{one_line(model.name)}: {choice.variant} on {choice.backend}, {choice.threads} threads{form}: "
        f"prepared for {one_line(record.objective)} on {day}: {one_line(record.why)}"
    )


def _unfit(choice: Choice, asked: Asked) -> str | None:
    """Why a choice is not what the caller asked for; None where it is."""
    for name, wish, has in (
        ("backend", asked.backend, choice.backend),
        ("variant", asked.variant, choice.variant),
        ("signature", asked.signature, None),
    ):
        if wish not in {None, has}:
            return f"it is prepared for the {name} {has}, and {one_line(wish)} was asked for"
    if asked.providers and _short(asked.providers) != (_short(choice.providers) or ("cpu",)):
        has = ", ".join(choice.providers) or "cpu"
        return f"it is prepared for {has}, and {one_line(', '.join(asked.providers))} was asked for"
    if asked.is_device_given and asked.profile() != _detected():
        return f"it is prepared for this machine, and the profile {asked.profile().id} was asked for"
    if asked.threads is None and choice.threads > usable_cpus():
        return f"it is prepared for {choice.threads} cores, and this process may use {usable_cpus()}"
    if choice.tuning.affinities:
        barred = {cpu for cpus in choice.tuning.affinities for cpu in cpus} - os.sched_getaffinity(0)
        if barred:
            return f"it is prepared for CPUs that this process may not use: {sorted(barred)}"
    return None


def _short(providers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower().removesuffix("executionprovider") for name in providers)


def _warn(where: str, asked: Asked, refused: NotUsed) -> None:
    """Of what is wrong; that the caller asked for something else is no fault, and only in `Session.why`."""
    from .prepared.find import Stale, Unusable

    text = f"it runs as it came; run `edgeai prepare {one_line(asked.shown)}` again"
    if isinstance(refused, Stale):
        warnings.warn(f"{where} {refused.reason}: {text}", PreparedStale, stacklevel=6)
    elif isinstance(refused, Unusable):
        warnings.warn(f"{where}: {refused.reason}: {text}", PreparedUnusable, stacklevel=6)


def _where(bundle: Bundle, model: Model, asked: Asked) -> str:
    path = one_line(asked.shown)
    return path if len(bundle.models) == 1 else f"{path}: {model.name}"
