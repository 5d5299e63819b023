"""What detection says of the board: the same cautions as `edgeai device` prints, with why they matter."""

from __future__ import annotations

from collections.abc import Iterator

from ..device import Caution
from .finding import NOTE, UNKNOWN, WARNING, Finding
from .patient import Patient

_DEFAULTS = "threads, backends and figures of power and RAM are defaults, not those of this board"
_TOO_OLD = "the system's own Python cannot run edgeai, and its vendor libraries belong to that Python"

# Severity and why, by the name of the caution. Tests hold this against device/warnings.py.
CAUTIONS: dict[str, tuple[str, str]] = {
    "unknown-architecture": (WARNING, "backends have no wheels for every architecture, and nothing is tuned"),
    "unknown-jetson": (WARNING, _DEFAULTS),
    "unknown-board": (NOTE, _DEFAULTS),
    "hidden-board": (NOTE, _DEFAULTS),
    "old-jetpack": (WARNING, _TOO_OLD),
    "old-system": (NOTE, _TOO_OLD),
    "untried-board": (NOTE, "what runs on the CPU only leaves the accelerator idle"),
    "userland-32-bit": (WARNING, "no current backend runs here, and a 32-bit CPU mode is slower at int8 too"),
    "unread-cpu": (UNKNOWN, "the choice of threads and of variants rests on them"),
    "no-dot-product": (NOTE, "without them an int8 multiplication takes as many instructions as an fp32 one"),
    "unread-memory": (UNKNOWN, "whether a model fits cannot be foretold"),
    "little-memory": (WARNING, "models that fit this board elsewhere do not fit here"),
}
_OWN_CHECKS = ("userland-32-bit", "no-dot-product")


def board(patient: Patient) -> Iterator[Finding]:
    """All cautions but those with a check of their own."""
    yield from _of(patient, [each for each in CAUTIONS if each not in _OWN_CHECKS])


def userland(patient: Patient) -> Iterator[Finding]:
    """A 32-bit userland."""
    yield from _of(patient, ["userland-32-bit"])


def dot_product(patient: Patient) -> Iterator[Finding]:
    """An Arm CPU without asimddp."""
    yield from _of(patient, ["no-dot-product"])


def _of(patient: Patient, names: list[str]) -> Iterator[Finding]:
    for caution in patient.device.cautions:
        if caution.name in names:
            yield _finding(caution)


def _finding(caution: Caution) -> Finding:
    severity, why = CAUTIONS[caution.name]
    return Finding(severity, caution.what, why, caution.mend)
