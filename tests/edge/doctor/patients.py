"""Patients for the tests: captured trees, copied so that a test can make them sick."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgeai.doctor import Disk, Finding, Patient, examine, patient_of_tree
from edgeai.doctor.installed import read_distributions

BOARDS = Path(__file__).parents[2] / "boards"
TREES = sorted(path.name for path in BOARDS.iterdir() if path.is_dir())
ROOMY = Disk(total_bytes=32 * 10**9, free_bytes=20 * 10**9)
THROTTLED = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"


def board(name: str) -> Patient:
    """A captured board, as it is."""
    return patient_of_tree(BOARDS / name)


def made_sick(folder: Path, name: str, files: Mapping[str, str | None]) -> Patient:
    """A copy of a board with some files written anew, or with None removed."""
    tree = folder / name
    shutil.copytree(BOARDS / name, tree, symlinks=True)
    write(tree, files)
    return replace(patient_of_tree(tree), disk=ROOMY)


def write(tree: Path, files: Mapping[str, str | None]) -> None:
    """Write files below a folder, or remove them."""
    for path, text in files.items():
        file = tree / path
        if text is None:
            file.unlink()
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def install(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    modules: Sequence[str] = (),
    egg: bool = False,
) -> None:
    """Write what pip leaves of a distribution (or, as an egg-info, what Debian's older packages leave)."""
    info = folder / f"{name.replace('-', '_')}-{version}.{'egg' if egg else 'dist'}-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    text = "\n".join([*lines, "", "The description says Name: other and Requires-Dist: numpy<1"])
    (info / ("PKG-INFO" if egg else "METADATA")).write_text(text, encoding="utf-8")
    if modules:
        (info / "top_level.txt").write_text("\n".join(modules), encoding="utf-8")


def with_packages(patient: Patient, *folders: Path) -> Patient:
    """The same with the distributions of some folders, in the order of `sys.path`."""
    return replace(patient, distributions=read_distributions(folders))


def severities(found: Sequence[Finding]) -> dict[str, str]:
    """Check to severity, where each check found one thing."""
    assert len({finding.check for finding in found}) == len(found), found
    return {finding.check: finding.severity for finding in found}


def only(patient: Patient, check: str) -> Finding:
    """The single finding of one check."""
    (finding,) = examine(patient, [check])
    return finding
