"""A `Tuning` in ONNX Runtime's words.

ONNX Runtime takes keys that it does not know and does nothing: `tests/edge/backends/test_tuning.py` shows of
each one here that it has an effect.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import onnxruntime as ort

from ..errors import InputError
from .tuning import LEVELS

if TYPE_CHECKING:
    from .tuning import Tuning

_LEVELS = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}

# Left alone, a thread that has nothing to do spins on for a number of rounds, some 50 ms here (x86, 2 cores):
# at 10 calls a second 31 to 53 % of a core. With 1 ms it is 1.94 %, with 400 µs up to 1.23, with 100 µs 0.32,
# with 50 µs up to 0.17, with none 0.09 (`benchmarks/peers/idle_cpu.py`). Beside other work, which takes the
# second core now and then, it costs time too: p50 with 50 µs was 0.62 to 0.84 of the library's own, with none
# 0.52 to 0.77, and CPU time 0.7 and 0.6 (face detector, magika, PP-OCR rec). In quiet moments (p10) the face
# detector took 1.6 ms with the library's own, 1.9 with 50 µs and 1.96 with none: so prepare tries all three.
#
# Of ONNX Runtime's other keys none gained more than a key that does not exist, on the suite and MiniLM, one
# thread: set_denormal_as_zero, enable_gelu_approximation, enable_cast_chain_elimination, loop level 2,
# mlas.nchwc_depthwise_sliding, mlas.nchwc_pointwise_conv_max_input_channel_batch (slower, up to 1.13), memory
# patterns off; and use_device_allocator_for_initializers changed neither RAM nor load. So they have no field.
_BRIEF_US = 50
_LONG_US = 200
"""Of all threads together: so a session of any number of them stays under 1 % at 10 calls a second."""
_HAS_DURATION = (1, 32)
"""The version whose `spin_duration_us` was seen to work; 1.23 does not have it."""


def apply_tuning(settings: Any, tuning: Tuning, threads: int) -> None:
    """Write it into SessionOptions that are otherwise the library's own. Raises InputError."""
    if threads > 1:
        for key, value in _spinning(tuning.spinning, threads).items():
            settings.add_session_config_entry(key, value)
    if tuning.arena is not None:
        settings.enable_cpu_mem_arena = tuning.arena
    if tuning.optimize is not None:
        settings.graph_optimization_level = level(tuning.optimize)
    if tuning.prepack is not None:
        settings.add_session_config_entry("session.disable_prepacking", str(int(not tuning.prepack)))
    if tuning.affinities:
        settings.add_session_config_entry(
            "session.intra_op_thread_affinities", _affinities(tuning.affinities, threads)
        )
    for name, size in tuning.sizes.items():
        settings.add_free_dimension_override_by_name(name, size)


def level(name: str) -> Any:
    """ONNX Runtime's own for one of LEVELS. Raises InputError."""
    if name not in LEVELS:
        raise InputError(f"optimize is {name!r}; give one of {', '.join(LEVELS)}")
    return getattr(ort.GraphOptimizationLevel, _LEVELS[name])


def _spinning(wanted: bool | None, threads: int) -> dict[str, str]:
    """The keys that say how long threads spin. Older versions only know spinning while a run is under way."""
    if wanted is False or (wanted is None and not has_spin_duration()):
        return {"session.intra_op.allow_spinning": "0"}
    if not has_spin_duration():
        return {"session.force_spinning_stop": "1"}
    longest_us = max(_BRIEF_US, _LONG_US // (threads - 1))
    return {"session.intra_op.spin_duration_us": str(longest_us if wanted else _BRIEF_US)}


@cache
def has_spin_duration() -> bool:
    """Whether this version can be told for how long threads spin."""
    numbers = re.findall(r"\d+", ort.__version__)[:2]
    return tuple(map(int, numbers)) >= _HAS_DURATION


def _affinities(affinities: tuple[tuple[int, ...], ...], threads: int) -> str:
    """`1,2;3` for CPUs 0 and 1, then CPU 2: ONNX Runtime counts CPUs from 1, and not the calling thread."""
    if len(affinities) != threads - 1 or not all(affinities):
        raise InputError(
            f"affinities name CPUs for {len(affinities)} threads; {threads} threads need them for "
            f"{threads - 1}: for each but the calling one"
        )
    return ";".join(",".join(str(cpu + 1) for cpu in cpus) for cpus in affinities)
