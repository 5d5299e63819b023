"""Real speech and music as 16 kHz int16: Debian's recordings for Asterisk, and phrases that flite says.

The recordings are CC BY-SA: they are used where Debian installed them and never committed. A test that needs
one skips with the package's name where it is missing; the scripts in tests/references stop with the same.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.int16]

RATE_HZ = 16000
FOLDER = Path("/usr/share/asterisk")
VOICES = ("kal", "kal16", "awb", "rms", "slt")
"""flite's voices that say any text, in Debian's build; kal alone speaks at 8 kHz."""

_PACKAGES = {"sounds": "asterisk-core-sounds-en-g722", "moh": "asterisk-moh-opsound-g722"}


def recording(path: str, sha256: str | None = None) -> Samples:
    """Samples of a recording, i16 [n] at 16 kHz; path: below FOLDER, `sounds/en_US_f_Allison/im-sorry.g722`.

    Skips the test where the recording is missing, or where the file is not the one of this sha256: another
    release of the package, for which nothing was recorded.
    """
    package = _PACKAGES[path.split("/", maxsplit=1)[0]]
    try:
        content = (FOLDER / path).read_bytes()
    except FileNotFoundError:
        _skip(f"{FOLDER / path} is not on this machine: apt install {package}")
    found = hashlib.sha256(content).hexdigest()
    if sha256 not in {None, found}:
        _skip(f"{FOLDER / path} has the sha256 {found}, not {sha256}: another release of {package}")
    return decode_g722(FOLDER / path)


def decode_g722(path: Path) -> Samples:
    """G.722 of 64 kbit/s, two samples a byte.

    The decoder is exact by its standard: PyAV 12 to 18, Debian's ffmpeg 5.1 and the PyPI package G722 1.2.8
    (another implementation, ITU-T's) gave the same bits for all 573 recordings of the two packages.
    """
    import av

    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames)


@functools.lru_cache(maxsize=64)
def phrase(text: str, voice: str) -> Samples:
    """What flite makes of a text, i16 [n] at 16 kHz, read-only; skips the test where flite is missing.

    flite gives the same bits on every run of one build; other builds may round differently.
    """
    if shutil.which("flite") is None:
        _skip("flite is not on this machine: apt install flite")
    with tempfile.TemporaryDirectory() as folder:
        path = os.fspath(Path(folder) / "phrase.wav")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", path], check=True, capture_output=True)
        with wave.open(path, "rb") as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
            rate_hz, content = file.getframerate(), file.readframes(file.getnframes())
    samples = np.frombuffer(content, "<i2").astype(np.int16)
    assert rate_hz in {RATE_HZ, RATE_HZ // 2}
    samples = samples if rate_hz == RATE_HZ else double_rate(samples)
    samples.flags.writeable = False
    return samples


def double_rate(samples: Samples) -> Samples:
    """Twice the rate, in whole numbers, so that all machines give the same: i16 [n] to i16 [2 n].

    A half-band filter: even outputs are the inputs, odd ones a sinc of 32 taps under a Kaiser window
    (beta 8: 80 dB down beyond the edge), with weights in units of 2**-15.
    """
    at = np.arange(-16, 16) + 0.5
    window = np.i0(8 * np.sqrt(1 - (at / 16) ** 2)) / np.i0(8)
    weights = np.rint(np.sinc(at) * window * 2**15).astype(np.int64)
    between = np.convolve(np.pad(samples.astype(np.int64), 16), weights, "valid")[1:]
    between = np.clip((between + 2**14) >> 15, -(2**15), 2**15 - 1)
    return np.stack([samples, between.astype(np.int16)], axis=1).reshape(-1)


def digest(array: NDArray[Any]) -> str:
    """sha256 of an array's elements, little-endian, C order; of samples or of pixels."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


def _skip(reason: str) -> NoReturn:
    pytest = sys.modules.get("pytest")
    if pytest is None:  # one of the scripts that make the references
        raise SystemExit(reason)
    pytest.skip(reason, allow_module_level=True)
