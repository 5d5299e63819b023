"""One board from the first connection to its answer: whatever is lost on the way is taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from edgeai.errors import RemoteError, one_line
from edgeai.quantities import time_text
from edgeai.ssh import Address, Connection, ConnectionLost

from .asked import Asked
from .command import command_text, wheel_command_text
from .desk import Desk, Lease, TakenByAnother
from .job import Copied, Job
from .owner import this_owner

RETRY_S = 2.0
"""Between two tries to reach a board again."""


class Stopped(Exception):  # noqa: N818 - a wish
    """The user wants no more of it."""


@dataclass(frozen=True)
class Answer:
    """code: of the board's bench. out, said: its standard output and error."""

    code: int
    out: str
    said: str


@dataclass(frozen=True)
class Wheel:
    """This edgeai, for boards without. extras: what the models need beside it."""

    copied: Copied
    extras: tuple[str, ...]


class Session:
    """Measures on one board. say: told what happens. is_stopped: whether to end and clean up."""

    def __init__(
        self,
        address: Address,
        job: Job,
        asked: Asked,
        wheel: Wheel | None,
        *,
        say: Callable[[str], None],
        is_stopped: Callable[[], bool],
    ) -> None:
        self._address, self._job, self._asked, self._wheel = address, job, asked, wheel
        self._say, self._is_stopped = say, is_stopped
        self._is_cleaning = False
        self._was_reached = False
        self._lost_s: float | None = None
        self._answer: Answer | None = None
        self._name = job.key(address.path, "" if wheel is None else wheel.copied.sha256)
        self._owner = this_owner(str(address))

    def run(self) -> Answer:
        """Raises RemoteError, and Stopped. Nothing stays on a board that can be reached."""
        while True:
            try:
                return self._connected()
            except ConnectionLost as error:  # noqa: PERF203 - a try takes seconds
                if not self._was_reached:
                    raise
                self._wait_for_another_try(error)

    def _wait_for_another_try(self, error: ConnectionLost) -> None:
        now = time.monotonic()
        if self._lost_s is None:
            self._lost_s = now
            self._say(f"connection lost, trying again: {error}")
        if now - self._lost_s > self._asked.reconnect_s:
            tried_s = self._asked.reconnect_s
            raise RemoteError(
                f"the connection was lost, and did not come back within {time_text(tried_s)} ({error}); its "
                f"job removes itself {time_text(Lease.of(tried_s).seconds)} after that; until then the "
                "same command takes it up"
            ) from error
        until = now + RETRY_S
        while time.monotonic() < until:
            self._check()
            time.sleep(0.1)

    def _connected(self) -> Answer:
        with Connection(self._address, self._asked.options, self._check) as connection:
            desk = Desk(connection, self._name, self._owner, Lease.of(self._asked.reconnect_s))
            try:
                if self._answer is None:
                    self._answer = self._carried_out(desk)
            except (ConnectionLost, TakenByAnother):
                raise
            except BaseException:
                self._is_cleaning = True
                with suppress(RemoteError):  # the first error is what there is to say
                    desk.drop()
                raise
            self._is_cleaning = True
            desk.drop()
            return self._answer

    def _carried_out(self, desk: Desk) -> Answer:
        was_there = desk.attach()
        if was_there:
            self._say("its job is still there; taken up again")
        elif self._was_reached:
            self._say("its job is gone, perhaps by a restart; it begins again")
        self._was_reached, self._lost_s = True, None
        if not desk.is_started():
            self._send(desk)
            desk.start()
            self._say("measuring")
        return self._awaited(desk)

    def _send(self, desk: Desk) -> None:
        wanted = self._address.path.lstrip("/") if self._address.path[:3] == "/~/" else self._address.path
        edgeai = desk.find(wanted or "edgeai")
        files = list(self._job.files)
        if edgeai:
            text = command_text(self._job, desk.folder, edgeai)
        elif self._wheel is not None:
            files.append(self._wheel.copied)
            text = wheel_command_text(self._job, desk.folder, self._wheel.copied.name, self._wheel.extras)
        elif wanted:
            raise RemoteError(
                f"there is no edgeai at {one_line(wanted)}; give its place there, or --push-wheel"
            )
        else:
            raise RemoteError(
                "there is no edgeai on its PATH; give its place (ssh://user@board/path/of/edgeai), install "
                "it there, or give --push-wheel"
            )
        self._say("copying")
        for each in files:
            desk.put(each)
        desk.put_command(text)

    def _awaited(self, desk: Desk) -> Answer:
        last = ""
        while True:
            state, rest = desk.poll()
            self._last_s = time.monotonic()
            if state == "done":
                out = desk.written("answer")
                return Answer(int(rest), out, "" if out.strip() else desk.written("said"))
            if state == "taken":
                raise TakenByAnother("another client took this measurement over, and will get its result")
            if state != "running":
                raise RemoteError(
                    "its bench was stopped there, perhaps for want of RAM; see dmesg on the board"
                )
            if rest and rest != last:
                self._say(one_line(rest))
                last = rest

    def _check(self) -> None:
        if self._is_stopped() and not self._is_cleaning:
            raise Stopped
