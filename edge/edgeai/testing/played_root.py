"""A captured tree whose power sensors live: their files change as those of a board under a known power."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .power_traces import Cumulative

_SENSORS = ("sys/class", "sys/bus", "sys/devices", "dev")
_GAUGE = re.compile(r"(curr|power)\d+_input|in_(current|power)\d+_(input|raw)|(power|current)_now")
_COUNTER = re.compile(r"energy_uj|energy\d+_input")
_PMIC = "pmic_read_adc"
_AMPERES = re.compile(r"(_A\s+current\(\d+\)=)(-?[\d.]+)(A)")
_MICRO = 1e-6
_PRIORITY = -15

# How often a file changes, by its kind; as the sensors do, but where that is faster than needs be.
_UPDATES_S = ((_COUNTER, 0.01), (re.compile(_PMIC), 0.05), (re.compile(r"\w+_now"), 0.25))
_USUAL_S = 0.035
"""An INA226 averages over so long by default."""


class PlayedRoot:
    """A copy of `tree`, alive inside `with`: `path` is the copy.

    trace: joules since the beginning, after so many seconds; what the board draws. shows_w: the watts that
    the tree's gauges show in total as they are: currents and powers are scaled by the trace's over these,
    voltages stay.
    counters: how many counters make up the total; each then counts its share. Which files belong to the total
    is not looked for here, so that whoever reads them is not believed by itself.
    update_s: how often files change; by default as the kind of sensor does.

    A file is replaced by renaming, so that a reader finds the old value or the new one.
    """

    def __init__(
        self,
        tree: Path,
        trace: Cumulative,
        *,
        shows_w: float | None = None,
        counters: int = 1,
        update_s: float | None = None,
    ) -> None:
        self._tree, self._trace, self._shows_w, self._counters = tree, trace, shows_w, counters
        self._update_s = update_s
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._play, name="played root", daemon=True)
        self._broken: OSError | None = None
        self._files: list[_File] = []
        self.path = Path()
        self.began_s = 0.0
        """`time.monotonic()` of the trace's beginning."""
        self.late_s = 0.0
        """The longest time by which a busy machine let values come late: so old they were shown."""

    def __enter__(self) -> PlayedRoot:
        self._folder = tempfile.TemporaryDirectory(prefix="edgeai-played-")
        self.path = Path(self._folder.name) / self._tree.name
        shutil.copytree(self._tree, self.path, symlinks=True)
        self._files = list(self._found())
        if not self._files:
            self._folder.cleanup()
            raise ValueError(f"{self._tree} has no power sensor whose files could be played")
        self.began_s = time.monotonic()
        self._write(0.0)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()
        assert self._folder is not None
        self._folder.cleanup()
        if self._broken is not None:
            raise self._broken

    def joules(self, begin_s: float, end_s: float) -> float:
        """What the board drew between two moments of `time.monotonic()`."""
        return self._trace(end_s - self.began_s) - self._trace(begin_s - self.began_s)

    def _play(self) -> None:
        shortest_s = min(file.update_s for file in self._files)
        with suppress(
            OSError
        ):  # on a busy machine a sensor does not wait for a CPU; only root may ask for that
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _PRIORITY)
        last_s = 0.0
        try:
            while not self._stopped.wait(shortest_s):
                now_s = time.monotonic() - self.began_s
                self.late_s = max(self.late_s, now_s - last_s - shortest_s)
                last_s = now_s
                self._write(now_s)
        except OSError as error:
            self._broken = error

    def _write(self, now_s: float) -> None:
        for file in self._files:
            if now_s < file.due_s:
                continue
            watts = self._mean_w(file.written_s, now_s) if now_s else self._mean_w(0.0, file.update_s)
            file.write(file.text(watts, self._trace(now_s)))
            file.written_s, file.due_s = now_s, now_s + file.update_s

    def _mean_w(self, begin_s: float, end_s: float) -> float:
        return (self._trace(end_s) - self._trace(begin_s)) / (end_s - begin_s)

    def _found(self) -> Iterator[_File]:
        for part in _SENSORS:
            for folder, _, names in os.walk(self.path / part):  # links are not followed: each file once
                for name in sorted(names):
                    path = Path(folder) / name
                    if not path.is_symlink() and (text := self._course(path)) is not None:
                        yield _File(path, text, self._update_s or _usual_update_s(name))

    def _course(self, path: Path) -> Callable[[float, float], str] | None:
        """What a sensor's file holds at so many watts and joules; None for any other, and a barred one."""
        is_counter, is_gauge = _COUNTER.fullmatch(path.name), _GAUGE.fullmatch(path.name)
        if not (is_counter or is_gauge or path.name == _PMIC):
            return None
        try:
            content = path.read_text()
        except OSError:
            return None
        if is_counter:
            return self._counting(int(content), path.with_name("max_energy_range_uj"))
        shows_w = self._shows_w
        if shows_w is None:
            return None
        if is_gauge:
            number = int(content)
            return lambda watts, joules: f"{number * watts / shows_w:.0f}\n"
        return lambda watts, joules: _AMPERES.sub(
            lambda found: f"{found[1]}{float(found[2]) * watts / shows_w:.8f}{found[3]}", content
        )

    def _counting(self, start: int, wrap: Path) -> Callable[[float, float], str]:
        wraps_at = 1 << 63
        with suppress(OSError):
            wraps_at = int(wrap.read_text())
        share = 1 / self._counters / _MICRO
        return lambda watts, joules: f"{(start + round(joules * share)) % wraps_at}\n"


@dataclass
class _File:
    """A sensor's file. due_s: when it changes next; written_s: when it last did, since the beginning."""

    path: Path
    text: Callable[[float, float], str]
    update_s: float
    due_s: float = 0.0
    written_s: float = 0.0

    def write(self, text: str) -> None:
        beside = self.path.with_name(f".{self.path.name}.new")
        beside.write_text(text)
        beside.replace(self.path)


def _usual_update_s(name: str) -> float:
    return next((update_s for kind, update_s in _UPDATES_S if kind.fullmatch(name)), _USUAL_S)
