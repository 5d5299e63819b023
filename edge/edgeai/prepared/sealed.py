"""JSON with a checksum of its own: a bit that a card flipped in a number is still JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any

MOST_BYTES = 1 << 20
"""More than any of ours: a larger file is not read to its end."""


class Damaged(ValueError):  # noqa: N818 - a state of a file, caught within this package
    """The file is none of ours, or not as it was written."""


class OtherSchema(ValueError):  # noqa: N818
    """A file as another edgeai writes it."""


def seal(kind: str, schema: int, body: dict[str, Any]) -> bytes:
    """The content of the file."""
    document = {"kind": kind, "schema": schema, "sha256": _sum(body), "body": body}
    return json.dumps(document, indent=1).encode() + b"\n"


def unseal(kind: str, schema: int, content: bytes) -> dict[str, Any]:
    """The body of a file's content. Raises Damaged or OtherSchema."""
    try:
        document = json.loads(content)
        found, sha256, body = document["schema"], document["sha256"], document["body"]
        if document["kind"] != kind or not isinstance(found, int) or not isinstance(body, dict):
            raise Damaged("is another file")
        if _sum(body) != sha256:
            raise Damaged("is not as it was written")
    except Damaged:
        raise
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Damaged("is damaged") from None
    if found != schema:
        raise OtherSchema(f"has schema {found}, and this edgeai reads {schema}")
    return body


def _sum(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
