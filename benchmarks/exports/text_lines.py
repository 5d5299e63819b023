"""Rendered lines of text, as a recogniser of 48 x 320 pixels takes them, with what they say.

edgeai export rec.onnx --data benchmarks/exports/text_lines.py:dataset --metric characters:characters.json ...
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

COUNT, HEIGHT, WIDTH = 500, 48, 320
_FONTS = Path("/usr/share/fonts/truetype/dejavu")
_FACES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def dataset() -> list[tuple[NDArray[Any], str]]:
    """(f32 [1, 3, 48, 320] from -1 to 1, text) a line, the same ones every time."""
    return [_line(random.Random(number)) for number in range(COUNT)]  # noqa: S311 - no cryptography


def _line(chance: random.Random) -> tuple[NDArray[Any], str]:
    text = " ".join(_word(chance) for _ in range(chance.randint(1, 3)))
    font = ImageFont.truetype(str(_FONTS / chance.choice(_FACES)), chance.randint(24, 40))
    left, top, right, bottom = font.getbbox(text)
    ink, paper = (chance.randint(0, 90), chance.randint(160, 255))[:: chance.choice((1, -1))]
    picture = Image.new("L", (int(right - left) + 16, int(bottom - top) + 12), paper)
    ImageDraw.Draw(picture).text((8 - left, 6 - top), text, fill=ink, font=font)
    width = min(WIDTH, max(1, round(picture.width * HEIGHT / picture.height)))
    pixels = np.asarray(picture.resize((width, HEIGHT), Image.Resampling.BILINEAR), np.float32)
    pixels += np.random.default_rng(chance.randint(0, 1 << 30)).normal(0, chance.uniform(0, 8), pixels.shape)
    whole = np.zeros((1, 3, HEIGHT, WIDTH), np.float32)
    whole[0, :, :, :width] = np.clip(pixels, 0, 255) / 127.5 - 1
    return whole, text


def _word(chance: random.Random) -> str:
    kind = chance.randint(0, 3)
    if kind == 0:
        return str(chance.randint(0, 99999))
    word = "".join(chance.choice(_LETTERS) for _ in range(chance.randint(2, 7)))
    return word.upper() if kind == 1 else word.title() if kind == 2 else word
