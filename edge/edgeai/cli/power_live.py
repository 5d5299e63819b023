"""Shows looks as they come, until Ctrl-C, and says at the end what they came to."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from ..measure.power_watch import PowerLook, PowerWatch
from ..unavailable import Unavailable
from .power_lines import Words, cut

if TYPE_CHECKING:
    from ..power import Meter, Site

_UP, _ERASE, _BELOW = "\x1b[{}F", "\x1b[K", "\x1b[J"
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
# ECMA-48: to the start of a line above, erase a line's rest, erase all below. DEC: hide, show the cursor.


def live(
    site: Site,
    meter: Meter | Unavailable,
    every_s: float,
    form: str,
    *,
    count: int | None = None,
    for_s: float | None = None,
    verbosity: int = 0,
) -> None:
    """Look until Ctrl-C, `count` looks or `for_s` seconds. form: `text`, `csv` or `json`."""
    info = meter if isinstance(meter, Unavailable) else meter.info
    watch = PowerWatch(site.root, None if isinstance(meter, Unavailable) else meter, every_s)
    unicode = "utf" in (getattr(sys.stdout, "encoding", None) or "").lower()
    words = Words(info, site.device.model or site.device.profile.name, unicode=unicode)
    try:
        with _shower(words, watch, form, verbosity) as show:
            for look in itertools.islice(watch.looks(for_s), count):
                show(look)
    except KeyboardInterrupt:
        pass  # how a live view ends
    if verbosity >= 0:
        click.echo(words.summary(watch.totals), err=form != "text")


@contextmanager
def _shower(
    words: Words, watch: PowerWatch, form: str, verbosity: int
) -> Iterator[Callable[[PowerLook], None]]:
    if form == "json":
        from .power_rows import look_document

        yield lambda look: click.echo(json.dumps(look_document(look, words.info), allow_nan=False))
    elif form == "csv":
        yield _csv()
    elif sys.stdout is not None and sys.stdout.isatty():  # None: closed
        notes = words.notes if verbosity > 0 else ()
        with _drawn() as draw:
            yield lambda look: draw([*words.frame(look, watch.totals), *notes])
    else:
        if verbosity >= 0:
            click.echo(words.title)
        if verbosity > 0 and words.notes:
            click.echo("\n".join(words.notes))
        yield lambda look: click.echo(words.line(look))


def _csv() -> Callable[[PowerLook], None]:
    from .power_rows import Rows

    rows: Rows | None = None

    def show(look: PowerLook) -> None:
        nonlocal rows
        if rows is None:
            rows = Rows(look)
            click.echo(rows.header())
        click.echo(rows.row(look))

    return show


@contextmanager
def _drawn() -> Iterator[Callable[[Sequence[str]], None]]:
    """Draws lines over those of before. The last ones stay on the screen."""
    drawn = 0

    def draw(lines: Sequence[str]) -> None:
        nonlocal drawn
        size = shutil.get_terminal_size()
        shown = cut(lines, size.columns, size.lines)
        up = _UP.format(drawn) if drawn else ""
        sys.stdout.write(up + "".join(f"{line}{_ERASE}\n" for line in shown) + _BELOW)
        sys.stdout.flush()
        drawn = len(shown)

    def end(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)  # as of a shell; the cursor comes back on the way out

    before = signal.signal(signal.SIGTERM, end)
    sys.stdout.write(_HIDE)
    try:
        yield draw
    finally:
        signal.signal(signal.SIGTERM, before)
        sys.stdout.write(f"\r{_ERASE}{_SHOW}")  # the terminal has written ^C there
        sys.stdout.flush()
