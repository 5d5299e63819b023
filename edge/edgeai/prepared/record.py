"""What is kept of a preparation: the choice, what it was made of and for, and what was tried on the way."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .. import wire
from .choice import Choice
from .sealed import Damaged, seal, unseal
from .seen import FileSeen

if TYPE_CHECKING:
    from ..bundle import Bundle, Model

SCHEMA = 1
"""Of the record; one of another number is stale, whatever it says."""
RECORD = "record.json"
"""Its name in the folder of a prepared model; no file of a form is called so."""
_KIND = "edgeai.prepared"


@dataclass(frozen=True)
class Tried:
    """A candidate that was measured, or could not be.

    label: such as `s8 on onnxruntime, 2 threads, prepacked`. figures: by name with its unit (`latency_s`,
    `load_s`, `peak_bytes`); one that is not known is left out. left: why it was not taken; "" for the winner.
    """

    label: str
    figures: dict[str, float] = field(default_factory=dict)
    left: str = ""


@dataclass(frozen=True)
class Prepared:
    """A prepared model.

    identity, model, sources: what it was made of, see `identify`; sources are the chosen variant's files.
    shown: the same for people: the bundle's id or the file's name, and of several models its name.
    asked_threads: None where the number of threads was left to the search.
    objective: `latency`, `ram`, `energy` or `load`.
    fingerprint, versions: what it was made for, see `fingerprint`. edgeai: the version that made it.
    made_s: seconds since 1970. why: this one, in words.
    written_bytes: to the disk, for all that was tried and for what is kept.
    files: those of the choice's form as `keep` put them; empty before, and without a form.
    """

    identity: str
    model: str
    asked_threads: int | None
    objective: str
    choice: Choice
    sources: tuple[FileSeen, ...]
    shown: str
    fingerprint: str
    versions: dict[str, str]
    edgeai: str
    made_s: float
    why: str
    tried: tuple[Tried, ...] = ()
    written_bytes: int = 0
    files: tuple[FileSeen, ...] = ()

    @property
    def key(self) -> str:
        """The name of its folder in the store."""
        return key_of(self.identity, self.model, self.asked_threads)


def model_name(bundle: Bundle, model: Model) -> str:
    """What the model is called in a record: the name of a bare file says nothing, so it is ""."""
    return "" if bundle.is_bare else model.name


def key_of(identity: str, model: str, asked_threads: int | None) -> str:
    """What a prepared model is found by: sha256 in hex."""
    return hashlib.sha256(json.dumps([identity, model, asked_threads]).encode()).hexdigest()


def to_bytes(record: Prepared) -> bytes:
    """The file of a record."""
    return seal(_KIND, SCHEMA, dataclasses.asdict(record))


def from_bytes(content: bytes) -> Prepared:
    """The record of a file. Raises sealed.Damaged or sealed.OtherSchema."""
    body = unseal(_KIND, SCHEMA, content)
    try:
        record: Prepared = wire.build(Prepared, body)
    except (TypeError, KeyError, AttributeError, ValueError):  # whole, and yet of other fields
        raise Damaged("has other fields than this edgeai writes") from None
    return record
