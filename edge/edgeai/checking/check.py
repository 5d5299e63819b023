"""One thing that was looked at, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import (
    BackendMissing,
    BundleError,
    EdgeError,
    ExtraMissing,
    ProviderError,
    StoreError,
    one_line,
)

OK, FAIL, SKIPPED, NOTE = "ok", "FAIL", "skipped", "note"
"""Outcomes. Skipped: it does not apply here, or could not be done; the reason says which."""

DAMAGED, NO, MISSING = "damaged", "no", "missing"
"""What a failure means: the file is wrong, the answer is no, or something has to be installed."""

_FAULTS: tuple[tuple[type[EdgeError], str], ...] = (
    (BackendMissing, MISSING),
    (ExtraMissing, MISSING),
    (ProviderError, MISSING),
    (StoreError, MISSING),
    (BundleError, DAMAGED),
)


@dataclass(frozen=True)
class Check:
    """fault: of a failure, what it means; None where nothing failed. is_detail: one of many alike."""

    what: str
    outcome: str
    why: str
    fault: str | None = None
    is_detail: bool = False


def failed(what: str, error: EdgeError, otherwise: str = NO) -> Check:
    """A failure by its error. otherwise: what it means where the error is no bundle's, and nothing misses."""
    fault = next((fault for kind, fault in _FAULTS if isinstance(error, kind)), otherwise)
    return Check(what, FAIL, one_line(error, 600), fault)


def worst_fault(checks: Iterable[Check]) -> str | None:
    """What all checks come to; None where nothing failed. A no stays one, whatever is installed."""
    faults = {check.fault for check in checks}
    return next((fault for fault in (DAMAGED, NO, MISSING) if fault in faults), None)
