"""Which variant of a model runs here: what each needs, what the profile prefers, and what the user says."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from .backends import BACKENDS, Backend, backends_for, is_installed, is_own, load_backend
from .bundle.types import Model, Needs, Variant
from .device import DeviceProfile
from .errors import BackendMissing, InputError, one_line


@dataclass(frozen=True)
class Candidate:
    """A variant that can run here, and on which backend."""

    variant: Variant
    backend: str


@dataclass(frozen=True)
class Skipped:
    """A variant that cannot run here, or not on this backend, and why not."""

    variant: str
    backend: str | None
    reason: str

    def __str__(self) -> str:
        on = f" on {self.backend}" if self.backend else ""
        return f"{self.variant}{on}: {self.reason}"


@dataclass(frozen=True)
class Wishes:
    """What the user said; None leaves it to the needs and the profile."""

    variant: str | None = None
    backend: str | None = None
    providers: tuple[str, ...] = ()


def rank(
    model: Model, profile: DeviceProfile, cpu_flags: Collection[str] | None, wishes: Wishes = Wishes()
) -> tuple[list[Candidate], list[Skipped]]:
    """The variants that can run here, best first, and the others with the reason.

    cpu_flags: of the machine, as /proc/cpuinfo names them; None where they are unknown.
    Order: the author's order of precisions; within one precision the profile's order of backends, then the
    author's. Each variant appears once for every backend that reads it.
    Raises InputError for a wish that no variant could ever fulfil.
    """
    if wishes.variant is not None and wishes.variant not in {variant.id for variant in model.variants}:
        have = one_line(", ".join(variant.id for variant in model.variants))
        raise InputError(f"model {model.name!r} has no variant {one_line(wishes.variant)!r}; it has: {have}")
    candidates: list[Candidate] = []
    skipped: list[Skipped] = []
    for variant in model.variants:
        if wishes.variant not in {None, variant.id}:
            skipped.append(Skipped(variant.id, None, f"another was asked for ({wishes.variant})"))
            continue
        for backend, reason in _judge(variant, profile, cpu_flags, wishes):
            if reason is None:
                assert backend is not None
                candidates.append(Candidate(variant, backend))
            else:
                skipped.append(Skipped(variant.id, backend, reason))
    candidates.sort(key=_order(model, profile))
    return candidates, skipped


def _order(model: Model, profile: DeviceProfile) -> Callable[[Candidate], tuple[int, int, int]]:
    precisions = list(dict.fromkeys(variant.precision for variant in model.variants))
    backends = [*profile.preferred_backends, *BACKENDS]

    def place(candidate: Candidate) -> tuple[int, int, int]:
        known = candidate.backend in backends
        return (
            precisions.index(candidate.variant.precision),
            backends.index(candidate.backend) if known else -1,
            model.variants.index(candidate.variant),
        )

    return place


def _judge(
    variant: Variant, profile: DeviceProfile, cpu_flags: Collection[str] | None, wishes: Wishes
) -> list[tuple[str | None, str | None]]:
    """(backend, why not) for each backend that could read the variant; (None, why not) where none could."""
    reason = _cpu_reason(variant.needs, cpu_flags)
    if reason is not None:
        return [(None, reason)]
    readers = [name for name, entry in BACKENDS.items() if variant.format in entry.formats]
    if wishes.backend is not None:
        if is_own(wishes.backend):
            return [(wishes.backend, _needs_reason(wishes.backend, variant.needs, wishes))]
        if wishes.backend not in readers:
            return [(None, f"{variant.format} is not read by {wishes.backend}, which was asked for")]
        readers = [wishes.backend]
    else:
        readers = backends_for(variant.format, profile.preferred_backends)
    if not readers:
        return [(None, f"no backend here reads the format {one_line(variant.format)}")]
    return [(name, _needs_reason(name, variant.needs, wishes)) for name in readers]


def _cpu_reason(needs: Needs, cpu_flags: Collection[str] | None) -> str | None:
    if needs.unknown:
        return f"needs {one_line(', '.join(needs.unknown))}, which this edgeai cannot judge; update edgeai"
    if not needs.cpu:
        return None
    if cpu_flags is None:
        return f"needs the CPU features {' '.join(needs.cpu)}, and this CPU's are unknown"
    missing = [flag for flag in needs.cpu if flag not in cpu_flags]
    return f"needs {one_line(' '.join(missing))}, which this CPU lacks" if missing else None


def _needs_reason(name: str, needs: Needs, wishes: Wishes) -> str | None:
    """Why a backend cannot run a variant with these needs; its library is loaded only where that decides."""
    entry = BACKENDS.get(name)
    if entry is not None and not is_installed(name):
        return f"not installed: {entry.hint}"
    range_ = needs.versions.get(name)
    asks = bool(needs.ir or needs.providers)
    if range_ is None and not asks:
        return None
    try:
        backend = load_backend(name)
    except BackendMissing as error:
        return one_line(error)
    if range_ is not None and not fits_range(backend.version(), range_):
        return f"needs version {range_}, here is {backend.version()}"
    return _lacks(backend, needs, wishes) if asks else None


def _lacks(backend: Backend, needs: Needs, wishes: Wishes) -> str | None:
    """What the backend itself says; an application's own may be older than the question."""
    if wishes.providers and needs.providers and not set(needs.providers) & _short(wishes.providers):
        return f"runs on {', '.join(needs.providers)}, asked for: {', '.join(wishes.providers)}"
    lacks: Callable[[Needs], str | None] | None = getattr(backend, "lacks", None)
    return None if lacks is None else lacks(needs)


def _short(providers: Collection[str]) -> set[str]:
    return {name.lower().removesuffix("executionprovider") for name in providers}


_COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def fits_range(version: str, range_: str) -> bool:
    """Whether a version lies in a range such as `>=1.20,<2`. Numbers alone count: `1.23.2+cu12` is 1.23.2."""
    have = _numbers(version)
    for part in range_.split(","):
        found = re.fullmatch(r"\s*(>=|<=|==|!=|>|<)\s*([\d.]+)\s*", part)
        if found is None:
            raise InputError(f"{one_line(range_)!r} is no version range such as >=1.20,<2")
        want = _numbers(found[2])
        length = max(len(have), len(want))
        if not _COMPARE[found[1]](_padded(have, length), _padded(want, length)):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _padded(version: tuple[int, ...], length: int) -> tuple[int, ...]:
    return version + (0,) * (length - len(version))
