"""Which optional libraries the steps of a bundle load when they run, to tell before that what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from ..bundle.declared import RunStage, StepCall
from ..bundle.types import Bundle


@dataclass(frozen=True)
class Library:
    """An optional library. extra: `pip install 'edgeai[EXTRA]'` brings it."""

    name: str
    module: str
    extra: str

    @property
    def is_installed(self) -> bool:
        """Whether it can be found; says nothing about whether it loads."""
        return find_spec(self.module) is not None


_PILLOW = Library("Pillow", "PIL", "image")

# What a source of a kind takes, and what a step does. Steps that are not here need numpy alone.
LIBRARIES: dict[str, Library] = {
    "image": _PILLOW,
    "decode@1": _PILLOW,
    "resize@1": _PILLOW,
    "letterbox@1": _PILLOW,
    "crop@1": _PILLOW,
    "resample@1": Library("soxr", "soxr", "audio"),
    "micro_frontend@1": Library("pymicro-features", "pymicro_features", "audio"),
    "tokenize@1": Library("tokenizers", "tokenizers", "text"),
}


def step_calls(bundle: Bundle) -> Iterator[StepCall]:
    """Every step that a bundle calls, in order."""
    for stage in bundle.stages:
        yield from (*stage.pre, *stage.post) if isinstance(stage, RunStage) else (stage.step,)


def needed_libraries(bundle: Bundle) -> dict[Library, str]:
    """The libraries, and which step (or `image`, the source) asks for each first."""
    asking = [bundle.source.kind] if bundle.stages and bundle.source else []
    asking += [call.op for call in step_calls(bundle)]
    found: dict[Library, str] = {}
    for name in asking:
        if name in LIBRARIES:
            found.setdefault(LIBRARIES[name], name)
    return found
