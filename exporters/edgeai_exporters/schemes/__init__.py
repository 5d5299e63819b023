"""Ways to make a model smaller or faster, each with the layers that it can leave in float.

    prepared = scheme.load_prepare()(model, calibration)   # once: reads the model, calibrates
    prepared.layers                                        # what the scheme would change
    prepared.write(out, keep={"conv1"})                    # as often as a search likes: fast, no calibration
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from ..arrays import Feed


class Prepared(Protocol):
    """A model made ready for a scheme: calibrated once, written as often as wanted."""

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers that the scheme would change, in the order of the graph.

        ONNX: names of nodes (the file written carries them even where the source left them empty). TFLite: names
        of the operators' first output tensors.
        """

    def write(self, out: Path, keep: Collection[str] = ()) -> None:
        """Write the variant to `out`; the layers in `keep` stay in float. Deterministic: same bytes each time.

        Raises ExportError for a name that is not in `layers`. Nothing half-written is left behind.
        """


Prepare: TypeAlias = "Callable[[Path, Sequence[Feed]], Prepared]"
"""(model, calibration) -> Prepared. The model file is read here and never changed; calibration may be empty
where the scheme does not need it. Raises ExportError where the model or a feed does not fit."""


@dataclass(frozen=True)
class Scheme:
    """A row of the table.

    format: of what goes in and comes out, `onnx` or `tflite`. precision: as the manifest spells it.
    needs_calibration: whether `prepare` wants feeds. cpu: features of /proc/cpuinfo without which it is no gain.
    options: keyword arguments of `prepare`. float_io: whether inputs and outputs stay as the source has them.
    """

    name: str
    format: str
    precision: str
    prepare: str
    help: str
    needs_calibration: bool = False
    cpu: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    float_io: bool = True

    def load_prepare(self) -> Prepare:
        """The function that makes a model ready, with the row's options."""
        module, _, function = self.prepare.partition(":")
        prepare: Prepare = functools.partial(
            getattr(importlib.import_module(module, __package__), function), **self.options
        )
        return prepare


# In order of preference. A scheme is one file and a line here; tests/exporters/test_scheme_contract.py takes it up.
SCHEMES: tuple[Scheme, ...] = ()
