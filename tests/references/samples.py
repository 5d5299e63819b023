"""Contents of files, and pieces of music, that are the same on every machine."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import wave
import zipfile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 22050
_ROWS = [(8 * hour, 20 + hour % 7) for hour in range(40)]
_PROSE = "The pump stopped at noon and nobody noticed until the evening.\n"


def contents() -> dict[str, bytes]:
    """About twenty files by what they are."""
    texts = {
        "prose": _PROSE * 3,
        "python": "import sys\n\n\ndef main() -> None:\n"
        "    for line in sys.stdin:\n        print(line.strip())\n",
        "c": '#include <stdio.h>\n\nint main(void) {\n    printf("pump %d\\n", 4);\n    return 0;\n}\n',
        "shell": '#!/bin/sh\nset -e\nfor pump in 1 2 3; do\n    echo "pump $pump" >> log.txt\ndone\n',
        "json": json.dumps({"pumps": [{"id": 4, "bar": 2.7}] * 20}, indent=1),
        "toml": '[project]\nname = "pump"\nversion = "1.0"\ndependencies = ["click>=8"]\n',
        "ini": "[pump]\nlimit = 3.1\n[mail]\nto = night shift\n",
        "yaml": "pumps:\n  - id: 4\n    bar: 2.7\n  - id: 5\n    bar: 3.1\n" * 4,
        "csv": "hour,degrees\n" + "".join(f"{hour},{degrees}\n" for hour, degrees in _ROWS),
        "tsv": "hour\tdegrees\n" + "".join(f"{hour}\t{degrees}\n" for hour, degrees in _ROWS),
        "sql": "SELECT hour, degrees FROM pump WHERE degrees > 21 ORDER BY hour;\n" * 4,
        "html": "<!doctype html><html><head><title>Pump</title></head><body><p>2.7 bar</p></body></html>",
        "markdown": "# Pump 4\n\nStopped at *08:15*:\n\n- pressure\n- [limits](limits.md)\n",
        "makefile": "all: pump\n\npump: pump.o\n\tcc -o $@ $^\n\n.PHONY: all\n",
    }
    return {
        **{name: text.encode() for name, text in texts.items()},
        "noise": b"".join(hashlib.sha256(bytes([number])).digest() for number in range(128)),
        "wave": _sound(),
        "bitmap": _bitmap(),
        "zip": _zip(),
        "tar": _tar(),
    }


def pieces() -> dict[str, NDArray[np.int16]]:
    """Notes of five harmonics that decay, i16 [n] at 22,050 Hz, by name."""
    chord = [(0.2, pitch, 2.5) for pitch in (60, 64, 67)]
    scale = [(0.3 + 0.5 * step, pitch, 0.45) for step, pitch in enumerate((60, 62, 64, 65, 67, 69, 71, 72))]
    repeated = [(0.3 + 0.6 * step, 57, 0.55) for step in range(5)]
    return {"chord": _play(chord, 3), "scale": _play(scale, 5), "repeated": _play(repeated, 4)}


def _play(notes: list[tuple[float, int, float]], seconds: float) -> NDArray[np.int16]:
    """notes: start in s, MIDI number, length in s."""
    sound = np.zeros(int(seconds * RATE_HZ))
    for start_s, pitch, length_s in notes:
        time_s = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
        frequency_hz = 440 * 2 ** ((pitch - 69) / 12)
        tone = np.sum([np.sin(2 * np.pi * k * frequency_hz * time_s) / k for k in range(1, 6)], axis=0)
        fades = np.clip(np.minimum(time_s / 0.005, (length_s - time_s) / 0.02), 0, 1)
        first = int(start_s * RATE_HZ)
        sound[first : first + len(time_s)] += tone * fades * np.exp(-2 * time_s)
    loudest = float(np.abs(sound).max())
    return np.rint(20000 * sound / loudest).astype(np.int16)


def _sound() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(bytes(range(256)) * 20)
    return file.getvalue()


def _bitmap() -> bytes:
    """32 x 32 pixels of 24 bits."""
    header = struct.pack("<IiiHHIIiiII", 40, 32, 32, 1, 24, 0, 3072, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 3072, 0, 0, 54) + header + bytes(range(96)) * 32


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in ("log.txt", "more.txt"):
            archive.writestr(zipfile.ZipInfo(name), _PROSE * 20)
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("log.txt")
        entry.size = 20 * len(_PROSE)
        archive.addfile(entry, io.BytesIO(_PROSE.encode() * 20))
    return file.getvalue()
