"""Has models prepared for a run, each configuration into a home of its own: nothing else is touched."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import edgeai
from edgeai.errors import one_line
from edgeai.whole_file import write_whole
from edgeai.wire import dumps, loads

from .case import OpenCase
from .lineup import Peer, by_edgeai
from .prepare_child import Asked, Told

_LEAST_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Way:
    """How to prepare. backends: only these; empty for all that are installed."""

    label: str
    objective: str = "latency"
    backends: tuple[str, ...] = ()
    budget_s: float = 30.0


def prepared_peer(
    case: OpenCase, way: Way, threads: int | None, home: Path, on_step: Callable[[str], None]
) -> Peer:
    """edgeai with the model prepared in this way; one that could not be is unavailable, with the reason.

    home: holds a folder a configuration. What was prepared there before by the same edgeai is taken as it is.
    """
    asked = Asked(
        str(case.case.path),
        case.base.model.name,
        threads,
        way.objective,
        way.backends,
        way.budget_s,
        case.case.inputs,
    )
    key = hashlib.sha256(f"{edgeai.__version__} {case.identity.sha256} {dumps(asked)}".encode()).hexdigest()[
        :16
    ]
    folder = home / key
    told: Told | str | None = _told(folder)
    if told is None:
        on_step(f"{way.label} is prepared")
        told = _prepare(asked, folder)
    if isinstance(told, str):
        return Peer(way.label, "edgeai", {"unavailable": told})
    settings = {"prepared": "1", "home": str(folder), "backends": told.backend}
    peer = by_edgeai(case, **settings)
    return Peer(way.label, "edgeai", peer.settings, (_note(told),))


def _prepare(asked: Asked, folder: Path) -> Told | str:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "edgeai_bench.peers.prepare_child"]
    try:
        done = subprocess.run(
            command,
            input=dumps(asked) + "\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=_LEAST_TIMEOUT_S + 4 * asked.budget_s,
            env={**os.environ, "EDGEAI_HOME": str(folder)},
        )
    except subprocess.TimeoutExpired:
        return "edgeai prepare did not end"
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it gave no reason"]
        return f"edgeai prepare: {one_line(lines[-1], 300)}"
    line = done.stdout.strip().splitlines()[-1]
    write_whole(folder / "told.json", line.encode())
    return loads(Told, line)


def _told(folder: Path) -> Told | None:
    try:
        return loads(Told, (folder / "told.json").read_text("utf-8"))
    except FileNotFoundError:
        return None


def _note(told: Told) -> str:
    form = "the file as it is" if told.form is None else f"form {told.form}"
    return (
        f"prepare chose {told.variant} on {told.backend}, {told.threads} threads, {form}, "
        f"of {told.tried} tried: {one_line(told.why, 300)}"
    )
