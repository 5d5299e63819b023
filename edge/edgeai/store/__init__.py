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

from .collect import Collected, Removed
from .contents import StoredBundle
from .store import Held, Store

__all__ = ["Store", "Held", "StoredBundle", "Collected", "Removed"]
