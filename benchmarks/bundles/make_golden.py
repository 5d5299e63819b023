"""Makes the golden samples of the example bundles. Needs flite; everything else is drawn and computed here.

    python benchmarks/bundles/make_golden.py       # from the root; the samples are committed

What must come out of each stands in its manifest, which `edgeai check` compares.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).parent
Samples = NDArray[np.int16]


def main() -> None:
    """Write every sample."""
    pause = np.zeros(8000, np.int16)
    first, second = (say(text, "slt") for text in ("The front door is open.", "Please close it."))
    write_wav("silero-vad/golden/two-sentences.wav", np.concatenate([pause, first, pause, second]), 16000)
    write_wav(
        "okay-nabu/golden/okay-nabu.wav", np.concatenate([pause, say("okay naboo", "awb"), pause]), 16000
    )
    write_wav("basic-pitch/golden/fifth.wav", chord((60, 67), 1.5), 22050)
    face().save(FOLDER / "face/golden/drawn.png", optimize=True)
    page(("Pump 4 stopped at 08:15.", "Pressure 2.7 bar, limit 3.1", "Call the night shift!")).save(
        FOLDER / "ocr/golden/page.png", optimize=True
    )


def say(text: str, voice: str) -> Samples:
    """flite's voice, i16 [n] at 16 kHz. Its voices may be used freely (Carnegie Mellon's licence)."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "said.wav")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", file], check=True)
        with wave.open(file, "rb") as sound:
            return np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.int16)


def chord(notes: tuple[int, ...], length_s: float) -> Samples:
    """Notes by their MIDI numbers that decay, each of five harmonics, at 22,050 Hz."""
    time_s = np.arange(round(22050 * length_s)) / 22050
    sound = sum(
        np.sin(2 * np.pi * harmonic * 440 * 2 ** ((note - 69) / 12) * time_s) / harmonic
        for note in notes
        for harmonic in range(1, 6)
    ) * np.exp(-time_s)
    return np.rint(26000 * sound / np.abs(sound).max()).astype(np.int16)


def write_wav(name: str, samples: Samples, rate_hz: int) -> None:
    """One channel of 16 bits."""
    with wave.open(str(FOLDER / name), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())


def face() -> Image.Image:
    """A drawn face in the right half of a picture."""
    image = Image.new("RGB", (320, 240), (200, 210, 220))
    draw = ImageDraw.Draw(image)
    draw.ellipse((188, 52, 278, 184), fill=(224, 172, 140))
    draw.pieslice((185, 37, 281, 142), 180, 360, fill=(60, 40, 30))  # hair
    for x in (215, 251):
        draw.ellipse((x - 10, 100, x + 10, 115), fill="white")
        draw.ellipse((x - 4, 103, x + 4, 113), fill=(40, 25, 20))
        draw.rectangle((x - 13, 89, x + 13, 94), fill=(60, 40, 30))  # brow
    draw.polygon([(233, 109), (224, 139), (242, 139)], fill=(200, 145, 115))
    draw.ellipse((215, 148, 251, 160), fill=(170, 70, 70))
    return image


def page(lines: tuple[str, ...]) -> Image.Image:
    """Black on white in Aileron (CC0), the font inside Pillow."""
    image = Image.new("L", (460, 200), 255)
    font = ImageFont.load_default(size=30)
    for row, text in enumerate(lines):
        ImageDraw.Draw(image).text((30, 25 + 55 * row), text, fill=0, font=font)
    return image


if __name__ == "__main__":
    main()
