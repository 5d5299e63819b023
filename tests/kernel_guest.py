"""A QEMU guest of Debian's kernel, in which the kernel's drivers of INA chips read what i2c-stub holds.

    answers = boot(kernel, [("i2c-stub", "chip_addr=0x40"), ("ina2xx-adc", "")], cases, folder)

The guest is a kernel (`debian_kernel.py`) and an initramfs: Python, edgeai, and `kernel_guest_init.py`, which
is its only program.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .debian_kernel import CannotRun, Kernel, module_file, need
from .initramfs import Initramfs, python_files

REPOSITORY = Path(__file__).parents[1]
# Without KVM a guest answers in 25 to 40 s here, and in 2 min on a busy machine.
BOOT_LIMIT_S = 900


def boot(
    kernel: Kernel,
    modules: Sequence[tuple[str, str]],
    cases: Sequence[dict[str, Any]],
    folder: Path,
    capture: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """Start the guest and wait until it powers itself off. Gives its answers by the cases' id.

    modules: name and options, in any order; what they need is loaded before them. folder: for the initramfs
    and the guest's console. capture: further files of the guest to bring back, in the answer `capture`.
    """
    need("qemu-system-x86_64")
    if sys.version_info < (3, 11):
        raise CannotRun("the guest runs edgeai with the standard library alone: Python 3.11 or later")
    files = [f"{name}.ko" for name, _ in modules]
    options = {f"{name}.ko": text for name, text in modules}
    order = [(name, options.get(name, "")) for name in _with_needed(kernel, files)]
    work = {"modules": order, "cases": list(cases), "capture": list(capture)}
    initramfs, answers, console = folder / "initramfs", folder / "answers", folder / "console"
    _write_initramfs(initramfs, kernel, [name for name, _ in order], work)
    command = ["qemu-system-x86_64", "-M", "pc", "-cpu", "max", "-m", "1024", "-nodefaults", "-no-reboot"]
    command += ["-display", "none", "-kernel", str(kernel.folder / "vmlinuz"), "-initrd", str(initramfs)]
    command += ["-append", "console=ttyS0 panic=-1 quiet"]
    command += ["-serial", f"file:{console}", "-serial", f"file:{answers}"]
    try:
        subprocess.run(["nice", "-n", "10", *command], check=True, timeout=BOOT_LIMIT_S, capture_output=True)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"the guest did not end:\n{_tail(console)}") from None
    said = [json.loads(line) for line in answers.read_text().splitlines() if line.strip()]
    assert said, f"the guest said nothing:\n{_tail(console)}"
    assert said[-1]["id"] == "capture", f"the guest broke off:\n{_tail(console)}"
    return {answer["id"]: answer for answer in said}


def _write_initramfs(path: Path, kernel: Kernel, modules: Iterable[str], work: dict[str, Any]) -> None:
    with path.open("wb") as file:
        archive = Initramfs(file)
        init = (REPOSITORY / "tests/kernel_guest_init.py").read_bytes()
        archive.add("init", f"#!{Path(sys.base_prefix, 'bin/python3')}\n".encode() + init, 0o755)
        archive.add("cases.json", json.dumps(work).encode())
        for module in modules:
            archive.add_file(f"modules/{module}", kernel.modules / module)
        for source in sorted((REPOSITORY / "edge/edgeai").rglob("*.py")):
            archive.add_file(f"edge/{source.relative_to(REPOSITORY / 'edge')}", source)
        for profile in sorted((REPOSITORY / "devices").glob("*.toml")):
            archive.add_file(f"devices/{profile.name}", profile)
        for source in python_files():
            archive.add_file(str(source).lstrip("/"), source)
        archive.end()


def _with_needed(kernel: Kernel, files: Iterable[str]) -> list[str]:
    """Module files, each after those that it depends on; what is built into the kernel has no file."""
    order: list[str] = []
    for file in files:
        info = (kernel.modules / file).read_bytes()
        depends = re.search(rb"\0depends=([^\0]*)\0", info)
        names = depends[1].decode().split(",") if depends and depends[1] else []
        needed = [f"{module_file(name)}.ko" for name in names]
        order += [each for each in [*_with_needed(kernel, needed), file] if each not in order]
    return order


def _tail(console: Path) -> str:
    return console.read_text("utf-8", "replace")[-3000:] if console.exists() else "(no console)"
