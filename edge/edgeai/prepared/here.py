"""Which of many records are of use here, for those that list and clean the store."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ..backends import BACKENDS, is_own
from ..backends.probe import probe_backend
from .fingerprint import fingerprint
from .record import Prepared
from .stale import device_differs, does_not_load, version_differs


class Here:
    """This device with its software. Libraries are not loaded into this process, which might die of one that
    is built for another CPU: names of folders tell what is installed, and in doubt a child does."""

    def __init__(self) -> None:
        self._fingerprint = fingerprint()
        self._probed: dict[str, dict[str, str]] = {}

    def staleness(self, record: Prepared) -> str | None:
        """As `stale.staleness`; never of an application's own backend, which may be found elsewhere only."""
        differs = device_differs(record, self._fingerprint)
        if differs or is_own(record.choice.backend):
            return differs
        if record.versions == _installed(record.choice.backend):
            return None
        here = self._probe(record.choice.backend)
        return version_differs(record, here) if here else does_not_load(record)

    def _probe(self, backend: str) -> dict[str, str]:
        if backend not in self._probed:
            version = probe_backend(backend).version if backend in BACKENDS else None
            self._probed[backend] = {} if version is None else {BACKENDS[backend].module: version}
        return self._probed[backend]


def _installed(backend: str) -> dict[str, str]:
    """What the names of `*.dist-info` folders beside the package say; empty where they do not tell."""
    entry = BACKENDS.get(backend)
    spec = importlib.util.find_spec(entry.module) if entry else None
    if entry is None or spec is None or spec.origin is None:
        return {}
    found = Path(spec.origin).parent.parent.glob(f"{entry.module}-*.dist-info")
    versions = {path.name.removesuffix(".dist-info").rpartition("-")[2] for path in found}
    return {entry.module: versions.pop()} if len(versions) == 1 else {}
