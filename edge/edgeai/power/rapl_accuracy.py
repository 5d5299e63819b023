"""How often RAPL's counters move and how wrong they may be, through powercap and through perf alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .meter import ErrorModel

if TYPE_CHECKING:
    from ..sysroot import SysRoot

UPDATE_S = 1e-3
"""Intel, Software Developer's Manual volume 3B, "RAPL Interfaces": about 1 ms."""

_LSB_J = 2.0**-14
"""61 µJ: the energy unit of most Intel processors (RAPL_POWER_UNIT, bits 12:8: 14). Some count finer."""

_NOT_PUBLISHED = "vendors publish no accuracy of RAPL; "
_INTEL = ErrorModel(
    gain=0.03,
    offset_w=0.0,
    lsb=_LSB_J,
    source=_NOT_PUBLISHED + "3 % is assumed, since packages from Haswell on agree closely with calibrated "
    "meters (Hackenberg and others, IPDPSW 2015; Khan and others, RAPL in Action, TOMPECS 2018)",
)
_AMD = ErrorModel(
    gain=0.10,
    offset_w=0.0,
    lsb=_LSB_J,
    source=_NOT_PUBLISHED + "10 % is assumed: AMD's is a model with known limits (Schoene and others, Energy "
    "Efficiency Aspects of the AMD Zen 2 Architecture, 2021, arXiv 2108.00808)",
)
PSYS_ERROR = ErrorModel(
    gain=0.05,
    offset_w=0.0,
    lsb=_LSB_J,
    source=_NOT_PUBLISHED + "5 % is assumed for psys, whose sensor is the board maker's",
)


def error_of_packages(root: SysRoot) -> ErrorModel:
    """How wrong the energy of packages may be, by the processor's vendor."""
    is_amd = "AuthenticAMD" in (root.read_text("/proc/cpuinfo") or "")
    return _AMD if is_amd else _INTEL
