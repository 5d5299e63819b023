"""What can be combined here for one model: variants, backends, providers, threads, forms, settings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..backends import BACKENDS, is_installed
from ..backends.tuning import Tuning
from ..backends.worth_trying import fixes_shapes, forms_worth_trying, tunings
from ..device import cpu_flags, default_threads, detect_profile, usable_cpus
from ..errors import BackendMissing, ModelError, one_line
from ..measure.pinning import fastest_cpus
from ..sysroot import SysRoot
from ..variants import Skipped, Wishes, rank
from .ways import Base, Space

if TYPE_CHECKING:
    from ..bundle import Model, Variant
    from ..device import DeviceProfile
    from ..measure.protocol import Probed
    from .settings import SearchSettings


def threads_of(settings: SearchSettings, profile: DeviceProfile) -> tuple[int, ...]:
    """Numbers of threads to try, the usual one first: only those that were asked for, where any were."""
    if settings.threads is not None:
        return (settings.threads,)
    usual = default_threads(profile)
    return tuple(dict.fromkeys((usual, 1, usable_cpus())))


def space_of(model: Model, settings: SearchSettings, raw: Probed) -> tuple[Space, list[Skipped]]:
    """The space, raw's own base first, and the variants that cannot run here.

    Raises InputError for a variant that there is not, ModelError or BackendMissing where nothing is left.
    """
    profile = detect_profile()
    bases: list[Base] = []
    skipped: list[Skipped] = []
    threads = threads_of(settings, profile)
    asked: tuple[str | None, ...] = settings.backends or (None, *_on_request())
    for backend in asked:
        found, left = rank(model, profile, cpu_flags(SysRoot()), Wishes(settings.variant, backend))
        skipped += left if backend is None or settings.backends else ()
        for candidate in found:
            variant = candidate.variant
            base = Base(
                variant.id,
                candidate.backend,
                (),
                tuple(forms_worth_trying(candidate.backend, variant.format)),
                {number: _tunings(candidate.backend, number, settings, model, raw) for number in threads},
                Tuning(shapes=_shapes(variant, raw)) if fixes_shapes(candidate.backend) else Tuning(),
            )
            bases += [base, *_accelerated(base, profile, raw)]
    if not bases:
        missing = [each for each in skipped if each.reason.startswith("not installed")]
        reasons = "; ".join(map(str, missing or skipped))
        kind = BackendMissing if missing else ModelError
        raise kind(one_line(f"no variant of model {model.name!r} runs here: {reasons}", 1200))
    unique = {(base.variant, base.backend, base.providers): base for base in bases}
    own = [base for base in unique.values() if _is_raw(base, raw)]
    others = [base for base in unique.values() if base not in own]
    return Space((*own, *others), threads), skipped


def raw_providers(raw: Probed, profile: DeviceProfile) -> tuple[str, ...]:
    """Those that a raw load really used, for a choice that says the same; empty for the CPU alone."""
    used = [name for name in profile.preferred_providers if name in raw.provider_share]
    return (*(name for name in used if name != "cpu"), "cpu") if set(used) - {"cpu"} else ()


def big_cpus() -> tuple[int, ...]:
    """The fast CPUs of a board that has slow ones too; empty where all are alike or nothing is known."""
    every = sorted(os.sched_getaffinity(0))
    fastest = fastest_cpus(every, SysRoot())
    return tuple(fastest) if len(fastest) < len(every) else ()


def _on_request() -> tuple[str, ...]:
    """Backends that run nothing unless they are asked for, which a search does."""
    return tuple(name for name, entry in BACKENDS.items() if entry.on_request and is_installed(name))


def _is_raw(base: Base, raw: Probed) -> bool:
    variant = raw.models[0].variant if raw.models else "bare"
    providers = set(base.providers) or {"cpu"}
    return (base.variant, base.backend) == (variant, raw.backend) and (
        raw.provider is None or raw.provider in providers
    )


def _accelerated(base: Base, profile: DeviceProfile, raw: Probed) -> list[Base]:
    """The same on each of the board's accelerators, the CPU behind it.

    Raw was offered all of them: where it was on this backend and took none, none is there. Else one that is
    not there is lost in its trial; asking the library here would load it into this process.
    """
    names = [name for name in profile.preferred_providers if name != "cpu"]
    if base.backend != "onnxruntime" or (
        raw.backend == base.backend and not set(names) & set(raw.provider_share)
    ):
        return []
    return [replace(base, providers=(name, "cpu"), forms=(), tunings=None) for name in names]


def _tunings(
    backend: str, threads: int, settings: SearchSettings, model: Model, raw: Probed
) -> tuple[Tuning, ...]:
    found: Sequence[Tuning] = tunings(backend, threads, big_cpus())
    sizes = fixed_sizes(settings, model, raw)
    return (*found, Tuning(sizes=sizes)) if sizes and backend == "onnxruntime" else tuple(found)


def _shapes(variant: Variant, raw: Probed) -> dict[str, tuple[int, ...]]:
    """Of every input as it was fed, by the file's names, where the model leaves any size open; else none."""
    if raw.is_static:
        return {}
    return {variant.names.get(each.name, each.name): each.shape for each in raw.inputs}


def fixed_sizes(settings: SearchSettings, model: Model, raw: Probed) -> dict[str, int]:
    """Named dimensions that will have no other size: the user says so, or the manifest leaves one value."""
    if settings.fix_sizes:
        return dict(raw.sizes)
    ranges = {name: each for one in model.inputs.values() for name, each in one.ranges.items()}
    return {
        name: size
        for name, size in raw.sizes.items()
        if name in ranges and ranges[name].min == ranges[name].max == size
    }
