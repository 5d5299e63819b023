"""Sound files as chunks of samples of one channel: WAV by our own means, FLAC, OGG and MP3 by soundfile."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ..errors import InputError, one_line
from ..extras import require
from ..regular_file import open_regular
from ..steps.audio import decode_pcm, mix_down
from .wav import WavLayout, read_wav_header

if TYPE_CHECKING:
    from types import TracebackType
    from typing import BinaryIO

    from ..steps.audio import Samples

# A header may claim any rate and number of channels: no more than this is read at once.
_LARGEST_READ = 4 << 20


class Sound:
    """A sound that is read as it is iterated over: chunks of f32 [n] in [-1, 1), channels mixed into one.

    Close it or use it in a `with`. Iterating raises InputError where what follows cannot be decoded.
    """

    def __init__(self, rate_hz: int, chunks: Iterator[Samples], opened: ExitStack) -> None:
        self.rate_hz = rate_hz
        self._chunks = chunks
        self._opened = opened

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self._opened.close()

    def __iter__(self) -> Iterator[Samples]:
        return self._chunks

    def __enter__(self) -> Sound:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_sound(source: str | os.PathLike[str] | bytes, *, chunk_s: float = 0.1) -> Sound:
    """Open a sound file, or the bytes of one, to be read in chunks of at most `chunk_s`.

    WAV: integers of 8 to 32 bits (16 bits come out as value / 32768), floats of 32 and 64, any channels; a
    file that is cut short gives what is there. Everything else needs the extra `audio`.
    Raises InputError for what is missing, empty, or no sound; ExtraMissing where soundfile is not installed.
    """
    shown = "the sound" if isinstance(source, bytes) else one_line(source)
    with ExitStack() as opened:
        file = opened.enter_context(io.BytesIO(source) if isinstance(source, bytes) else open_regular(source))
        rate_hz, chunks = _start(file, shown, chunk_s, opened)
        first = next(chunks, None)  # now, so that a file without sound is told when it is opened
        if first is None:
            raise InputError(f"{shown} holds no samples; give a sound file that does")
        return Sound(rate_hz, itertools.chain([first], chunks), opened.pop_all())


def read_sound(source: str | os.PathLike[str] | bytes) -> tuple[Samples, int]:
    """The whole sound, f32 [n], and its rate in Hz; see `open_sound`. An hour at 48 kHz takes 700 MB."""
    import numpy as np

    with open_sound(source, chunk_s=10) as sound:
        return np.concatenate(list(sound)), sound.rate_hz


def _start(file: BinaryIO, shown: str, chunk_s: float, opened: ExitStack) -> tuple[int, Iterator[Samples]]:
    """Rate and chunks. opened: gets what is to be closed with the sound."""
    if not file.read(1):
        raise InputError(f"{shown} is empty; give a sound file")
    file.seek(0)
    layout = read_wav_header(file, shown)
    if layout:
        return layout.rate_hz, _wav_chunks(file, layout, chunk_s)
    file.seek(0)
    soundfile = require("soundfile", "audio", "reading sound that is not PCM in WAV")
    try:
        decoder = opened.enter_context(soundfile.SoundFile(file))
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{shown} is no sound that can be read ({_reason(error)}); give WAV, FLAC, OGG or MP3"
        ) from None
    return decoder.samplerate, _decoded_chunks(decoder, soundfile.LibsndfileError, shown, chunk_s)


def _wav_chunks(file: BinaryIO, layout: WavLayout, chunk_s: float) -> Iterator[Samples]:
    frame_bytes = layout.width_bytes * layout.channels
    most = frame_bytes * _most_frames(chunk_s, layout.rate_hz, frame_bytes)
    left = layout.length_bytes
    while True:
        data = file.read(most if left is None else min(most, left))
        whole = len(data) - len(data) % frame_bytes
        if not whole:
            return
        samples = decode_pcm(data[:whole], layout.width_bytes, floating=layout.is_float)
        yield mix_down(samples.reshape(-1, layout.channels))
        left = None if left is None else left - len(data)


def _decoded_chunks(decoder: Any, failure: type[Exception], shown: str, chunk_s: float) -> Iterator[Samples]:
    most = _most_frames(chunk_s, decoder.samplerate, 4 * decoder.channels)
    while True:
        try:
            samples = decoder.read(most, "float32", always_2d=True)
        except failure as error:
            raise InputError(f"{shown} is damaged ({_reason(error)}); copy it again") from None
        if not len(samples):
            return
        yield mix_down(samples)


def _most_frames(chunk_s: float, rate_hz: int, frame_bytes: int) -> int:
    return max(1, min(round(chunk_s * rate_hz), _LARGEST_READ // frame_bytes))


def _reason(error: Any) -> str:
    """libsndfile's own words, without the object that soundfile puts in front."""
    return one_line(error.error_string).rstrip(".")
