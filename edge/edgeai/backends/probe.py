"""Which backends of the table are usable here: each is loaded in a process of its own.

A wheel built for another CPU dies with SIGILL on import, and would take the command down with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

from . import BACKENDS, is_installed

# The child finds modules where this process does, installed or not.
_PATH = "import sys\nsys.path[:] = {path!r}\n"

_CHILD = """
from edgeai.backends import load_backend
from edgeai.errors import BackendMissing
try:
    print(load_backend({target!r}).version())
except BackendMissing as error:
    sys.exit(str(error.__cause__ or error))
"""

# A cold import of onnxruntime from a slow SD card takes tens of seconds on a Pi Zero 2 W.
TIMEOUT_S = 120.0

# ONNX Runtime 1.31 leaves a file in the folder for temporary files and sends telemetry when it is imported,
# as edgeai/measure/launch.py says too. A user's own setting wins.
_ENVIRONMENT = {"ORT_DISABLE_TELEMETRY": "1"}


@dataclass(frozen=True)
class Probe:
    """What became of loading one backend."""

    name: str
    version: str | None
    """The library's version; None where it is not usable."""
    problem: str | None
    """Why it is not usable, and what to do; None where it is."""


@dataclass(frozen=True)
class Tried:
    """What became of code that ran in a process of its own.

    problem: why it failed, None where it did not. messages: what it and its libraries said on standard error.
    """

    output: str
    messages: str
    problem: str | None


def probe_backends(timeout_s: float = TIMEOUT_S) -> tuple[Probe, ...]:
    """Every backend of the table, in its order. The libraries never enter this process."""
    return tuple(probe_backend(name, timeout_s) for name in BACKENDS)


def try_apart(code: str, timeout_s: float = TIMEOUT_S) -> Tried:
    """Run code in a fresh interpreter that finds the same modules; `sys` is imported already.

    A native library may kill that process or keep it for ever: the problem says so.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-c", _PATH.format(path=sys.path) + code],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            env={**_ENVIRONMENT, **os.environ},
        )
    except subprocess.TimeoutExpired:
        return Tried("", "", f"no answer within {timeout_s:g} s")
    return Tried(child.stdout, child.stderr, _reason(child) if child.returncode else None)


def probe_backend(name: str, timeout_s: float = TIMEOUT_S) -> Probe:
    """One backend of the table."""
    hint = BACKENDS[name].hint
    if not is_installed(name):
        return Probe(name, None, f"not installed: {hint}")
    # Where this Python is too new, reinstalling does not help and the hint says so.
    reinstall = f"reinstall it: {hint}" if hint.startswith("pip ") else hint
    tried = try_apart(_CHILD.format(target=BACKENDS[name].target), timeout_s)
    lines = tried.output.split()
    if tried.problem is None and lines:
        return Probe(name, lines[-1], None)
    return Probe(name, None, f"does not load: {tried.problem or 'exit code 0'}; {reinstall}")


def _reason(child: subprocess.CompletedProcess[str]) -> str:
    if child.returncode < 0:
        name = f"signal {-child.returncode}"
        with suppress(ValueError):  # real-time signals have no name
            name = signal.Signals(-child.returncode).name
        hint = " (the wheel is built for another CPU)" if name == "SIGILL" else ""
        return f"killed by {name}{hint}"
    lines = child.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {child.returncode}"
