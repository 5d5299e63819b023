"""Which variants another board can run, judged by its profile alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..backends import BACKENDS, backends_for
from ..device.profile import FEATURES
from ..errors import one_line
from .check import FAIL, NO, NOTE, OK, SKIPPED, Check

if TYPE_CHECKING:
    from ..bundle import Bundle, Model, Variant
    from ..device import DeviceProfile


def check_models_elsewhere(bundle: Bundle, profile: DeviceProfile) -> Iterator[Check]:
    """A check for each variant, and one for a model that has none for this board."""
    for model in bundle.models:
        checks = [_variant(model, variant, profile) for variant in model.variants]
        yield from checks
        if not any(check.outcome == OK for check in checks):
            yield Check(one_line(model.name), FAIL, f"no variant is known to run on {profile.id}", NO)
    if bundle.golden:
        yield Check(
            "golden", NOTE, f"samples are run on the board: edgeai check {one_line(bundle.path.name)}"
        )


def _variant(model: Model, variant: Variant, profile: DeviceProfile) -> Check:
    what = one_line(model.name) if variant.id == "bare" else f"{one_line(model.name)}/{one_line(variant.id)}"
    reason = _reason(variant, profile)
    if reason is not None:
        return Check(what, SKIPPED, reason)
    readers = backends_for(variant.format, profile.preferred_backends)
    readers.sort(key=lambda name: name not in profile.preferred_backends)
    ranges = (f"{name} {variant.needs.versions.get(name, '')}".strip() for name in readers)
    return Check(what, OK, f"runs on {profile.id} with {' or '.join(ranges)}")


def _reason(variant: Variant, profile: DeviceProfile) -> str | None:
    """Why not, or why nobody can tell."""
    needs = variant.needs
    if needs.unknown:
        return f"needs {one_line(', '.join(needs.unknown))}, which this edgeai cannot judge; update edgeai"
    if not any(variant.format in entry.formats for entry in BACKENDS.values()):
        return f"no backend here reads the format {one_line(variant.format)}"
    is_generic = bool(profile.match.machines)
    missing = [flag for flag in needs.cpu if flag not in profile.features]
    if missing and (is_generic or set(missing) - set(FEATURES)):
        return f"needs {one_line(' '.join(missing))}, of which the profile {profile.id} says nothing"
    if missing:
        return f"needs {one_line(' '.join(missing))}, which {profile.id} lacks"
    if needs.providers and not set(needs.providers) & {*profile.preferred_providers, "cpu"}:
        there = ", ".join(profile.preferred_providers)
        return f"needs {' or '.join(needs.providers)}; {profile.id} is known for {there}"
    return None
