"""Whether there is room for a model in RAM, asked before it is opened.

A model that is too large for a small board does not fail by itself: the kernel kills the process, or another
one, seconds later and without a word. So `edgeai.load` looks first. Where not even the weights fit, it raises
ModelTooLarge, and of a bundle the next variant is tried; where the predicted peak does not, it warns
(MemoryTight): the prediction errs both ways, see `graph/runtime_memory.py`, and there may be swap.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from .device.cpus import THIS_MACHINE
from .errors import MemoryTight, ModelError, ModelTooLarge, one_line
from .quantities import bytes_text

if TYPE_CHECKING:
    from .bundle import Variant
    from .device.free_memory import FreeMemory
    from .sysroot import SysRoot

OVERRIDE = "EDGEAI_MEMORY_CHECK"
"""Environment variable: `off` opens whatever was asked for."""

_SMALL_BYTES = 32_000_000
"""Of a prediction, or of twice a file: below it nothing is looked at, so that small models load as fast."""

_CAREFUL = 2
"""A file of over half of the free RAM is read for a prediction; a smaller one only where its bundle has one.
Runtimes hold weights once or twice (`runtime_memory`), so that half is where weights can begin to matter."""


def check_room(variant: Variant, root: SysRoot = THIS_MACHINE) -> None:
    """Look before a variant is opened. Raises ModelTooLarge, warns MemoryTight; never fails itself.

    Costs a look at /proc/meminfo and the control groups, and for a large file reading its structure.
    """
    if os.environ.get(OVERRIDE) == "off":
        return
    try:
        size_bytes = variant.path.stat().st_size
    except OSError:
        return  # who opens it says what is wrong
    predicted = _number((variant.cost or {}).get("peak_memory_bytes"))
    if max(size_bytes * _CAREFUL, predicted or 0) < _SMALL_BYTES:
        return
    from .device.free_memory import free_memory  # which small models load without

    free = free_memory(root)
    if free is None or (predicted is None and size_bytes * _CAREFUL < free.bytes):
        return
    weights = _number((variant.cost or {}).get("weight_bytes"))
    if weights is None or predicted is None:
        weights, predicted = _counted(variant, weights, predicted)
    _judge(variant, free, weights, predicted)


def _counted(variant: Variant, weights: int | None, predicted: int | None) -> tuple[int | None, int | None]:
    """What the file says. External weights are mapped and can be dropped by the kernel: they do not count."""
    from .graph import READERS, read_graph
    from .graph.costs import costs

    if variant.format not in READERS:
        return weights, predicted
    try:
        graph = read_graph(variant.path)
        if graph.external_files:
            return None, predicted
        return graph.weight_bytes, predicted or costs(variant.path).peak_memory_bytes
    except ModelError:
        return weights, predicted  # who opens it says what is wrong


def _judge(variant: Variant, free: FreeMemory, weights: int | None, predicted: int | None) -> None:
    where = f"{bytes_text(free.bytes)} are free ({free.why})"
    if weights is not None and weights > free.bytes + free.swap_bytes:
        raise ModelTooLarge(
            f"{one_line(variant.path)}: its weights take {bytes_text(weights)} and {where}, "
            f"{bytes_text(free.swap_bytes)} of swap beside; run a smaller or quantized model, free memory, "
            f"raise the limit, or set {OVERRIDE}=off to try it all the same"
        )
    likely = max(weights or 0, predicted or 0)
    if likely > free.bytes:
        warnings.warn(
            f"{one_line(variant.path)}: it will probably take {bytes_text(likely)} of RAM and {where}; "
            "it may be killed or run from swap: a smaller or quantized model, fewer other programs "
            "or a higher limit help",
            MemoryTight,
            stacklevel=4,
        )


def _number(value: Any) -> int | None:
    """A manifest's `cost` is what its maker wrote."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
