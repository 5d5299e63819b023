"""A CSV log that an instrument appends to while it runs: `--meter csv=FILE`, followed as `tail -f` does.

Watts are taken as of the moment at which their row appears. How late that is depends on the instrument's
software; a log that is complete is aligned to milliseconds by a mark instead (see csv_log).
"""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import one_line
from ..unavailable import Barred, Unavailable
from .csv_log import LogError, header
from .meter import GAUGE_W, ErrorModel, MeterInfo, Rail, ReadFailed

if TYPE_CHECKING:
    from typing import BinaryIO

    from .csv_columns import Columns
    from .meter import Site

GROWS_WITHIN_S = 3.0
"""An instrument's software writes at least that often, or it is no meter to follow."""

_NOTES = (
    "followed while it is written: each value counts from when its row appears, so it lags by what the "
    "instrument's software holds back",
)


def probe(site: Site) -> CsvMeter | Unavailable:
    """Open the file and see whether it grows."""
    assert site.address is not None
    path = Path(site.address)
    if path.exists() and not path.is_file():  # a pipe would be waited for, /dev/zero read without end
        return Unavailable(f"{one_line(path)} is no file", "name the file that the instrument's log goes to")
    try:
        meter = CsvMeter(path)
    except PermissionError:
        return Barred(f"{one_line(path)}: permission denied", "let this user read the instrument's log")
    except (OSError, LogError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        return Unavailable(
            f"{one_line(path)}: {one_line(why)}" if why else str(error), "start the instrument's log first"
        )
    try:
        meter.read()
    except ReadFailed as error:
        meter.close()
        return Unavailable(
            str(error),
            "start the instrument's log first; one that is written at the end is for `edgeai bench`, which "
            "aligns it",
        )
    return meter


class CsvMeter:
    """See `Meter`. Raises LogError where the file has no header that will do, OSError where it is missing."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        try:
            lines = (line.decode("utf-8-sig", "replace") for line in iter(self._file.readline, b""))
            self._columns: Columns = header(path, lines)[0]
        except LogError:
            self._file.close()
            raise
        self._row = self._columns.reader()
        self._file.seek(-1, 2)
        self._is_within_line = self._file.read() != b"\n"
        self._torn = b""
        self._watts: float | None = None
        self._fresh_s = time.monotonic()
        self.info = MeterInfo(
            name=f"csv={path}",
            scope="supply, as logged by the instrument",
            kind=GAUGE_W,
            rails=(Rail("logged"),),
            update_s=None,
            error=ErrorModel(
                gain=0.01,
                offset_w=0.0,
                lsb=0.0,
                source="an assumption: 1 % of the value, as a log does not say what the instrument's maker "
                "promises",
            ),
            notes=_NOTES,
        )

    def read(self) -> tuple[float, ...]:
        """The mean of the rows since the last read, or the last one again while there is none.

        The first read waits for a row. Fails where none came for GROWS_WITHIN_S.
        """
        while True:
            new = self._new_rows()
            now_s = time.monotonic()
            if new:
                self._watts, self._fresh_s = sum(new) / len(new), now_s
            if now_s - self._fresh_s > GROWS_WITHIN_S:
                raise ReadFailed(f"{self._file.name}: the log has not grown for {GROWS_WITHIN_S:.0f} s")
            if self._watts is not None:
                return (self._watts,)
            time.sleep(0.02)

    def close(self) -> None:
        """See `Meter.close`."""
        self._file.close()

    def _new_rows(self) -> list[float]:
        """Watts of the lines that were completed since the last look."""
        try:
            lines = (self._torn + self._file.read()).split(b"\n")
        except (OSError, ValueError) as error:  # ValueError: closed
            raise ReadFailed(f"{self._file.name}: {error}") from error
        self._torn = lines.pop()
        if lines and self._is_within_line:
            self._is_within_line = False
            del lines[0]
        texts = [line.decode("utf-8", "replace") for line in lines]
        cells = csv.reader(texts, delimiter=self._columns.delimiter)
        try:
            return [row[1] for each in cells if each and (row := self._row(each)) is not None]
        except csv.Error as error:
            raise ReadFailed(f"{self._file.name}: no CSV ({one_line(error)})") from error
