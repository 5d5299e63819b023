"""Which backends of the table are usable here: each is loaded in a process of its own.

A wheel built for another CPU dies with SIGILL on import, and would take the command down with it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass

from . import BACKENDS, is_installed

# The child finds modules where this process does, installed or not.
_CHILD = """
import sys
sys.path[:] = {path!r}
from edgeai.backends import load_backend
from edgeai.errors import BackendMissing
try:
    print(load_backend({target!r}).version())
except BackendMissing as error:
    sys.exit(str(error.__cause__))
"""

# A cold import of onnxruntime from a slow SD card takes tens of seconds on a Pi Zero 2 W.
_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Probe:
    """What became of loading one backend."""

    name: str
    version: str | None
    """The library's version; None where it is not usable."""
    problem: str | None
    """Why it is not usable, and what to do; None where it is."""


def probe_backends(timeout_s: float = _TIMEOUT_S) -> tuple[Probe, ...]:
    """Every backend of the table, in its order. The libraries never enter this process."""
    return tuple(_probe(name, timeout_s) for name in BACKENDS)


def _probe(name: str, timeout_s: float) -> Probe:
    install = f"pip install 'edgeai[{BACKENDS[name].extra}]'"
    if not is_installed(name):
        return Probe(name, None, f"not installed: {install}")
    code = _CHILD.format(path=sys.path, target=BACKENDS[name].target)
    try:
        child = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return Probe(name, None, f"does not load: no answer within {timeout_s:g} s; reinstall it: {install}")
    lines = child.stdout.split()
    if child.returncode == 0 and lines:
        return Probe(name, lines[-1], None)
    return Probe(name, None, f"does not load: {_reason(child)}; reinstall it: {install}")


def _reason(child: subprocess.CompletedProcess[str]) -> str:
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        hint = " (the wheel is built for another CPU)" if name == "SIGILL" else ""
        return f"killed by {name}{hint}"
    lines = child.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {child.returncode}"
