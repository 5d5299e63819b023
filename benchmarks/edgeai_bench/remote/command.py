"""`command.sh`: what a job runs on a board, with every word quoted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from .job import Job

WHEEL_EXTRAS = {"onnx": ("onnxruntime", "onnx"), "tflite": ("ai_edge_litert", "tflite")}
"""By format: the library's module, and the extra that brings it."""


def command_text(job: Job, folder: str, edgeai: str) -> str:
    """For a board that has edgeai. folder: of the job there."""
    return "\n".join([*_surroundings(job, folder), _bench(job, shlex.quote(edgeai)), ""])


def wheel_command_text(job: Job, folder: str, wheel: str, extras: Sequence[str]) -> str:
    """For one without: an environment that sees what the board has, such as a Jetson's own onnxruntime."""
    environment, pip = shlex.quote(f"{folder}/env"), shlex.quote(f"{folder}/env/bin/python") + " -m pip"
    install = f"{pip} install --quiet --no-cache-dir --disable-pip-version-check --no-input"
    place = shlex.quote(f"{folder}/files/{wheel}")
    lines = [
        *_surroundings(job, folder),
        "set -e",
        "echo 'making a temporary environment' >&2",
        f"python3 -m venv --system-site-packages {environment} >&2",
        # --no-deps first: an edgeai of the board's own that is broken must not stand in for this one.
        f"{install} --force-reinstall --no-deps {place} >&2",
        f"{install} {place} >&2",
    ]
    for extra in extras:
        module, name = WHEEL_EXTRAS[extra]
        python = shlex.quote(f"{folder}/env/bin/python")
        wanted = shlex.quote(f"{folder}/files/{wheel}[{name}]")
        lines.append(f"{python} -c 'import {module}' 2>/dev/null || {install} {wanted} >&2")
    return "\n".join([*lines, _bench(job, shlex.quote(f"{folder}/env/bin/edgeai")), ""])


def _surroundings(job: Job, folder: str) -> list[str]:
    files, temporary = (shlex.quote(f"{folder}/{name}") for name in ("files", "tmp"))
    lines = [f"cd {files} || exit", f"export TMPDIR={temporary}"]
    if not job.uses_cache:  # else what bundles are unpacked into stays on the board
        lines.append(f"export EDGEAI_HOME={temporary}/home")
    return lines


def _bench(job: Job, edgeai: str) -> str:
    return f"exec {edgeai} bench {shlex.join([*job.options, '--json', '--', *job.models])}"
