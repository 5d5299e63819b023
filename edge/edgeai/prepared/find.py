"""Looks for a prepared model: cheap, since `edgeai.load` asks each time, and without writing anything.

    HOME/prepared/KEY/           record.json and the files of the form; KEY is `record.key_of`
    HOME/prepared/known/         bare files that were prepared, see `known`
    HOME/prepared/written.json   bytes that were ever written, see `written`
    HOME/prepared/partial-.../   what `edgeai prepare` works on; removed-.../ what is being removed

As with bundles, a prepared model appears and vanishes by one rename, and is locked (flock, shared) while it
is in use. Nothing is noted of a load, so one that crashes the process will crash the next one, too: that is
kept from happening by `edgeai prepare`, which runs in a process of its own what it is about to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import one_line
from ..home import home_folder
from ..store.held import Held, hold_folder
from .choice import Choice
from .known import recall
from .record import RECORD, Prepared, from_bytes, key_of, model_name
from .sealed import MOST_BYTES, Damaged, OtherSchema
from .seen import problem_of
from .stale import staleness

if TYPE_CHECKING:
    from ..bundle import Bundle, Model

Fits = Callable[[Choice], str | None]
"""Why a choice does not suit the caller; None where it does."""


class Found(NamedTuple):
    """A prepared model that is sound and fits this device; held until `held.close()`."""

    prepared: Prepared
    folder: Path
    held: Held


class NotUsed:
    """There is a prepared model, which must not be used. reason: such as `was prepared with X, here is Y`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Stale(NotUsed):
    """It was made for another device, with other software, or of other files."""


class Unusable(NotUsed):
    """It is damaged, or cannot be read."""


class Unfit(NotUsed):
    """It is sound, and not what the caller asked for."""


def prepared_folder(home: Path) -> Path:
    """Where prepared models lie."""
    return home / "prepared"


def find(
    bundle: Bundle,
    name: str | None = None,
    threads: int | None = None,
    *,
    others: Callable[[], tuple[int, ...]] = tuple,
    fits: Fits = lambda choice: None,
    home: Path | None = None,
) -> Found | NotUsed | None:
    """The prepared model of one of a bundle's models (None: its first); None where there is none.

    threads: as asked for. One that was prepared without asking for threads and runs that many will do, too.
    others: gives numbers of threads that will do as well where the first does not fit; asked only then.
    Raises StoreError where there is no home, and OSError for a model file that cannot be read.
    """
    home = home_folder() if home is None else home
    folder = prepared_folder(home)
    if not folder.is_dir():
        return None
    model = next(each for each in bundle.models if name in {None, each.name})
    identity = bundle.identity or recall(folder, model.variants[0].path)
    if identity is None:
        return None
    refused: NotUsed | None = None
    for asked in _asked_threads(threads, others):
        place = folder / key_of(identity, model_name(bundle, model), asked)
        found = _look(
            place, bundle, model, home, lambda choice: _other_threads(choice, threads) or fits(choice)
        )
        if isinstance(found, Found):
            return found
        if found is not None and (refused is None or isinstance(refused, Unfit)):
            refused = found
    return refused


def _asked_threads(threads: int | None, others: Callable[[], tuple[int, ...]]) -> Iterator[int | None]:
    first = dict.fromkeys((threads, None))
    yield from first
    yield from (number for number in dict.fromkeys(others()) if number not in first)


def read_record(folder: Path) -> Prepared:
    """The record in a folder. Raises sealed.Damaged, sealed.OtherSchema, OSError."""
    with (folder / RECORD).open("rb") as file:
        record = from_bytes(file.read(MOST_BYTES))
    if record.key != folder.name:
        raise Damaged("is of another model")
    return record


def form_problem(record: Prepared, folder: Path) -> str | None:
    """Why the files of the form are not those that were kept; None if they are."""
    form = record.choice.form
    if form is not None and form.main not in {each.name for each in record.files}:
        return f"{one_line(form.main)} was not kept"
    problems = (problem_of(folder, each, ours=True) for each in record.files)
    return next((problem for problem in problems if problem), None)


def _look(place: Path, bundle: Bundle, model: Model, home: Path, fits: Fits) -> Found | NotUsed | None:
    """What is in a place, and whether it may be used. What is found is held."""
    while True:
        try:
            held = hold_folder(place)
        except OSError as error:
            return Unusable(f"the prepared form cannot be read ({error.strerror})")
        if held is None:
            return None
        found: Found | NotUsed | None = None
        try:
            found = _judge(held, bundle, model, home, fits)
            if isinstance(found, Found) or held.is_current():
                return found
            # It was replaced meanwhile: its record was the old one, and its files were the new one's.
        finally:
            if not isinstance(found, Found):
                held.close()


def _judge(held: Held, bundle: Bundle, model: Model, home: Path, fits: Fits) -> Found | NotUsed:
    place = held.folder
    try:
        record = read_record(place)
        return _refusal(record, place, bundle, model, home, fits) or Found(record, place, held)
    except OtherSchema as error:
        return Stale(f"was prepared by another edgeai: its record {error}")
    except Damaged as error:
        return Unusable(f"the prepared form is damaged: its record {error}")
    except OSError as error:
        return Unusable(f"the prepared form is damaged: its record cannot be read ({error.strerror})")


def _other_threads(choice: Choice, asked: int | None) -> str | None:
    if asked in {None, choice.threads}:
        return None
    return f"it is prepared for {choice.threads} threads, and {asked} were asked for"


def _refusal(
    record: Prepared, place: Path, bundle: Bundle, model: Model, home: Path, fits: Fits
) -> NotUsed | None:
    """Cheap questions first."""
    unfit = fits(record.choice)
    if unfit is not None:
        return Unfit(unfit)
    changed = _source_problem(record, bundle, model, home)
    if changed is not None:
        return Stale(f"was prepared from another file: {one_line(changed)}")
    stale = staleness(record)
    if stale is not None:
        return Stale(stale)
    broken = form_problem(record, place)
    return None if broken is None else Unusable(f"the prepared form is damaged: {one_line(broken)}")


def _source_problem(record: Prepared, bundle: Bundle, model: Model, home: Path) -> str | None:
    """Whether the variant's files are those that it was made of, since whoever changes one expects to see it.

    A bundle that the store unpacked was checked then, and nobody else writes there. The bare file itself was
    told by its sha256 already.
    """
    variant = next((each for each in model.variants if each.id == record.choice.variant), None)
    if variant is None:
        return f"there is no variant {record.choice.variant}"
    if bundle.folder is not None and bundle.folder.parent == home / "bundles":
        return None
    seen = record.sources[1:] if bundle.is_bare else record.sources
    problems = (problem_of(variant.path.parent, each) for each in seen)
    return next((problem for problem in problems if problem), None)
