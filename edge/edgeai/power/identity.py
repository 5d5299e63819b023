"""Which very unit this is: the serial numbers that tell one board from another of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sysroot import SysRoot

KINDS = ("device-tree", "cpuinfo", "dmi", "machine-id")
"""Places of serial numbers, the most trusted first. The machine-id lies on the disk and moves with it, so it
decides only where nothing else is known; DMI's can be read by root alone."""

# What makers leave in place of a number: the second is AMI's sample firmware, found on many boards.
_PLACEHOLDERS = frozenset({"03000200-0400-0500-0006-000700080009", "to be filled by o.e.m.", "none"})


def serials(root: SysRoot) -> dict[str, str]:
    """Serial numbers by kind, in the order of KINDS; without those that cannot be read or say nothing.

    The machine-id is hashed: machine-id(5) asks that it is not passed on as it is.
    """
    found = {
        "device-tree": root.read_text("/proc/device-tree/serial-number"),
        "cpuinfo": root.read_fields("/proc/cpuinfo").get("Serial"),
        "dmi": root.read_text("/sys/class/dmi/id/product_uuid"),
        "machine-id": _hashed(root.read_text("/etc/machine-id")),
    }
    return {kind: text.strip() for kind, text in found.items() if text and _says_something(text.strip())}


def difference(made_on: Mapping[str, str], here: Mapping[str, str]) -> str | None:
    """Why serial numbers are not those of one unit, in words; None where they are.

    The first kind that both sides know decides. Where they share none, nobody can tell.
    """
    for kind in KINDS:
        if kind in made_on and kind in here:
            if made_on[kind].lower() == here[kind].lower():
                return None
            return f"its {kind} serial is {made_on[kind]}, and this unit's is {here[kind]}"
    known = ", ".join(here) or "none at all"
    return f"its serial is of the kind {', '.join(made_on)}, and this machine shows: {known}"


def _says_something(text: str) -> bool:
    letters = set(text.lower()) - {"-", " "}
    return text.lower() not in _PLACEHOLDERS and letters not in ({"0"}, {"f"}, set())


def _hashed(machine_id: str | None) -> str | None:
    if not machine_id or machine_id == "uninitialized":  # an image that has not been started yet
        return None
    import hashlib
    import hmac

    return hmac.new(machine_id.encode(), b"edgeai unit", hashlib.sha256).hexdigest()[:32]
