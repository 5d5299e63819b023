"""Debian's own kernel out of its packages, and drivers of its source that Debian leaves out, built here.

    kernel = fetch_kernel(cache, say=print)     vmlinuz and modules out of linux-image-amd64, through apt
    build_hwmon(kernel, cache, say=print)       drivers/hwmon/ina*.c of the same version's source

Nothing is installed on this machine. apt checks every package against Debian's signed index.
"""

from __future__ import annotations

import json
import lzma
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

HWMON_DRIVERS = ("ina2xx", "ina238", "ina3221")

Say = Callable[[str], None]


class CannotRun(Exception):  # noqa: N818 - a state of this machine, for which a test skips
    """What the guest needs is not here, and cannot be fetched."""


@dataclass(frozen=True)
class Kernel:
    """release: as `uname -r`. version: the package's. folder: `vmlinuz`, and `modules/NAME.ko`."""

    release: str
    version: str
    folder: Path

    @property
    def modules(self) -> Path:
        return self.folder / "modules"


def need(*programs: str) -> None:
    """Raises CannotRun for a program that is not on PATH."""
    packages = {"qemu-system-x86_64": "qemu-system-x86", "apt-get": "apt", "dpkg-deb": "dpkg"}
    for program in programs:
        if shutil.which(program) is None:
            package = packages.get(program, program)
            raise CannotRun(f"no {program} here: apt-get install --no-install-recommends {package}")


def fetch_kernel(cache: Path, *, say: Say) -> Kernel:
    """Debian's kernel for amd64, kept in the cache once it is whole."""
    need("apt-get", "dpkg-deb")
    kept = sorted(cache.glob("kernel-*/whole.json"))
    if kept:
        return Kernel(folder=kept[-1].parent, **json.loads(kept[-1].read_text()))
    apt = _Apt(cache, say)
    image, version = apt.kernel_image()
    release = image.removeprefix("linux-image-")
    folder = cache / f"kernel-{release}"
    with apt.downloaded({image: version}) as packages:
        say(f"unpacking {image}")
        (folder / "modules").mkdir(parents=True, exist_ok=True)
        wanted = re.compile(r"\./boot/vmlinuz-|.*/kernel/drivers/(i2c|iio|base|hwmon)/.*\.ko(\.xz)?$")
        for name, data in _members(packages[image], wanted):
            _keep(folder, name, data)
    (folder / "whole.json").write_text(json.dumps({"release": release, "version": version}))
    return Kernel(release, version, folder)


def build_hwmon(kernel: Kernel, cache: Path, *, say: Say) -> None:
    """Build the INA drivers of drivers/hwmon, which Debian leaves out, from the same version's source.

    Done against Debian's headers, so that the modules are those of this very kernel with another .config.
    """
    if all((kernel.modules / f"{driver}.ko").exists() for driver in HWMON_DRIVERS):
        return
    need("apt-get", "dpkg-deb", "make", "gcc")
    if find_library("elf") is None:  # Debian's headers come with programs that are linked to it
        raise CannotRun("no libelf here: apt-get install libelf1")
    series = ".".join(kernel.release.split(".")[:2])
    source = f"linux-source-{series}"
    flavour = kernel.release.rpartition("-")[2]
    headers = [
        f"linux-headers-{kernel.release}",
        f"linux-headers-{kernel.release.removesuffix(flavour)}common",
    ]
    wanted = dict.fromkeys([source, f"linux-kbuild-{series}", *headers], kernel.version)
    with _Apt(cache, say).downloaded(wanted) as packages, tempfile.TemporaryDirectory(dir=cache) as scratch:
        tree, work = Path(scratch, "tree"), Path(scratch, "work")
        work.mkdir()
        for package in [name for name in packages if name != source]:
            subprocess.run(["dpkg-deb", "-x", packages[package], tree], check=True)
        say(f"taking {', '.join(HWMON_DRIVERS)} out of {source}")
        _sources(packages[source], work)
        say(f"building {', '.join(HWMON_DRIVERS)}")
        _make(tree / "usr/src" / headers[0], tree / "usr/src" / headers[1], work)
        for driver in HWMON_DRIVERS:
            partial = kernel.modules / f"{driver}.part"
            shutil.copy(work / f"{driver}.ko", partial)
            partial.rename(kernel.modules / f"{driver}.ko")


class _Apt:
    """apt with lists of its own in the cache, so that this machine's stay as they are; no root is needed."""

    def __init__(self, cache: Path, say: Say) -> None:
        self._cache, self._say = cache, say
        self._options = [f"-oDir::State::lists={cache}/lists", f"-oDir::Cache={cache}/apt"]
        self._options += ["-oDebug::NoLocking=1", "-oAPT::Sandbox::User=", "-qq"]

    def kernel_image(self) -> tuple[str, str]:
        """Package and version that linux-image-amd64 stands for now."""
        self._update(again=True)
        shown = self._run("apt-cache", "show", "--no-all-versions", "linux-image-amd64")
        found = re.search(r"^Depends: (linux-image-\S+) \(= (\S+)\)", shown, re.MULTILINE)
        if found is None:
            raise CannotRun("apt knows no linux-image-amd64: this is no Debian with its archive set up")
        return found[1], found[2]

    @contextmanager
    def downloaded(self, packages: dict[str, str]) -> Iterator[dict[str, Path]]:
        """Packages of these versions, verified by apt; gone again afterwards."""
        self._update(again=False)
        with tempfile.TemporaryDirectory(dir=self._cache) as folder:
            self._say(f"downloading {', '.join(packages)}")
            wanted = [f"{name}={version}" for name, version in packages.items()]
            try:
                self._run("apt-get", "download", *wanted, cwd=Path(folder))
            except CannotRun:  # an index that was kept names files that are gone
                self._update(again=True)
                self._run("apt-get", "download", *wanted, cwd=Path(folder))
            yield {path.name.partition("_")[0]: path for path in Path(folder).glob("*.deb")}

    def _update(self, *, again: bool) -> None:
        lists = self._cache / "lists"
        for part in (lists / "partial", self._cache / "apt/archives/partial"):
            part.mkdir(parents=True, exist_ok=True)
        if again or not list(lists.glob("*_InRelease")):
            self._say("reading Debian's index")
            self._run("apt-get", "update")
        if not list(lists.glob("*_InRelease")):
            raise CannotRun("apt cannot read its archive's index: offline, or none is set up")

    def _run(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        command = [program, *self._options, *arguments]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotRun(
                f"{program} {arguments[0]} failed: {done.stderr.strip()[-300:] or 'no reason given'}"
            )
        return done.stdout


def _members(package: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as unpacking:
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as tar:
            for member in tar:
                if member.isfile() and wanted.match(member.name):
                    file = tar.extractfile(member)
                    assert file is not None
                    yield member.name, file.read()
        unpacking.wait()


def _keep(folder: Path, name: str, data: bytes) -> None:
    if "/boot/" in name:
        (folder / "vmlinuz").write_bytes(data)
    else:
        data = lzma.decompress(data) if name.endswith(".xz") else data
        (folder / "modules" / module_file(Path(name).name.removesuffix(".xz"))).write_bytes(data)


def module_file(name: str) -> str:
    # The kernel takes - and _ in a module's name for one; files use either.
    return name.replace("_", "-")


def _sources(package: Path, work: Path) -> None:
    """The drivers' files out of the kernel's source, which is a tar inside the package."""
    with tempfile.TemporaryDirectory(dir=work.parent) as folder:
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        (archive,) = Path(folder, "usr/src").glob("linux-source-*.tar.xz")
        missing = {f"drivers/hwmon/{driver}.c" for driver in HWMON_DRIVERS}
        with tarfile.open(archive, "r|xz") as tar:
            for member in tar:
                name = member.name.partition("/")[2]
                if name in missing:
                    file = tar.extractfile(member)
                    assert file is not None
                    (work / Path(name).name).write_bytes(file.read())
                    missing.remove(name)
                    if not missing:
                        return
    raise AssertionError(f"{package.name} lacks {', '.join(sorted(missing))}")


def _make(headers: Path, common: Path, work: Path) -> None:
    (headers / "Makefile").write_text(f"include {common}/Makefile\n")  # Debian's names /usr/src
    (work / "Makefile").write_text(f"obj-m := {' '.join(f'{driver}.o' for driver in HWMON_DRIVERS)}\n")
    command = ["make", "-C", str(headers), f"M={work}", "modules", "CC=gcc"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-1000:]}{done.stderr[-3000:]}"
