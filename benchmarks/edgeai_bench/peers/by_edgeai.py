"""edgeai itself: as `edgeai.load` opens a model, raw or prepared."""

from __future__ import annotations

import os
from collections.abc import Mapping

import edgeai
from edgeai import device, opening
from edgeai.backends import load_backend

from .loaded import Loaded

_IMPORTED = (device, opening)
"""What `load` imports lazily belongs to the baseline, as the libraries of the others do."""


def prepare_imports(settings: Mapping[str, str]) -> None:
    """Import what the load will: the libraries of these backends, and what looks for prepared models."""
    for name in settings["backends"].split(","):
        load_backend(name)
    if settings["prepared"] == "1":
        from edgeai.prepared import find  # noqa: F401 - for what it costs


def load(path: str, threads: int | None, settings: Mapping[str, str]) -> Loaded:
    """Open and give the call.

    settings: `backends` (those whose libraries are imported before), `prepared` (0 or 1), `home` (the store
    that is looked into), `model` (of a bundle) and `real` (1: real values go in and come out, as of a bundle
    whose variants differ in what they store).
    """
    if "home" in settings:
        os.environ["EDGEAI_HOME"] = settings["home"]
    session = edgeai.load(
        path, threads=threads, model=settings.get("model"), prepared=settings["prepared"] == "1"
    )
    run = session.run
    raw = settings.get("real") != "1"
    return Loaded(
        lambda feed: run(feed, raw=raw),
        lambda result: list(result.values()),
    )
