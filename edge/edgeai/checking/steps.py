"""Whether the steps of a bundle exist, have sound parameters, and find their libraries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import ManifestError
from ..pipeline.libraries import needed_libraries, step_calls
from ..pipeline.pipeline import bind_stages
from ..pipeline.table import STEPS
from .check import FAIL, MISSING, NOTE, OK, Check, failed

if TYPE_CHECKING:
    from ..bundle import Bundle


def check_steps(bundle: Bundle) -> Iterator[Check]:
    """That every step is there and that its parameters fit."""
    if not bundle.stages:
        return
    try:
        own = bind_all(bundle)
    except ManifestError as error:
        yield failed("steps", error)
        return
    count = sum(1 for _ in step_calls(bundle))
    stages = f"{len(bundle.stages)} stage{'s' if len(bundle.stages) != 1 else ''}"
    yield Check(
        "steps", OK, f"{count} step{'s' if count != 1 else ''} in {stages}, parameters as they should be"
    )
    for name in own:
        why = f"{name} is the application's own: edgeai.load(..., steps={{{name!r}: f}})"
        yield Check("steps", NOTE, why)


def bind_all(bundle: Bundle) -> tuple[str, ...]:
    """Bind every step and return those that are the application's own, by name.

    Such a step has a dot in its name (`acme.mark@1`), and nothing more is known of it here.
    Raises ManifestError.
    """
    own = sorted({call.op for call in step_calls(bundle) if call.op not in STEPS and "." in call.op})
    bind_stages(bundle, {}, dict.fromkeys(own, _own_step))
    return tuple(own)


def check_libraries(bundle: Bundle, *, here: bool) -> Iterator[Check]:
    """What has to be installed beside edgeai. here: on this machine, and not on another board."""
    for library, asker in needed_libraries(bundle).items():
        extra = f"pip install 'edgeai[{library.extra}]'"
        if not here:
            yield Check("steps", NOTE, f"{asker} needs {library.name} on the board: {extra}")
        elif library.is_installed:
            why = f"{asker} needs {library.name}, which is installed"
            yield Check("steps", OK, why, is_detail=True)
        else:
            yield Check("steps", FAIL, f"{asker} needs {library.name}: {extra}", MISSING)


def _own_step(value: object) -> object:
    """Stands for an application's own step where nothing is run."""
    return value
