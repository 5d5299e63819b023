"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass

BROKEN, WARNING, NOTE, UNKNOWN = SEVERITIES = ("broken", "warning", "note", "unknown")
"""The gravest first. Unknown: the check could not look, which is not the same as fine."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with the machine, or that could not be looked at.

    what: is the case. why: it matters for inference. mend: the command that mends it, or a sentence where
    there is none. check: its line in the table, which `examine` fills in.
    """

    severity: str
    what: str
    why: str
    mend: str
    check: str = ""


def unknown(reason: str, mend: str, why: str = "what cannot be seen may be wrong") -> Finding:
    """A check that applies to this machine and could not look."""
    return Finding(UNKNOWN, reason, why, mend)
