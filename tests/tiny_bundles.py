"""Small sound bundles, spelt out without edgeai's own code: files, manifests, members; and packed ones."""

from __future__ import annotations

import functools
import hashlib
import json
import random
from pathlib import Path
from typing import Any

from edgeai.bundle.pack import pack
from tests.raw_zip import Raw

# What a model file starts with does not matter here; half of it deflates, half does not.
_CHANCE = random.Random(2026)
FILES = {
    "cls/m.tflite": b"\x1c\x00\x00\x00TFL3" + _CHANCE.randbytes(1500),
    "det/labels.txt": b"cat\ndog\nbird\n" * 20,
    "det/s8.onnx": b"\x08\x09" + _CHANCE.randbytes(1200) + b"weights " * 150,
}
SIGNATURE = _CHANCE.randbytes(64)


def manifest_of(files: dict[str, bytes] | None = None, **more: object) -> dict[str, Any]:
    """A sound manifest of two models that names these files."""
    hashes = {name: sha256(content) for name, content in (files or FILES).items()}
    return {
        "schema": 1,
        "id": "acme/door",
        "version": "1.4.0",
        "assets": {name: hash_ for name, hash_ in hashes.items() if name.endswith(".txt")},
        "models": {
            name.partition("/")[0]: {
                "inputs": {"x": {"dtype": "f32", "shape": [1, 4]}},
                "outputs": {"y": {"dtype": "f32", "shape": [1, 4]}},
                "variants": [{"id": "only", "format": name.rpartition(".")[2], "files": {name: hash_}}],
            }
            for name, hash_ in hashes.items()
            if not name.endswith(".txt")
        },
        **more,
    }


@functools.lru_cache(maxsize=64)  # bombs are large
def sha256(content: bytes) -> str:
    """As a manifest spells it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def spelt(manifest: object) -> bytes:
    """Canonical JSON, by the rule and not by edgeai's code."""
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def members(manifest: bytes | None = None, *, deflate: bool = False, signed: bool = True) -> list[Raw]:
    """The members of a sound bundle, which tests then spoil."""
    found = [Raw("manifest.json", spelt(manifest_of()) if manifest is None else manifest, deflate)]
    found += [Raw("manifest.sig", SIGNATURE)] if signed else []
    return found + [Raw(name, content, deflate) for name, content in FILES.items()]


def write_files(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    """The files of a bundle in a folder, without a manifest."""
    for name, content in (files or FILES).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def pack_files(
    folder: Path, files: dict[str, bytes] | None = None, *, signature: bytes | None = None, **more: object
) -> Path:
    """A bundle of these files as edgeai packs it, beside the folder `source` that they lie in."""
    source = write_files(folder / "source", files)
    if signature is not None:
        (source / "manifest.sig").write_bytes(signature)
    pack(source, manifest_of(files, **more), folder / "door.edge")
    return folder / "door.edge"
