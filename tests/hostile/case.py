"""What a hostile bundle is, and a sound one with one member spoilt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeai.errors import BundleDamaged, BundleError, BundleTooNew, BundleUnsafe, ManifestError
from tests.raw_zip import zip_bytes
from tests.tiny_bundles import members

DAMAGED, UNSAFE, MANIFEST, TOO_NEW = (BundleDamaged,), (BundleUnsafe,), (ManifestError,), (BundleTooNew,)
EITHER = (BundleDamaged, BundleUnsafe)


@dataclass(frozen=True)
class Hostile:
    """One archive. errors: which classes may refuse it; says: what the message has to name."""

    name: str
    data: bytes
    errors: tuple[type[BundleError], ...]
    says: str = ""


LAST = "det/s8.onnx"
"""The last member, which is spoilt unless another is named."""


def spoilt(index: int = -1, *, deflate: bool = False, **changes: Any) -> bytes:
    """A sound bundle with one member changed; the last, det/s8.onnx, by default."""
    found = members(deflate=deflate)
    found[index] = found[index].with_(**changes)
    return zip_bytes(found)
