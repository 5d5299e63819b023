"""Whether a record is of use here: made for this device, with the software that is here now."""

from __future__ import annotations

from ..errors import BackendMissing, UnknownBackend, one_line
from .fingerprint import difference, fingerprint, versions
from .record import Prepared


def staleness(record: Prepared) -> str | None:
    """Why a record is of no use on this device, as `was prepared ...`; loads the backend's library.

    For those that open a model with it anyway.
    """
    differs = device_differs(record, fingerprint())
    if differs:
        return differs
    try:
        here = versions(record.choice.backend)
    except (BackendMissing, UnknownBackend):
        return does_not_load(record)
    return version_differs(record, here)


def device_differs(record: Prepared, here: str) -> str | None:
    """The same of the device alone. here: its fingerprint."""
    differs = difference(record.fingerprint, here)
    return f"was prepared for another device ({one_line(differs, 200)})" if differs else None


def does_not_load(record: Prepared) -> str:
    """What to say where the backend's library is not there, or is for another machine."""
    return f"was prepared for {one_line(record.choice.backend)}, which does not load here"


def version_differs(record: Prepared, here: dict[str, str]) -> str | None:
    """The same of the software alone. here: as `fingerprint.versions` gives it."""
    for package, version in record.versions.items():
        if here.get(package) != version:
            found = one_line(here.get(package) or "another package")
            return f"was prepared with {one_line(package)} {one_line(version)}, here is {found}"
    return None if record.versions.keys() == here.keys() else "was prepared with other packages"
