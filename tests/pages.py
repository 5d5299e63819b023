"""Pages of rendered text, of which every character and every line's box is known.

`pages()` are 100: a quarter each as written, and turned by 90, 180 and 270 degrees. `skewed_pages()` are 20
more that lie a few degrees askew as well. The same number gives the same page; one build of FreeType draws a
grey level differently from another, so compare readings and not pixels.

Coordinates are of pixel edges: the first pixel spans 0 to 1. Boxes are of the ink, without any margin.
"""

from __future__ import annotations

import functools
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Quad = NDArray[np.float64]
    Pixels = NDArray[np.uint8]

DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
# Pillow's own font is everywhere; where Debian's fonts-dejavu-core is missing it takes the others' place.
FACES = (None, "DejaVuSans.ttf", None, "DejaVuSerif.ttf")


@dataclass(frozen=True)
class Line:
    """quad: f64 [4, 2], the ink's corners in the page, clockwise from the text's own top left."""

    text: str
    quad: Quad


@dataclass(frozen=True)
class Page:
    """pixels: u8 [height, width, 3], RGB. turned: degrees clockwise, 0, 90, 180 or 270. skew: degrees more.

    lines: in the order of reading.
    """

    pixels: Pixels
    lines: tuple[Line, ...]
    turned: int
    skew: float = 0.0


def pages(count: int = 100) -> Iterator[Page]:
    """The first pages: number n is turned by n mod 4 quarters."""
    return (page(number, turned=number % 4 * 90) for number in range(count))


def skewed_pages(count: int = 20) -> Iterator[Page]:
    """Pages that lie up to 4 degrees askew, at least 1, to either side, and turned as `pages` are."""
    for number in range(count):
        skew = (1 + 3 * number / max(count - 1, 1)) * (-1) ** (number // 4)
        yield page(1000 + number, turned=number % 4 * 90, skew=skew)


def page(number: int, turned: int = 0, skew: float = 0.0) -> Page:
    """One page: 4 to 8 lines in one font of 20 to 40 pixels, dark on light or, one in eight, the reverse."""
    chance = random.Random(number)
    pixels, lines = _write(chance, _font(number, chance.randint(20, 40)))
    if skew:
        pixels, lines = _skew(pixels, lines, skew)
    noise = np.random.default_rng(number).normal(0, chance.uniform(0, 5), pixels.shape)
    pixels = np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)
    for _ in range(turned // 90):
        pixels, lines = _quarter_turn(pixels, lines)
    return Page(np.ascontiguousarray(pixels), lines, turned, skew)


@functools.lru_cache(maxsize=128)
def _font(number: int, size: int) -> Any:
    name = FACES[number // 4 % len(FACES)]
    if name is None or not (DEJAVU / name).exists():
        return ImageFont.load_default(size)
    return ImageFont.truetype(DEJAVU / name, size)


def _write(chance: random.Random, font: Any) -> tuple[Pixels, tuple[Line, ...]]:
    """A page as written, without noise, and its lines."""
    size = font.size
    width, margin = chance.randint(480, 960), chance.randint(size, 90)
    leading = chance.uniform(1.5, 2.2) * size
    paper, ink = _colours(chance)
    texts = [_sentence(chance, font, width - margin - size) for _ in range(chance.randint(4, 8))]
    height = math.ceil(leading * len(texts) + 2 * size + chance.uniform(0, 3) * size)
    top = chance.uniform(1, 1.5) * size
    cover, lines = np.zeros((height, width), np.float64), []
    for index, text in enumerate(texts):
        layer = Image.new("L", (width, height))
        ImageDraw.Draw(layer).text((margin, round(top + index * leading)), text, fill=255, font=font)
        drawn = np.asarray(layer)
        cover = np.maximum(cover, drawn / 255)
        lines.append(Line(text, _ink(drawn)))
    colours = paper + cover[..., np.newaxis] * (ink - paper)
    return np.rint(colours).astype(np.uint8), tuple(lines)


def _colours(chance: random.Random) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of paper and ink, RGB 0 to 255, at least 120 levels apart."""
    light = np.array([chance.randint(200, 255) for _ in range(3)], np.float64)
    dark = np.array([chance.randint(0, 80) for _ in range(3)], np.float64)
    return (dark, light) if chance.randrange(8) == 0 else (light, dark)


def _ink(drawn: Pixels) -> Quad:
    """Corners around what is covered by a quarter at least: the rest is no more than the edge's smoothing."""
    covered = drawn >= 64
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def _quarter_turn(pixels: Pixels, lines: tuple[Line, ...]) -> tuple[Pixels, tuple[Line, ...]]:
    """Clockwise by 90 degrees: what was at the top is at the right."""
    height = pixels.shape[0]
    turned = [
        Line(line.text, np.stack([height - line.quad[:, 1], line.quad[:, 0]], axis=1)) for line in lines
    ]
    return np.rot90(pixels, -1), tuple(turned)


def _skew(pixels: Pixels, lines: tuple[Line, ...], degrees: float) -> tuple[Pixels, tuple[Line, ...]]:
    """Clockwise by some degrees about the middle, on a larger sheet of the same paper."""
    height, width = pixels.shape[:2]
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    new_width = math.ceil(abs(cosine) * width + abs(sine) * height)
    new_height = math.ceil(abs(sine) * width + abs(cosine) * height)
    shift = np.array([new_width, new_height]) / 2 - rotation @ np.array([width, height]) / 2
    back = np.column_stack([rotation.T, -rotation.T @ shift])  # Pillow wants the way from new to old
    sheet = Image.fromarray(pixels).transform(
        (new_width, new_height),
        Image.Transform.AFFINE,
        back.ravel().tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=tuple(int(level) for level in pixels[0, 0]),
    )
    return np.asarray(sheet), tuple(Line(line.text, line.quad @ rotation.T + shift) for line in lines)


SUBJECTS = (
    "The sensor", "Our gateway", "A camera", "The second pump", "Each meter", "This board", "The old router",
    "Every valve", "The lamp", "A small motor", "The warehouse", "Line 4", "The night shift", "Room 17",
)  # fmt: skip
VERBS = (
    "reports", "needs", "measured", "sent", "stopped after", "waits for", "counted", "stores", "was given",
    "passed", "reached", "asks for", "returned", "shows",
)  # fmt: skip
OBJECTS = (
    "a new battery", "21.4 degrees", "the last update", "3,600 pulses", "two warnings", "quiet hours",
    "no signal", "95% of the load", "version 2.7", "five parcels", "an empty queue", "$1,024.50",
    "the red button", "half of the water", "good weather", "every key",
)  # fmt: skip
ENDS = (
    "on Monday", "at 08:15", "before lunch", "in March", "since 1998", "(see page 12)", "again", "by mistake",
    "with care", "for 30 minutes", "near the door", "under test", "at once", "last week", "as planned",
)  # fmt: skip


def _sentence(chance: random.Random, font: Any, width: int) -> str:
    """Words that fill between half and the whole of a line, and never more."""
    words = " ".join(chance.choice(part) for part in (SUBJECTS, VERBS, OBJECTS, ENDS)) + chance.choice(".!?")
    words += " " + chance.choice(SUBJECTS) + " " + chance.choice(VERBS) + " " + chance.choice(OBJECTS) + "."
    wanted, kept = chance.uniform(0.5, 1) * width, ""
    for word in words.split():
        longer = f"{kept} {word}".strip()
        if font.getlength(longer) > wanted and kept:
            break
        kept = longer
    return kept
