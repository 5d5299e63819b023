"""More than 500 packed bundles that are damaged or hostile, each with the error that has to refuse it.

The same seed gives the same bytes. Made with `raw_zip`, which knows nothing of edgeai's own reader.
"""

from __future__ import annotations

import functools
import random

from tests.hostile.case import Hostile
from tests.hostile.damage import cut_short, flipped, no_bundles
from tests.hostile.manifests import bad_manifests
from tests.hostile.names import tricks_with_names
from tests.hostile.records import tricks_with_records
from tests.hostile.sizes import tricks_with_sizes, tricks_with_zip64
from tests.raw_zip import zip_bytes
from tests.tiny_bundles import members


@functools.cache  # several tests take the same, which cost seconds to make
def hostile_bundles(packed: bytes, seed: int = 2026) -> list[Hostile]:
    """All of them. packed: a bundle of FILES as edgeai packs it, to be damaged beside those made here."""
    found = [
        *cut_short(packed, "packed", random.Random(f"{seed} cut")),
        *flipped(packed, "packed", random.Random(f"{seed} packed")),
        *flipped(zip_bytes(members(deflate=True)), "zipped", random.Random(f"{seed} zipped")),
        *no_bundles(packed, random.Random(seed)),
        *tricks_with_records(),
        *tricks_with_names(),
        *tricks_with_sizes(),
        *tricks_with_zip64(),
        *bad_manifests(random.Random(f"{seed} manifests")),
    ]
    assert len({each.name for each in found}) == len(found)
    assert len(found) >= 500, len(found)
    return found
