"""Annotated images in a folder: whose they are is written into them, so that nothing else is replaced."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import EdgeError, UsageError, one_line
from .extras import require
from .regular_file import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

    from .pipeline.values import Array

_JPEG_QUALITY = 90  # lines and letters stay sharp; Pillow's own 75 blurs them


class DrawnFiles:
    """Writes images into one folder, which is made where it is missing.

    An image is called as its source, `.png` where that is one and `.jpg` elsewhere. Where a file of this name
    is there already it is replaced only if it was drawn from the same source, as a second run does; otherwise
    a number is put behind the name. Each is written beside and renamed.
    """

    def __init__(self, folder: Path) -> None:
        """Raises UsageError where the folder cannot be made."""
        self._folder = folder
        with _said_as_usage_error(self._folder):
            folder.mkdir(parents=True, exist_ok=True)

    def save(self, source: str, pixels: Array, value: Any) -> Path:
        """Paint an answer onto its image and write that. Raises UsageError, ExtraMissing.

        source: what the item is called. pixels, value: as `edgeai.draw.draw` takes them.
        """
        from .draw import draw

        image = draw(pixels, value)
        mark = _mark(source)
        with _said_as_usage_error(self._folder):
            path = self._place(source, mark)
            self._write(image, path, mark)
        return path

    def _place(self, source: str, mark: str) -> Path:
        """Where an image goes: a new file, which is there but empty, or the one drawn from this source."""
        name = "stdin" if source.startswith("-") else Path(source).stem
        suffix = ".png" if source.lower().endswith(".png") else ".jpg"
        number = 1
        while True:
            path = self._folder / (f"{name}{suffix}" if number == 1 else f"{name}-{number}{suffix}")
            with suppress(FileExistsError):
                path.open("xb").close()
                return path
            if not source.startswith("-") and _mark_in(path) == mark:
                return path
            number += 1

    def _write(self, image: PillowImage, path: Path, mark: str) -> None:
        beside = path.with_name(f".{secrets.token_hex(4)}.partial")
        try:
            with beside.open("xb") as file:
                if path.suffix == ".png":
                    info = require("PIL.PngImagePlugin", "image", "drawing").PngInfo()
                    info.add_text("Comment", mark)
                    image.save(file, "PNG", pnginfo=info)
                else:
                    image.save(file, "JPEG", quality=_JPEG_QUALITY, comment=mark)
            beside.replace(path)
        except BaseException:
            for left in (beside, path):
                with suppress(OSError):
                    if left == beside or not left.stat().st_size:
                        left.unlink()
            raise


@contextmanager
def _said_as_usage_error(folder: Path) -> Iterator[None]:
    """Says what a disk refuses in one line."""
    try:
        yield
    except EdgeError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = (error.strerror if isinstance(error, OSError) else None) or one_line(error)
        raise UsageError(
            f"{one_line(folder)}: images cannot be written there: {reason}; choose another folder"
        ) from error


def _mark(source: str) -> str:
    """Names a source without telling where it lay."""
    digest = hashlib.sha256(os.fsencode(Path(source).absolute())).hexdigest()
    return f"edgeai run {digest[:32]}"


def _mark_in(path: Path) -> str | None:
    """The mark of an image that was drawn before; None for every other file."""
    pillow = require("PIL.Image", "image", "drawing")
    # No image of ours, a damaged one (InputError is a ValueError), or one that claims to be enormous.
    failures = (OSError, ValueError, SyntaxError, pillow.DecompressionBombError)
    try:
        with open_regular(path) as file, pillow.open(file, formats=("JPEG", "PNG")) as image:
            comment = image.info.get("comment", image.info.get("Comment"))
    except failures:
        return None
    return comment.decode("ascii", "replace") if isinstance(comment, bytes) else comment
