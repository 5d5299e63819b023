"""A way to run a model, and those that are worth trying here, the most promising first.

A way is a point in a small space: variant and backend, threads, a form, settings. The first ones to be tried
differ from raw in one of these; what is tried next is near the best of those, see `neighbours`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .. import wire
from ..backends.tuning import Tuning
from ..prepared.choice import Choice

AS_IT_IS = Tuning()


@dataclass(frozen=True)
class Way:
    """choice: as it is opened, but for the files of its form. form: the kind that has to be made first.

    needed: what that form must be opened with; tuned: what is set beyond it, which a neighbour keeps.
    """

    choice: Choice
    form: str | None = None
    tuned: Tuning = AS_IT_IS
    needed: Tuning = AS_IT_IS

    @property
    def key(self) -> str:
        """The same for two ways that are the same."""
        return wire.dumps(replace(self.choice, form=None)) + (self.form or "")

    @property
    def label(self) -> str:
        """In words: `int8 on onnxruntime, 2 threads, prepacked, no spinning`."""
        choice = self.choice
        variant = "" if choice.variant == "bare" else f"{choice.variant} on "
        parts = [f"{variant}{choice.backend}", f"{choice.threads} thread{'s' if choice.threads > 1 else ''}"]
        if choice.providers:
            parts.append("+".join(choice.providers))
        if self.form is not None:
            parts.append(self.form)
        beyond = merged(self.needed, self.tuned)
        beyond = beyond if self.form is None else replace(beyond, optimize=None)
        return ", ".join([*parts, *told(beyond)])


@dataclass(frozen=True)
class Base:
    """A variant on a backend, and what can be done with it there.

    forms: kinds, with what each must be opened with. tunings: settings worth trying, by number of threads.
    always: what every way on it is opened with.
    """

    variant: str
    backend: str
    providers: tuple[str, ...]
    forms: tuple[tuple[str, Tuning], ...] = ()
    tunings: dict[int, tuple[Tuning, ...]] | None = None
    always: Tuning = AS_IT_IS


@dataclass(frozen=True)
class Space:
    """All that can be combined. bases: raw's own first. threads: the usual number first."""

    bases: tuple[Base, ...]
    threads: tuple[int, ...]

    def holds(self, way: Way) -> bool:
        """Whether a way can be had here at all."""
        here = (way.choice.variant, way.choice.backend, way.choice.providers)
        return any((base.variant, base.backend, base.providers) == here for base in self.bases)

    def base_of(self, way: Way) -> Base:
        """What a way is built on."""
        here = (way.choice.variant, way.choice.backend, way.choice.providers)
        return next(base for base in self.bases if (base.variant, base.backend, base.providers) == here)


def told(tuning: Tuning) -> list[str]:
    """Settings in words."""
    words = []
    if tuning.spinning is not None:
        words.append("spinning" if tuning.spinning else "no spinning")
    if tuning.arena is not None:
        words.append("arena" if tuning.arena else "no arena")
    if tuning.optimize is not None:
        words.append(f"optimize {tuning.optimize}")
    if tuning.prepack is not None:
        words.append("pre-packing" if tuning.prepack else "no pre-packing")
    if tuning.affinities:
        cpus = " ".join("+".join(map(str, each)) for each in tuning.affinities)
        words.append(f"threads on CPUs {cpus}")
    words += [f"{name}={size}" for name, size in tuning.sizes.items()]
    words += [f"{name} {'x'.join(map(str, shape))}" for name, shape in tuning.shapes.items()]
    return words


def merged(tuning: Tuning, more: Tuning) -> Tuning:
    """One setting over another: what `more` leaves alone stays."""
    return Tuning(
        spinning=tuning.spinning if more.spinning is None else more.spinning,
        arena=tuning.arena if more.arena is None else more.arena,
        optimize=tuning.optimize if more.optimize is None else more.optimize,
        prepack=tuning.prepack if more.prepack is None else more.prepack,
        affinities=more.affinities or tuning.affinities,
        sizes={**tuning.sizes, **more.sizes},
        shapes={**tuning.shapes, **more.shapes},
    )


def way_of(base: Base, threads: int, form: tuple[str, Tuning] | None = None, tuned: Tuning = AS_IT_IS) -> Way:
    """A point of the space."""
    kind, needed = form or (None, AS_IT_IS)
    tuned = merged(base.always, tuned)
    choice = Choice(base.variant, base.backend, threads, base.providers, merged(needed, tuned))
    return Way(choice, kind, tuned, needed)


def first_ways(space: Space, objective: str) -> list[Way]:
    """Those that differ from raw in one thing, the most promising first; raw itself is not among them.

    For RAM and load forms promise most. For latency the first form of raw's own variant comes first too: it
    costs no accuracy, and RAM and load decide between equals; then other variants and backends, then threads.
    """
    usual, own = space.threads[0], space.bases[0]
    bases = [way_of(base, usual) for base in space.bases]
    forms = [[way_of(base, usual, form) for form in base.forms] for base in space.bases]
    tuned = [way_of(own, usual, None, each) for each in tunings(own, usual)]
    threads = [way_of(own, number) for number in space.threads[1:]]
    others = [way for each in forms[1:] for way in each]
    if objective in {"ram", "load"}:
        groups = [forms[0], others, tuned, bases, threads]
    else:
        groups = [forms[0][:1], bases, threads, forms[0][1:2], others, tuned, forms[0][2:]]
    return unique([way for group in groups for way in group], but=[bases[0]])


def neighbours(way: Way, space: Space, objective: str) -> list[Way]:
    """Those that differ from a way in one thing."""
    base = space.base_of(way)
    threads, tuned = way.choice.threads, way.tuned
    form = None if way.form is None else (way.form, way.needed)
    forms = [way_of(base, threads, each, tuned) for each in (*base.forms, None)]
    numbers = [way_of(base, number, form, tuned) for number in space.threads]
    settings = [way_of(base, threads, form, merged(tuned, each)) for each in tunings(base, threads)]
    others = [way_of(other, threads) for other in space.bases]
    near = [settings, forms, numbers] if objective in {"ram", "load"} else [forms, numbers, settings]
    return unique([each for group in (*near, others) for each in group], but=[way])


def tunings(base: Base, threads: int) -> tuple[Tuning, ...]:
    """Settings worth trying with so many threads."""
    return (base.tunings or {}).get(threads, ())


def unique(ways: Sequence[Way], *, but: Sequence[Way] = ()) -> list[Way]:
    """Each way once, in order."""
    seen = {way.key for way in but}
    found = []
    for way in ways:
        if way.key not in seen:
            seen.add(way.key)
            found.append(way)
    return found
