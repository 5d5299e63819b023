"""The words of a command line that another machine is to be given, as the user wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from edgeai.errors import UsageError

_WORDS = "edgeai_bench.words"
HERE = frozenset(
    {
        "models",
        "on",
        "push_wheel",
        "ssh_config",
        "reconnect_s",
        "html",
        "csv",
        "markdown",
        "results",
        "as_json",
    }
    | {"quiet", "verbose", "help"}
)
"""What is done here: copying, and showing what came back."""
NOT_THERE = frozenset({"self_test", "slower", "bigger", "again"})
"""Comparisons, and what needs files here. Options that name files are refused where nobody copies them."""


class Forwarding(click.Command):
    """A command that remembers its words: values are converted by then, and back is not the same."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep them first."""
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)


def forwarded(context: click.Context, copied: Mapping[str, str]) -> list[str]:
    """Options for another machine's bench. copied: what a parameter's file is called there.

    Raises UsageError for an option that cannot go there.
    """
    given, _, _ = context.command.make_parser(context).parse_args(list(context.meta[_WORDS]))
    words: list[str] = []
    for parameter in context.command.params:
        name, value = parameter.name, given.get(parameter.name or "")
        # Nothing or a mark of click's own where it was not given, by version: only these kinds are values.
        if name is None or name in HERE or not isinstance(value, str | bool | list | tuple) or not value:
            continue
        option = parameter.opts[0]
        if name in copied:
            words += [option, copied[name]]
        elif name in NOT_THERE or isinstance(parameter.type, click.Path):
            raise UsageError(f"{option} goes without --on; run it on the board itself")
        else:
            words += _words(option, value)
    return words


def _words(option: str, value: Any) -> list[str]:
    if value is True:
        return [option]
    values = value if isinstance(value, list) else [value]
    # One word: a value may begin with a dash.
    return [f"{option}={each}" for each in values]
