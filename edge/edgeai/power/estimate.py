"""No sensor: an estimate of the board's energy from how busy its cores were, and always called one.

P = idle_w + sum over cores of utilisation x core_active_w, kept as a counter: idle_w for the time that
passed, core_active_w for the busy time that /proc/stat counted. So two reads differ by exactly what the
formula gives for what lies between them, and the first read needs none before it.

The watts, by trust: fitted on this unit (`edgeai calibrate`), 10 %; published in the board's profile, 30 %;
in a profile of all machines of an architecture, 50 % (energy.md, Method). No figure, no estimate: never TDP,
never 0. These shares are taken as one standard deviation, not as a bound: nobody who published them said for
how many units they hold, and the reading that claims less gives a 95 % interval of about twice as much.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..device.cpu_times import busy_between, cpu_times
from ..errors import ConfigError, OtherUnit
from ..unavailable import Barred, Unavailable
from .meter import COUNTER_J, ErrorModel, MeterInfo, Rail, ReadFailed
from .unit import load_unit

if TYPE_CHECKING:
    from ..device import DeviceProfile
    from ..sysroot import SysRoot
    from .meter import Meter, Site

_PUBLISHED_ERROR, _GENERIC_ERROR = 0.30, 0.50  # energy.md, Method
_TICK_S = 0.01  # /proc/stat counts 1/100 s for user space (proc_stat(5), USER_HZ)
_NOT_IN_IT = "It knows how busy the CPU is, not what accelerators, radios and USB devices draw."


@dataclass(frozen=True)
class Watts:
    """Figures of a board. error: share, one standard deviation. source: where they are from, in words."""

    idle_w: float
    core_active_w: float
    error: float
    source: str


def probe(site: Site) -> Meter | Unavailable:
    """The estimate, or why there is no figure to estimate with."""
    watts = watts_of(site)
    if isinstance(watts, Unavailable):
        return watts
    if not cpu_times(site.root):
        return Unavailable("/proc/stat shows no CPU, so nobody knows how busy they are", "mount /proc")
    return EstimateMeter(site.root, watts)


def watts_of(site: Site) -> Watts | Unavailable:
    """The best figures that there are for this board."""
    published = _published(site.device.profile, site.device.cores)
    try:
        unit = load_unit(site.root, site.device)
    except OtherUnit as refused:
        if isinstance(published, Unavailable):
            return _barred(refused)
        return replace(published, source=f"{published.source}, because {_barred(refused).unavailable}")
    except ConfigError as wrong:
        return _barred(wrong)
    if unit is None or unit.idle_w is None or unit.core_active_w is None or unit.calibration is None:
        return published
    had = unit.calibration
    source = f"fitted on this unit on {had.date} by {had.meter}"
    return Watts(unit.idle_w, unit.core_active_w, had.error, source)


class EstimateMeter:
    """See `Meter`. clock: seconds that only rise.

    Time counts as passed only once /proc/stat moved: one that stands still (a captured tree, a container that
    shows a made-up file) gives a counter that stands still, which is not taken for a machine at rest.
    """

    def __init__(self, root: SysRoot, watts: Watts, clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._watts, self._clock = root, watts, clock
        self._busy_s, self._passed_s = 0.0, 0.0
        self._last, self._begin_s = cpu_times(root), clock()
        self.info = MeterInfo(
            name="estimate",
            scope="board (estimate)",
            kind=COUNTER_J,
            rails=(Rail("board"),),
            update_s=_TICK_S,
            error=ErrorModel(
                gain=watts.error, offset_w=0.0, lsb=watts.core_active_w * _TICK_S, source="energy.md, Method"
            ),
            is_estimate=True,
            notes=(
                f"An estimate, not a measurement: {watts.idle_w:.3g} W at rest and "
                f"{watts.core_active_w:.3g} W for each busy core, {watts.source}; "
                f"{100 * watts.error:.0f} % as one standard deviation.",
                _NOT_IN_IT,
            ),
        )

    def read(self) -> tuple[float, ...]:
        """Joules since the meter was opened."""
        now = cpu_times(self._root)
        if not now:
            raise ReadFailed("/proc/stat shows no CPU")
        if now != self._last:
            self._busy_s += busy_between(self._last, now)
            self._passed_s = self._clock() - self._begin_s
            self._last = now
        return (self._watts.idle_w * self._passed_s + self._watts.core_active_w * self._busy_s,)

    def close(self) -> None:
        """It holds nothing."""


def _published(profile: DeviceProfile, online: int) -> Watts | Unavailable:
    """From the profile: all cores busy against none."""
    idle, load = profile.idle_w, profile.load_w
    if idle is None or load is None:
        lacks = "idle_w" if idle is None else "load_w"
        return Unavailable(
            f"nobody published what {profile.name} draws ({profile.id}.toml has no power.{lacks}), so "
            "nothing can be estimated",
            "fit this unit's watts with `edgeai calibrate`",
        )
    cores = sum(cluster.count for cluster in profile.clusters) or online
    active_w = (load.value - idle.value) / cores
    if active_w <= 0:
        return Unavailable(
            f"{profile.id}.toml says that {profile.name} draws no more under load than at rest",
            "fit this unit's watts with `edgeai calibrate`",
        )
    is_generic = bool(profile.match.machines)
    error = _GENERIC_ERROR if is_generic else _PUBLISHED_ERROR
    sources = dict.fromkeys((idle.source, load.source))
    return Watts(idle.value, active_w, error, f"published for {profile.name} ({'; '.join(sources)})")


def _barred(error: ConfigError) -> Barred:
    reason, _, advice = str(error).rpartition("; ")
    return Barred(reason, advice) if reason else Barred(advice, "correct the file")
