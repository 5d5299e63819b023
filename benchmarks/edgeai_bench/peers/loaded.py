"""What a peer hands back once it has opened a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeai.backends import Array

Feed = Mapping[str, "Array"]
"""Arrays by input name, in the model's own order."""


@dataclass(frozen=True)
class Loaded:
    """An opened model.

    call: runs it once, with nothing around the library's own call that a user would not write too. This is
        what is timed.
    outputs: what `call` returned, as arrays in the model's own order; outside the time.
    """

    call: Callable[[Feed], Any]
    outputs: Callable[[Any], list[Array]] = list
