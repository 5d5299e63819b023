"""Search and keep: what `edgeai prepare` does for every model of a bundle, or for a bare file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import InputError, ModelError, UsageError, one_line
from ..home import home_folder
from ..included import find_model
from ..open_bundle import open_bundle
from ..prepared.find import Found, find
from ..prepared.identify import identity_of, record_of, sources_of
from ..prepared.keep import keep, working_folder
from ..prepared.record import Prepared, model_name
from .found import Event, OnEvent, Searched
from .search import hold_one, search

if TYPE_CHECKING:
    from ..bundle import Bundle, Model, Variant
    from ..prepared.choice import Choice
    from .plans import PlannedModel
    from .settings import SearchSettings

    Planned = Callable[[str, Sequence[str]], dict[str, PlannedModel]]


@dataclass(frozen=True)
class Done:
    """One model. prepared: as it is kept in the store; None where nothing was to be kept.

    raw_bytes: of the model as it came; form_bytes: of the form that is opened instead, or beside it.
    """

    searched: Searched
    prepared: Prepared | None
    identity: str
    raw_bytes: int
    form_bytes: int


def prepare(
    path: str | os.PathLike[str],
    settings: SearchSettings,
    *,
    model: str | None = None,
    home: Path | None = None,
) -> Prepared:
    """Search, and keep what was found, for one model: of a bundle with several the one of that name.

    Raises as `prepare_all`, and UsageError where it is not said which of several models is meant.
    """
    with _opened(find_model(path)) as bundle:
        if model is None and len(bundle.models) > 1:
            have = one_line(", ".join(each.name for each in bundle.models))
            raise UsageError(f"{one_line(path)} has several models: {have}; say which one")
    (done,) = prepare_all(path, settings, model=model, home=home)
    assert done.prepared is not None
    return done.prepared


def prepare_all(
    path: str | os.PathLike[str],
    settings: SearchSettings,
    *,
    model: str | None = None,
    plan: Planned | None = None,
    dry_run: bool = False,
    max_bytes: int | None = None,
    home: Path | None = None,
    on_event: Callable[[str, Event], object] = lambda model, event: None,
) -> tuple[Done, ...]:
    """Search, and keep what was found, model by model; they share the budget.

    model: of a bundle the one to prepare; None for every one. plan: no search, but what it says.
    dry_run: keep nothing. max_bytes: of all prepared models together. home: of the store.
    on_event: gets the model's name and how far it is.
    Raises EdgeError; the store is then as it was, but for models of the bundle that were done before.
    """
    home = home_folder() if home is None else home
    found = find_model(path)
    with _opened(found) as bundle:
        models, identity = _chosen(bundle, model), _identity(bundle)
        planned = {} if plan is None else plan(identity, [model_name(bundle, each) for each in models])
        settings = replace(settings, budget_s=settings.seconds / len(models))
        return tuple(
            _prepare_one(
                bundle,
                found,
                each,
                settings,
                home,
                identity=identity,
                planned=planned.get(model_name(bundle, each)),
                dry_run=dry_run,
                max_bytes=max_bytes,
                on_event=lambda event, name=each.name: on_event(name, event),  # type: ignore[misc]
            )
            for each in models
        )


def _prepare_one(
    bundle: Bundle,
    path: Path,
    model: Model,
    settings: SearchSettings,
    home: Path,
    *,
    identity: str,
    planned: PlannedModel | None,
    dry_run: bool,
    max_bytes: int | None,
    on_event: OnEvent,
) -> Done:
    with working_folder(home) as folder:
        if planned is None:
            earlier = _earlier(bundle, model, settings, home)
            searched = search(
                bundle, path, model, settings, folder=folder, earlier=earlier, on_event=on_event
            )
        else:
            _check_planned(model, planned)
            # As it was asked on the board that made the plan: so that a load finds here what it finds there.
            settings = replace(settings, threads=planned.asked_threads)
            searched = hold_one(bundle, path, model, settings, planned.way, folder=folder, on_event=on_event)
            searched = replace(searched, objective=planned.objective)
        chosen = searched.chosen
        assert chosen.choice is not None
        form = chosen.choice.form
        raw_variant = searched.raw.way.choice.variant
        done = Done(
            searched,
            None,
            identity,
            sum(each.size_bytes for each in sources_of(_variant(model, raw_variant))),
            0 if form is None else sum(form.files.values()),
        )
        if dry_run:
            return done
        record = record_of(
            bundle,
            model,
            chosen.choice,
            identity=identity,
            edgeai=__version__,
            asked_threads=settings.threads,
            objective=searched.objective,
            why=searched.why,
            tried=tuple(each.tried() for each in searched.outcomes),
            written_bytes=searched.written_bytes,
        )
        place = folder if chosen.folder is None else chosen.folder
        bare = path if bundle.is_bare else None
        return replace(done, prepared=keep(home, record, place, bare=bare, max_bytes=max_bytes))


def _earlier(bundle: Bundle, model: Model, settings: SearchSettings, home: Path) -> Choice | None:
    """What this very question was answered with before, where the answer still holds."""
    name = None if bundle.is_bare else model.name
    found = find(bundle, name, settings.threads, home=home)
    if not isinstance(found, Found):
        return None
    with found.held:
        record = found.prepared
    same = (record.objective, record.asked_threads) == (settings.objective, settings.threads)
    return record.choice if same else None


@contextmanager
def _opened(path: Path) -> Iterator[Bundle]:
    bundle, held = open_bundle(path)
    try:
        yield bundle
    finally:
        if held is not None:
            held.close()


def _chosen(bundle: Bundle, name: str | None) -> tuple[Model, ...]:
    if name is None:
        return bundle.models
    found = tuple(model for model in bundle.models if model.name == name)
    if bundle.is_bare or not found:
        have = (
            "is a bare model file"
            if bundle.is_bare
            else "has the models " + ", ".join(model.name for model in bundle.models)
        )
        raise InputError(one_line(f"{bundle.path} has no model {name!r}: it {have}"))
    return found


def _identity(bundle: Bundle) -> str:
    try:
        return identity_of(bundle)
    except OSError as error:
        raise ModelError(
            f"{one_line(bundle.path)} cannot be read: {error.strerror}; check the path"
        ) from None


def _check_planned(model: Model, planned: PlannedModel) -> None:
    have = [variant.id for variant in model.variants]
    if (named := planned.way.choice.variant) not in have:
        raise InputError(
            f"the plan names the variant {one_line(named)!r}, and {one_line(model.name)} has: "
            f"{one_line(', '.join(have))}; make it anew (--save-plan)"
        )


def _variant(model: Model, id_: str) -> Variant:
    return next(variant for variant in model.variants if variant.id == id_)
