"""A model file in memory without reading it; whatever its readers stumble over is a ModelError."""

from __future__ import annotations

import contextlib
import mmap
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_DIMENSIONS = 64
"""Of a tensor; numpy 2 has as many, ONNX Runtime and TFLite fewer."""

LONGEST_NAME_BYTES = 1 << 16


@contextlib.contextmanager
def mapped(path: Path, kind: str) -> Iterator[mmap.mmap]:
    """The bytes of a file; errors of whoever reads them in the block become ModelErrors.

    kind: `ONNX` or `TFLite`, for the message. Caught is what a reader of damaged bytes raises: struct.error,
    LookupError (IndexError), ValueError, OverflowError.
    """
    shown = one_line(path)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except ModelError:
        raise
    except (struct.error, LookupError, ValueError, OverflowError) as error:
        raise ModelError(f"{shown} is damaged or no {kind} file ({one_line(error)})") from error
    except OSError as error:
        raise ModelError(f"{shown} cannot be read: {error.strerror}") from error
