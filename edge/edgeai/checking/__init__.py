"""What `edgeai check` does: says whether a bundle or a model is sound, and whether a device can run it.

    for check in run_checks("door.edge"):
        print(check.outcome, check.what, check.why)

From the outside in: files and their hashes, the manifest, its steps, each variant of each model, golden
samples. What is damaged ends it: nothing that was changed on its way is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..device import load_profile
from ..errors import ModelError, ModelNotFound
from ..showing import look
from .check import DAMAGED, FAIL, MISSING, NO, NOTE, OK, SKIPPED, Check, failed, worst_fault
from .elsewhere import check_models_elsewhere
from .files import check_files, check_manifest
from .here import check_models_here
from .steps import bind_all, check_libraries, check_steps

__all__ = [
    "Check",
    "run_checks",
    "worst_fault",
    "bind_all",
    "OK",
    "FAIL",
    "SKIPPED",
    "NOTE",
    "DAMAGED",
    "NO",
    "MISSING",
]


def run_checks(path: str | os.PathLike[str], device: str | None = None) -> Iterator[Check]:
    """Every check, as soon as it is made.

    device: judge for this board by its profile, from afar: nothing is opened or run.
    Raises ModelNotFound where nothing is there, and UnknownDevice.
    """
    profile = None if device is None else load_profile(device)
    try:
        with look(path) as looked:
            bundle = looked.bundle
            yield from check_files(looked)
            yield from check_manifest(bundle)
    except ModelNotFound:
        raise
    except ModelError as error:
        yield failed("file", error, DAMAGED)
        return
    steps = list(check_steps(bundle))
    yield from steps
    if worst_fault(steps):
        return
    yield from check_libraries(bundle, here=profile is None)
    yield from check_models_here(path) if profile is None else check_models_elsewhere(bundle, profile)
