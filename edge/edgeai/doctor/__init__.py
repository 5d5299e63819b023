"""What is wrong with this board for inference: one check family a file, one visible table.

    findings = examine(patient_here())          or examine(patient_of_tree(Path("tests/boards/...")))

A check reads a `Patient` and yields `Finding`s: what is the case, why it matters, the command that mends it.
"""

from __future__ import annotations

from .checks import CHECKS, Check, examine, gravest_first
from .finding import BROKEN, NOTE, SEVERITIES, UNKNOWN, WARNING, Finding
from .patient import Disk, Patient, patient_here, patient_of_tree

__all__ = [
    "CHECKS",
    "Check",
    "Disk",
    "Finding",
    "Patient",
    "SEVERITIES",
    "BROKEN",
    "WARNING",
    "NOTE",
    "UNKNOWN",
    "examine",
    "gravest_first",
    "patient_here",
    "patient_of_tree",
]
