"""Runs the original that a source was, or its file where that is the original."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import edgeai

from .arrays import Feed, Outputs
from .exported import Exported


def runner(source: Exported, stack: ExitStack) -> Callable[[Feed], Outputs]:
    """Every run starts as a new stream does. What it opens is closed with `stack`."""
    if source.reference is not None:
        return source.reference
    session = stack.enter_context(edgeai.load(source.path, prepared=False))

    def run(feed: Feed) -> Outputs:
        session.reset()
        return session.run(dict(feed))

    return run
