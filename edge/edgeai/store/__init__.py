"""The store of unpacked bundles: each packed bundle is unpacked once, into a folder named by its identity.

    HOME/bundles/IDENTITY/           manifest.json (canonical: its sha256 is IDENTITY), files, manifest.sig
    HOME/bundles/partial-IDENTITY/   one that is being unpacked, or was when its process was killed
    HOME/bundles/removed-.../        one that is being removed

A bundle appears by one rename, after every file was checked against its sha256 and is on the disk, so that an
interruption at any moment leaves a whole bundle or none; it vanishes by one rename, too. Folders are locked
by flock, which the kernel frees with the process, however that ends: exclusively while one is unpacked or
removed, shared while one is in use. There are no lock files, and reading a store writes nothing to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .collect import Collected, Removed
    from .contents import Stored
    from .held import Held
    from .store import Store

__all__ = ["Store", "Held", "Stored", "Collected", "Removed"]

# Found on first use: whoever loads a prepared model needs the locks, and neither zip files nor hashes.
_LAZY = {"Store": "store", "Held": "held", "Stored": "contents", "Collected": "collect", "Removed": "collect"}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'edgeai.store' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
