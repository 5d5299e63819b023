"""A model whose layers stand at different levels: a scheme's own, another scheme's, or float."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeai.errors import ExportError, one_line

from ..arrays import Feed
from ..schemes import Prepared, Scheme
from .found import FLOAT


class Mix:
    """One scheme, and what a layer can be instead.

    instead: schemes without calibration, in order of preference; each is applied to the file that the one
    before wrote, to the layers that are at its level, so any two schemes that keep the names of layers go
    together.
    """

    def __init__(
        self, model: Path, scheme: Scheme, calibration: Sequence[Feed], instead: Sequence[Scheme] = ()
    ) -> None:
        for other in instead:
            if other.needs_calibration or {other.format, scheme.format} != {"onnx"}:
                raise ExportError(
                    f"{other.name} cannot stand in for layers of {scheme.name}; "
                    "give schemes for ONNX, and one that needs no calibration"
                )
        self.model, self.scheme, self._instead = model, scheme, {other.name: other for other in instead}
        self.instead: tuple[str, ...] = tuple(self._instead)
        self._prepared: Prepared = scheme.load_prepare()(model, calibration)
        self.layers: tuple[str, ...] = tuple(self._prepared.layers)
        if not self.layers:
            raise ExportError(f"{scheme.name} finds nothing to quantize in {one_line(model)}; leave it out")
        self._shielded = _shielded(model, self.layers)
        self._able = {
            name: frozenset(other.load_prepare()(model, ()).layers) for name, other in self._instead.items()
        }

    def levels(self, layer: str) -> tuple[str, ...]:
        """What a layer can be beside the scheme's own level, `float` last."""
        return (*(name for name, able in self._able.items() if layer in able), FLOAT)

    def write(self, out: Path, levels: Mapping[str, str]) -> None:
        """Write the variant; `levels` names the layers that are not at the scheme's own level."""
        chosen = {
            name: frozenset(layer for layer, level in levels.items() if level == name)
            for name in self._instead
        }
        used = [name for name, layers in chosen.items() if layers]
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".mix-") as folder:
            step = Path(folder, f"0{out.suffix}")
            self._prepared.write(step, keep=frozenset(levels))
            for place, name in enumerate(used, start=1):
                step = self._apply(name, chosen[name], step, levels, Path(folder, f"{place}{out.suffix}"))
            self._shield(step, levels)
            step.replace(out)

    def _apply(
        self, name: str, layers: frozenset[str], file: Path, levels: Mapping[str, str], out: Path
    ) -> Path:
        """Quantize these layers of a file that a scheme has written by another scheme."""
        from .apart import set_apart, without_advice  # loads onnx, which TFLite does without

        set_apart(file, self.model, levels, f"{out.stem}/")
        prepared = self._instead[name].load_prepare()(file, ())
        with without_advice():
            prepared.write(out, keep=frozenset(prepared.layers) - layers)
        return out

    def _shield(self, file: Path, levels: Mapping[str, str]) -> None:
        kept = self._shielded.intersection(levels)
        if kept and len(levels) < len(self.layers):
            from .kept_float import shield

            shield(file, kept)


def _shielded(model: Path, layers: Sequence[str]) -> frozenset[str]:
    if model.suffix != ".onnx":
        return frozenset()
    from .kept_float import shielded

    return shielded(model, layers)
