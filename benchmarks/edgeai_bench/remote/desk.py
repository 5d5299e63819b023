"""Talks to `board.sh` on a board over an open connection: a job's folder, files, start and end."""

from __future__ import annotations

import hashlib
import shlex
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from edgeai.errors import RemoteError, one_line
from edgeai.ssh import Connection

from .job import Copied
from .owner import is_alive

SCRIPT = Path(__file__).with_name("board.sh")
QUICKLY_S = 60
"""For what takes a board no time: even one that swaps is done by then."""
COPY_S = 6 * 3600
"""For a copy: a GB over a slow radio; a connection that is dead is noticed by ssh itself."""
POLL_S = 10
TURNS = 8
"""So often a board looks within its lease whether it is still asked for."""


@dataclass(frozen=True)
class Found:
    """A job's folder on a board. state: `done`, `running`, `open` before the start, or `dead`."""

    name: str
    state: str
    owner: str


@dataclass(frozen=True)
class Lease:
    """How long a job stays where nobody asks for it. In whole seconds, since a board counts them."""

    seconds: int

    @classmethod
    def of(cls, reconnect_s: float) -> Lease:
        """Twice as long as a client tries: it then knows that nothing stays."""
        return cls(round(2 * reconnect_s))

    @property
    def tick_s(self) -> int:
        """The board looks so often."""
        return max(1, self.seconds // TURNS)

    @property
    def poll_s(self) -> int:
        """How long a question may wait for its answer."""
        return max(1, min(POLL_S, self.seconds // 4))


class TakenByAnother(RemoteError):  # noqa: N818 - a state
    """The job is another client's, which is not to be disturbed."""


class Desk:
    """A job on one board. Everything may be repeated after a lost connection. Raises RemoteError."""

    def __init__(self, connection: Connection, name: str, owner: str, lease: Lease) -> None:
        self._connection = connection
        self._name, self._owner, self._lease = name, owner, lease
        self._folder = ""
        self._is_new = False

    def attach(self) -> bool:
        """Have the job's folder; whether it was there already. What clients left that are gone is removed."""
        found = self._list()
        if any(map(self._is_left, found)):
            time.sleep(2)  # one that is just being made looks dead, too
            found = self._list()
            for each in filter(self._is_left, found):
                self._say("drop", each.name)
        there = next((each for each in found if each.name == self._name), None)
        if there is not None and there.state == "dead":
            self._say("drop", self._name)
            there = None
        self._is_new = there is None
        if there is None:
            self._folder = self._say("make", self._name, self._owner).strip()
            self._connection.send(SCRIPT, f"{self._folder}/board.sh", timeout_s=QUICKLY_S)
            self._say("guard", self._folder, str(self._lease.seconds), str(self._lease.tick_s))
            return False
        if there.owner != self._owner and is_alive(there.owner):
            process = there.owner.split("/")[1]
            raise TakenByAnother(f"the same is being measured there by process {process} here; wait for it")
        self._folder = self._say("take", self._name, self._owner).strip()
        return True

    def find(self, command: str) -> str:
        """Where a command is; empty where it is not."""
        return self._say("find", command).strip()

    @property
    def folder(self) -> str:
        """Of the job, there."""
        return self._folder

    def is_started(self) -> bool:
        """Whether the job runs, or ran."""
        return self._has("started")

    def put(self, copied: Copied) -> None:
        """Copy a file for the bench, once."""
        self._put(copied.file, f"files/{copied.name}", copied.sha256)

    def put_command(self, text: str) -> None:
        """What the job is to run."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(text.encode())
            file.flush()
            self._put(Path(file.name), "command.sh", hashlib.sha256(text.encode()).hexdigest())

    def start(self) -> None:
        """Run command.sh, which is among the files; only once."""
        self._say("start", self._folder)

    def poll(self) -> tuple[str, str]:
        """The state of the job, and its last line or exit code; waits some seconds for its end."""
        answer = self._say("poll", self._folder, str(self._lease.poll_s), self._owner)
        state, _, rest = answer.strip().partition(" ")
        return state, rest

    def written(self, which: str) -> str:
        """What the command wrote: `answer` is its standard output, `said` its standard error."""
        return self._say(which, self._folder)

    def drop(self) -> None:
        """Stop it and remove everything."""
        self._say("drop", self._name)

    def _put(self, file: Path, name: str, sha256: str) -> None:
        if not self._has(name):
            script = shlex.join(["sh", f"{self._folder}/board.sh", "put", self._folder, name, sha256])
            self._connection.call(script, file=file, timeout_s=COPY_S)

    def _has(self, name: str) -> bool:
        return not self._is_new and self._say("have", self._folder, name).strip() == "yes"

    def _list(self) -> list[Found]:
        rows = [line.split(" ", 2) for line in self._say("list").splitlines()]
        if any(len(row) < 2 for row in rows):
            raise RemoteError(f"it answered {one_line(rows)}; does its shell print something of its own?")
        return [Found(row[0], row[1], row[2] if len(row) > 2 else "") for row in rows]

    def _is_left(self, found: Found) -> bool:
        if found.name == self._name or is_alive(found.owner):
            return False
        return found.state == "dead" or is_alive(found.owner) is False

    def _say(self, *words: str) -> str:
        command = shlex.join(["sh", "-s", "--", *words])
        return self._connection.call(command, file=SCRIPT, timeout_s=QUICKLY_S)
