"""Which machine and which meter `edgeai power` is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..device import detect
from ..power import Site, find_meter
from ..sysroot import SysRoot
from ..unavailable import Unavailable
from .options import complete_meters

if TYPE_CHECKING:
    from ..power import Meter


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--meter` and `--root`."""
    command = click.option(
        "--root",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="TREE",
        help="Read a captured tree (proc, sys, etc) instead of this machine.",
    )(command)
    return click.option(
        "--meter",
        metavar="NAME[=ADDRESS]",
        shell_complete=complete_meters,
        help="Read this meter, e.g. --meter rapl or --meter shelly=http://10.0.0.7. Default: the most "
        "trusted that works here; `edgeai power --list` shows them.",
    )(command)


def site_of(root: Path | None) -> Site:
    """This machine, or the tree that stands for one."""
    here = SysRoot() if root is None else SysRoot(root)
    return Site(here, detect() if root is None else detect(here))


@contextmanager
def meter_at(site: Site, name: str | None) -> Iterator[Meter | Unavailable]:
    """The meter of that name, or the most trusted, closed afterwards. Raises UsageError."""
    found = find_meter(site, name)
    try:
        yield found
    finally:
        if not isinstance(found, Unavailable):
            found.close()
