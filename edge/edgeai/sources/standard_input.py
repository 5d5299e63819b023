"""`-`: standard input. Sound is raw 16-bit samples; what may be many things, one a line.

arecord -t raw -f S16_LE -r 16000 -c 1 | edgeai run voice.edge -
edgeai run faces.edge - < photo.jpg
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, cast

from ..errors import InputError
from . import Item, SourceOptions
from .bounded import as_text, read_all, read_lines
from .generated import Generated

if TYPE_CHECKING:
    from io import BufferedReader

_NAME = "-"  # as reports name it
_SHOWN = "standard input"  # as errors do


def open_standard_input(_: str, options: SourceOptions) -> Generated:
    """What is piped in; it is never closed. See `edgeai.sources` for what the items of each kind are.

    audio: 16-bit little-endian samples of one channel at `rate_hz`; image: the bytes of one file; bytes:
    everything; text: a text a line; tensors: a JSON object a line (`edgeai.sources.tensors`).
    Raises InputError where there is nothing to read from.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise InputError(f"{_SHOWN} is closed; pipe something in, as in `edgeai run X - < file`")
    if options.kind in {"audio", "image", "bytes"} and sys.stdin.isatty():
        raise InputError(f"{_SHOWN} is a terminal; pipe something in, as in `edgeai run X - < file`")
    if options.kind == "audio" and options.rate_hz is None:
        raise InputError(f"raw samples from {_SHOWN} have no rate of their own; state their rate in Hz")
    file = cast("BufferedReader", sys.stdin.buffer)
    return Generated(options.kind, _READERS[options.kind](file, options))


def _whole(file: BufferedReader, _: SourceOptions) -> Generator[Item, None, None]:
    content = read_all(file, _SHOWN)
    if not content:
        raise InputError(f"{_SHOWN} is empty; pipe a file in, as in `edgeai run X - < file`")
    yield Item(content, _NAME)


def _texts(file: BufferedReader, _: SourceOptions) -> Generator[Item, None, None]:
    for place, line in read_lines(file, _NAME):
        yield Item(as_text(line, place), place)


def _tensors(file: BufferedReader, options: SourceOptions) -> Generator[Item, None, None]:
    from .tensors import parse_tensors

    for place, line in read_lines(file, _NAME):
        yield Item(parse_tensors(line, place, options.dtypes), place)


def _samples(file: BufferedReader, options: SourceOptions) -> Generator[Item, None, None]:
    """Samples as they come, at most `chunk_s` at once; the last chunk is empty: nothing tells the end."""
    import numpy as np

    rate_hz = options.rate_hz
    assert rate_hz is not None
    count = 0
    for block in _whole_samples(file, max(1, round(options.chunk_s * rate_hz))):
        chunk = np.frombuffer(block, "<i2") * np.float32(2**-15)
        yield Item(chunk, _NAME, count / rate_hz, rate_hz, is_last=False)
        count += len(chunk)
    yield Item(np.zeros(0, np.float32), _NAME, count / rate_hz, rate_hz)


def _whole_samples(file: BufferedReader, most: int) -> Iterator[bytes]:
    left = file.read(4)
    if left == b"RIFF":
        raise InputError(f"{_SHOWN} is a WAV file; give its path, or pipe in raw samples (arecord -t raw)")
    if not left:
        raise InputError(f"{_SHOWN} is empty; pipe in raw samples: 16 bits, little-endian, one channel")
    while True:
        end = len(left) & ~1
        if end:
            yield left[:end]
        block = file.read1(2 * most - (len(left) - end))
        if not block:
            return  # half a sample is left where the writer was stopped
        left = left[end:] + block


_READERS: dict[str, Callable[[BufferedReader, SourceOptions], Generator[Item, None, None]]] = {
    "audio": _samples,
    "image": _whole,
    "bytes": _whole,
    "text": _texts,
    "tensors": _tensors,
}
