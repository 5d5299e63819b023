"""Sensors and accelerators that are there and may not be opened by this user."""

from __future__ import annotations

import grp
import os
from collections.abc import Iterator
from pathlib import Path

from ..power import Site, survey
from ..unavailable import Barred
from .finding import WARNING, Finding
from .patient import Patient

# Device nodes that run models, and what goes through them. Their groups come from the vendors' udev rules.
_NODES = {
    "/dev/nvmap": "the Jetson's GPU",
    "/dev/nvidia0": "the NVIDIA GPU",
    "/dev/dri/renderD128": "the GPU",
    "/dev/apex_0": "the Edge TPU",
    "/dev/rknpu": "the NPU",
}


def permissions(patient: Patient) -> Iterator[Finding]:
    """Power meters that are barred, as the table of meters finds them, and device nodes."""
    for name, why in survey(Site(patient.root, patient.device)).missing.items():
        if isinstance(why, Barred):
            yield Finding(
                WARNING,
                f"the power meter {name} may not be read: {why.unavailable}",
                "energy per inference cannot be measured, though the sensor is there",
                why.advice,
            )
    for node, what in _NODES.items():
        path = patient.root.at(node)
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            yield Finding(
                WARNING,
                f"{what} is there ({node}), and this user may not use it",
                "models fall back to the CPU",
                _let_in(path, node),
            )


def _let_in(path: Path, node: str) -> str:
    """The group that the system's rules gave the node; a node of root's own group needs a rule first."""
    try:
        group = grp.getgrgid(path.stat().st_gid).gr_name
    except (KeyError, OSError):
        group = "root"
    if group == "root":
        return (
            f"sudo chgrp video {node} && sudo chmod 660 {node} && sudo usermod -aG video $USER, with a udev "
            "rule that does the first two at each boot; then log in again"
        )
    return f"sudo usermod -aG {group} $USER; then log in again"
