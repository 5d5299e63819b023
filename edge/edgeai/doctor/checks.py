"""The table of checks, in the order in which a reader wants them, and how they are run."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

from ..errors import UsageError, one_line
from .finding import SEVERITIES, UNKNOWN, Finding
from .patient import Patient

CheckFunction: TypeAlias = Callable[[Patient], Iterator[Finding]]
"""Reads; never writes, and never prompts."""


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    target: str
    """`module:function`, imported when the check is run."""
    help: str
    in_bench: bool = False
    """Whether a benchmark records it: it reads a few files, starts no process and bears on the figures."""
    apart: bool = False
    """Whether it starts processes and waits for them."""


# To add a check: a function, one line here.
CHECKS: dict[str, Check] = {
    "under-voltage": Check("edgeai.doctor.supply:under_voltage", "the supply is too weak", True),
    "throttling": Check("edgeai.doctor.supply:throttling", "clocks are held down, now or since boot", True),
    "temperature": Check("edgeai.doctor.heat:temperature", "how near a zone is to its limit", True),
    "fan": Check("edgeai.doctor.heat:fan", "a fan that is missing or stands still", True),
    "governor": Check("edgeai.doctor.clocks:governor", "how clocks follow the load", True),
    "power-mode": Check("edgeai.doctor.clocks:power_mode", "a Jetson below its largest nvpmodel", True),
    "pinned-clocks": Check("edgeai.doctor.clocks:pinned", "a Jetson whose clocks move", True),
    "swap": Check("edgeai.doctor.memory:swap", "memory that is in swap or in zram", True),
    "memory-cgroup": Check("edgeai.doctor.memory:memory_cgroup", "whether limits of memory are kept"),
    "board": Check("edgeai.doctor.board:board", "whether edgeai knows this board and its system", True),
    "userland": Check("edgeai.doctor.board:userland", "a 32-bit userland under a 64-bit kernel", True),
    "dot-product": Check("edgeai.doctor.board:dot_product", "int8 without dot-product instructions", True),
    "clock": Check("edgeai.doctor.timekeeping:clock", "a coarse, slow or unsteady clock", True),
    "date": Check("edgeai.doctor.timekeeping:date", "a date that is wrong or that nobody has set"),
    "store": Check("edgeai.doctor.storage:store", "a store of bundles that is lost at the next boot"),
    "disk": Check("edgeai.doctor.storage:disk", "a disk or SD card that is nearly full"),
    "owners": Check("edgeai.doctor.packages:owners", "two distributions that own one library", True),
    "wheel": Check("edgeai.doctor.packages:wheel", "a wheel that does not match the CPU or the Jetson", True),
    "numpy": Check("edgeai.doctor.packages:numpy", "numpy 2 beside what was built for numpy 1", True),
    "backends": Check(
        "edgeai.doctor.accelerators:backends", "a backend that is installed and does not load", apart=True
    ),
    "accelerators": Check(
        "edgeai.doctor.accelerators:accelerators",
        "an accelerator that is listed and runs no node",
        apart=True,
    ),
    "permissions": Check(
        "edgeai.doctor.permissions:permissions", "sensors and devices that this user may not open"
    ),
}


def examine(patient: Patient, names: Sequence[str] | None = None) -> tuple[Finding, ...]:
    """Run checks, by default all, in the order of the table. Raises UsageError for a name not in it."""
    for name in names or ():
        if name not in CHECKS:
            near = difflib.get_close_matches(name, CHECKS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"no check is called {one_line(name)!r}; {hint}`edgeai doctor --list` shows all")
    chosen = [name for name in CHECKS if names is None or name in names]
    if patient.runs_here and any(CHECKS[name].apart for name in chosen):
        # Two at once: what waits for a process leaves the other cores to the rest.
        with ThreadPoolExecutor(2) as pool:
            return tuple(chain.from_iterable(pool.map(lambda name: _run(name, patient), chosen)))
    return tuple(chain.from_iterable(_run(name, patient) for name in chosen))


def gravest_first(findings: Sequence[Finding]) -> list[Finding]:
    """By severity, and within one in the order in which they were found."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _run(name: str, patient: Patient) -> list[Finding]:
    """One check; one that fails is a finding itself, since a doctor that crashes helps nobody."""
    module, _, function = CHECKS[name].target.partition(":")
    check: CheckFunction = getattr(importlib.import_module(module), function)
    found: list[Finding] = []
    try:
        found += (replace(finding, check=name) for finding in check(patient))
    except Exception as error:  # whatever a strange file made of it
        reason = one_line(f"{type(error).__name__}: {error}")
        found.append(
            Finding(
                UNKNOWN,
                f"could not look: {reason}",
                "a file is not as expected, so nothing is known of this",
                f"report it with the output of `edgeai doctor --only {name} --json`",
                name,
            )
        )
    return found
