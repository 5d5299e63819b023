"""Write the captured trees of tests/boards again: python -m tests.edge.power.capture_boards ."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from edgeai_bench.fetch import cache_folder
from tests.debian_kernel import HWMON_DRIVERS, build_hwmon, fetch_kernel
from tests.edge.power.board_sites import BOARDS
from tests.edge.power.kernel_cases import CAPTURED, HWMON_CASES, IIO_CASES, MACHINE, STUB
from tests.kernel_guest import boot


def main() -> None:
    """Boot the guest once for each tree. `expected.toml` stays as it is."""
    cache = cache_folder() / "kernel-driver"
    cache.mkdir(parents=True, exist_ok=True)
    kernel = fetch_kernel(cache, say=print)
    build_hwmon(kernel, cache, say=print)
    for tree, case_id in CAPTURED.items():
        is_iio = tree.endswith("-iio")
        drivers = ("ina2xx-adc",) if is_iio else HWMON_DRIVERS
        cases = [case for case in (IIO_CASES if is_iio else HWMON_CASES) if case["id"] == case_id]
        with tempfile.TemporaryDirectory() as folder:
            modules = [*STUB, *((driver, "") for driver in drivers)]
            said = boot(kernel, modules, cases, Path(folder), MACHINE)
        write_tree(BOARDS / tree, said[case_id]["tree"], said["capture"]["files"])


def write_tree(folder: Path, tree: dict[str, dict[str, str]], machine: dict[str, Any]) -> None:
    """The files and links of a sensor and of its machine, in place of what is there."""
    for part in ("proc", "sys"):
        shutil.rmtree(folder / part, ignore_errors=True)
    for path, text in {**tree["files"], **machine}.items():
        place(folder, path).write_text(text)
    for path, target in tree["links"].items():
        place(folder, path).symlink_to(target)


def place(folder: Path, path: str) -> Path:
    """Where a path of the guest goes; the folders above it are made."""
    file = folder / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


if __name__ == "__main__":
    main()
