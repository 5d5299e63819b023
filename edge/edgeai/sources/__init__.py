"""Where a pipeline's input comes from: files and standard input; cameras and microphones are one line more.

    with open_source("recordings/", "audio") as source:
        for item in source:
            ...

A source gives one item after the other and reads nothing before it is asked for. Sound comes in chunks, in
order: an item with `is_last` ends its recording, and the one after it begins another.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..bundle.declared import SOURCE_KINDS
from ..errors import InputError, one_line

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

# The scheme before a colon, or `-`: the function that opens the rest. What has none of these is a file.
# To add one: one file, one line here.
SOURCES: dict[str, str] = {
    "-": "edgeai.sources.standard_input:open_standard_input",
    "file": "edgeai.sources.files:open_files",
}


@dataclass(frozen=True)
class Item:
    """What a source gives: one picture, text or file, one set of tensors, or a chunk of sound.

    value: image: a path, or the bytes of a file; audio: f32 [n], -1 to 1, where n may be 0 in the last chunk;
        text: str; bytes: a path or bytes; tensors: arrays by the model's input name, or the only array of a
        file that names none.
    name: where it came from, as a report shows it: a path, `-`, `-:3` for the third line.
    start_s: source time at which it starts: of sound since its recording began, of a camera by its clock.
    rate_hz: samples a second; None for what is not sound.
    is_last: whether its recording ends with it. Every item that is not sound is a recording of its own.
    """

    value: Any
    name: str
    start_s: float = 0.0
    rate_hz: float | None = None
    is_last: bool = True


class Source(Protocol):
    """An opened source: a context manager, and an iterator that is gone through once."""

    @property
    def kind(self) -> str:
        """What its items are: one of `SOURCE_KINDS`."""

    @property
    def is_live(self) -> bool:
        """Whether it goes on while nobody reads, so that a slow reader must drop something."""

    def close(self) -> None:
        """Close what it opened; closing twice is fine."""

    def __next__(self) -> Item: ...
    def __iter__(self) -> Self: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True)
class SourceOptions:
    """What a pipeline tells its source.

    kind: one of `SOURCE_KINDS`. rate_hz: of samples that come without a rate of their own.
    chunk_s: the longest chunk of sound; what comes slowly is handed on as it comes.
    dtypes: of the model's inputs by name (`f32`, `u8`, ...), for numbers written as text, which have none.
    """

    kind: str
    rate_hz: float | None = None
    chunk_s: float = 0.1
    dtypes: Mapping[str, str] | None = None


def open_source(
    text: str | os.PathLike[str],
    kind: str,
    *,
    rate_hz: float | None = None,
    chunk_s: float = 0.1,
    dtypes: Mapping[str, str] | None = None,
) -> Source:
    """Open a source by what a user writes: a file, a folder, a pattern, `-`, or `SCHEME:ADDRESS`.

    For the other parameters see `SourceOptions`. Raises InputError for what is not there or holds nothing.
    """
    options = SourceOptions(kind, rate_hz, chunk_s, dtypes)
    _check(options)
    target, address = find_opener(os.fspath(text))
    module, _, function = target.partition(":")
    opener: Callable[[str, SourceOptions], Source] = getattr(importlib.import_module(module), function)
    return opener(address, options)


def find_opener(text: str) -> tuple[str, str]:
    """The table's entry for what a user writes, and the address that is left for it."""
    if text == "-":
        return SOURCES["-"], text
    scheme, colon, address = text.partition(":")
    if colon and scheme != "-" and scheme in SOURCES:
        return SOURCES[scheme], address
    return SOURCES["file"], text


def _check(options: SourceOptions) -> None:
    if options.kind not in SOURCE_KINDS:
        raise InputError(f"kind is {one_line(repr(options.kind))}; give one of: {', '.join(SOURCE_KINDS)}")
    for name, value in (("rate_hz", options.rate_hz), ("chunk_s", options.chunk_s)):
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{name} is {value!r}; give a number above 0")
