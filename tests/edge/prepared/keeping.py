"""A process that has imported what `keep` needs, and forks children that keep, are limited or killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from edgeai.prepared.record import Prepared, to_bytes

# A line `HOME FOLDER SPOIL` for each child; its outcome comes back, once the next line tells to wait for it.
# SPOIL: `-` nothing; `kill:N` SIGKILL at the N-th call that changes the disk, by Python's own audit of them;
# `limit:N` no file may grow beyond N bytes, as on a full disk.
FORKS = """
import os, resource, signal, sys, traceback
from pathlib import Path
from edgeai.errors import EdgeError
from edgeai.prepared.keep import keep
from edgeai.prepared.record import from_bytes
from edgeai.prepared import contents, known, written

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "shutil.copyfile", "open"}
left = 0

def audit(event, arguments):
    global left
    if event in CHANGES and left and (event != "open" or arguments[1] and set(arguments[1]) & set("wxa+")):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

def work(home, folder, spoil):
    global left
    kind, _, number = spoil.partition(":")
    sys.addaudithook(audit)
    if kind == "limit":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), resource.RLIM_INFINITY))
    record = from_bytes(Path(folder, "record").read_bytes())
    left = int(number) if kind == "kill" else 0
    try:
        keep(Path(home), record, Path(folder, "form"))
    except EdgeError as error:
        return f"{type(error).__name__}: {error}"
    except BaseException:
        return traceback.format_exc().replace(chr(10), "|")
    return "kept"

print("ready", flush=True)
while line := sys.stdin.readline().split():
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, work(*line).encode())
        os._exit(0)
    os.close(writer)
    print("started", flush=True)
    sys.stdin.readline()
    said = os.read(reader, 100000).decode()
    os.close(reader)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(said or code, flush=True)
"""


class Keeper:
    """The parent of such children. One child at a time; several keepers work side by side."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-c", FORKS],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def start(self, home: Path, folder: Path, spoil: str = "-") -> None:
        self._say(f"{home} {folder} {spoil}")
        assert self._line() == "started"

    def wait(self) -> str:
        """`kept`, the error in words, or the exit code."""
        self._say("wait")
        return self._line()

    def keep(self, home: Path, folder: Path, spoil: str = "-") -> str:
        self.start(home, folder, spoil)
        return self.wait()

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")


def job(folder: Path, record: Prepared, form: Path) -> Path:
    """A folder with what a child keeps: the record, and its own copy of the form's files."""
    shutil.copytree(form, folder / "form", ignore=shutil.ignore_patterns("record.json"))
    (folder / "record").write_bytes(to_bytes(record))
    return folder
