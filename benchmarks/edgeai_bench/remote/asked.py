"""Where `edgeai bench` is asked to measure: options, and whether they fit together."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edgeai.errors import RemoteError, UsageError, one_line
from edgeai.ssh import Address

from ..options import FILE, duration, names

Function = TypeVar("Function", bound=Callable[..., Any])
RECONNECT_S = 600.0
"""A router that restarts takes minutes."""
SHORTEST_S = 4.0
"""A board counts its lease in whole seconds."""


@dataclass(frozen=True)
class Asked:
    """boards: where; none for here. reconnect_s: how long a lost board is tried to be reached again."""

    boards: tuple[Address, ...] = ()
    push_wheel: bool = False
    ssh_config: Path | None = None
    reconnect_s: float = RECONNECT_S

    @property
    def options(self) -> tuple[str, ...]:
        """For ssh."""
        return () if self.ssh_config is None else ("-F", str(self.ssh_config.absolute()))


def remote_options(command: Function) -> Function:
    """Add `--on` and what belongs to it as one argument `remote`, an `Asked`."""

    @functools.wraps(command)
    def with_asked(
        *args: Any,
        on: tuple[str, ...],
        push_wheel: bool,
        ssh_config: Path | None,
        reconnect_s: float | None,
        **options: Any,
    ) -> Any:
        if not on and (push_wheel or ssh_config is not None or reconnect_s is not None):
            raise UsageError(
                "--push-wheel, --ssh-config and --reconnect go with --on ssh://user@board; name a board"
            )
        if ssh_config is not None and not ssh_config.is_file():
            raise UsageError(f"--ssh-config {one_line(ssh_config)}: there is no such file")
        boards = tuple(_address(text) for texts in on for text in names(texts))
        for place, board in enumerate(boards):
            if str(board) in map(str, boards[:place]):
                raise UsageError(f"--on names {board} twice; once is enough")
        if reconnect_s is not None and reconnect_s < SHORTEST_S:
            raise UsageError(f"--reconnect {reconnect_s:g}s is too short; give at least {SHORTEST_S:g}s")
        return command(
            *args, remote=Asked(boards, push_wheel, ssh_config, reconnect_s or RECONNECT_S), **options
        )

    shown: Any = with_asked
    for option in reversed(_OPTIONS):
        shown = option(shown)
    return cast(Function, shown)


def _address(text: str) -> Address:
    """Raises UsageError: what is no address is the user's input, not a board's fault."""
    try:
        return Address.parse(text)
    except RemoteError as error:
        raise UsageError(f"--on {error}") from error


_OPTIONS = (
    click.option(
        "--on",
        multiple=True,
        metavar="ssh://BOARD[,...]",
        help="Measure there, not here, on all boards at the same time: ssh://user@board[:port], with "
        "/path/of/edgeai behind it where its PATH has none, e.g. --on ssh://pi@pi5,ssh://me@jetson/~/venv/"
        "bin/edgeai. The model is copied, and removed again.",
    ),
    click.option(
        "--push-wheel",
        is_flag=True,
        help="On a board without edgeai, install this one into a temporary environment, and remove it after.",
    ),
    click.option(
        "--ssh-config", type=FILE, metavar="FILE", help="As `ssh -F`. Default: the config of your user."
    ),
    click.option(
        "--reconnect",
        "reconnect_s",
        type=duration,
        metavar="TIME",
        help="How long to try to reach a lost board again; its job goes on meanwhile. After twice the time "
        "without us it ends and removes itself. Default: 10m.",
    ),
)
