"""How fast a model can be at most on a processor, and how fast it is likely to be.

The bound: arithmetic at the processor's peak, or the least traffic at the memory's peak, whichever takes
longer. No run is faster than that with the clocks of the profile.

The range: arithmetic at the peak and then the traffic without caches at the memory's peak, one after the
other, times what published runs took beyond that (`SLOWDOWN`). Over the published figures this sum is a far
steadier measure than the bound: depthwise layers, which move much and compute little, weigh in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..device import DeviceProfile
    from ..graph.demand import Demand

CPU = "cpu"
COMPUTE, MEMORY = "compute", "memory"

SLOWDOWN: Mapping[str, tuple[float, float]] = {CPU: (1.6, 6.5), "gpu": (1.2, 2.0)}
"""Published time over the sum, least and most, by processor, a little wider than seen. CPU: 1.71 to 6.00 over
the 12 rows of benchmark-method.md on Pi 4, Pi 5 and Pixel 4, with all cores. GPU: TensorRT on Orin and Nano,
1.34 to 1.68 over four rows; TensorFlow with TensorRT inside took 12 to 14 times the sum and does not count.
`benchmarks/results/fit-published.md` has the rows, and how well a range from other sources holds each."""

ARITHMETIC_SLOWDOWN: Mapping[str, tuple[float, float]] = {CPU: (1.9, 23)}
"""The same over arithmetic alone, for boards of whose memory nobody publishes a rate: 2.03 to 9.34 over the
rows above, and 18.4 to 22.0 over the only ones with a Cortex-A53 (Pi 3 B+, TensorFlow Lite of 2019)."""


SHORTEST_S = 0.3e-3
"""Of the sum, for a likely time: the shortest of the rows has 0.38 ms. Below it calls and threads cost more
than what is counted, and the range says nothing."""


@dataclass(frozen=True)
class Peak:
    """Of a processor. macs_per_s: by type of element. bytes_per_s: of the memory; None where nobody says.

    missing: why a type is not there.
    """

    name: str
    kind: str
    macs_per_s: Mapping[str, float]
    bytes_per_s: float | None
    missing: str
    threads: int | None = None


@dataclass(frozen=True)
class Speed:
    """An estimate of one run on one processor; None where it is not known, and `unavailable` says why.

    bound_s: no run is faster. compute_s: arithmetic at its peak. sum_s: that and the traffic one after the
    other, both at their peaks. likely_s: the fastest and the slowest that is likely.
    bound_by: COMPUTE or MEMORY.
    """

    processor: str
    kind: str
    threads: int | None = None
    bound_s: float | None = None
    bound_by: str | None = None
    compute_s: float | None = None
    sum_s: float | None = None
    likely_s: tuple[float, float] | None = None
    unavailable: str | None = None
    notes: tuple[str, ...] = ()


def cpu_peak(profile: DeviceProfile, threads: int | None = None) -> Peak:
    """Of so many cores, the fastest kind first; of all performance cores where no number is given."""
    bandwidth = profile.memory_bandwidth_bytes_per_s
    performance = [cluster for cluster in profile.clusters if cluster.kind == "performance"]
    wanted = threads or profile.threads or sum(cluster.count for cluster in performance)
    peaks: dict[str, float] = {}
    names, missing, left = (
        [],
        "the profile has no cores and no peak; edgeai bench measures what is here",
        wanted,
    )
    order = performance + [cluster for cluster in profile.clusters if cluster.kind != "performance"]
    for cluster in order:
        count = min(left, cluster.count)
        if not count:
            continue
        left -= count
        names.append(f"{count}x {cluster.name}")
        missing = f"the profile has no peak of {cluster.name} in {{dtype}}"
        clock = cluster.max_clock_hz
        found = {} if clock is None else {
            dtype: count * clock.value * each.value for dtype, each in cluster.macs_per_cycle.items()
        }  # fmt: skip
        if clock is None:
            missing = f"the profile has no clock of {cluster.name}"
        # A thread on a core without a figure: nothing is known of all of them together.
        kept = found if len(names) == 1 else {key: peaks[key] + found[key] for key in peaks if key in found}
        peaks = kept
    rate = None if bandwidth is None else bandwidth.value
    return Peak(" + ".join(names) or CPU, CPU, peaks, rate, missing, min(wanted, wanted - left) or None)


def accelerator_peaks(profile: DeviceProfile) -> tuple[Peak, ...]:
    """Of what stands beside the CPU; it shares the board's memory."""
    bandwidth = profile.memory_bandwidth_bytes_per_s
    return tuple(
        Peak(
            name=each.name,
            kind=each.kind,
            macs_per_s={dtype: figure.value for dtype, figure in each.macs_per_s.items()},
            bytes_per_s=None if bandwidth is None else bandwidth.value,
            missing=f"the profile has no dense peak of {each.name} in {{dtype}}",
        )
        for each in profile.accelerators
    )


def speed(demand: Demand, peak: Peak) -> Speed:
    """The estimate of one run."""
    told = (peak.name, peak.kind, peak.threads)
    if demand.macs is None:
        return Speed(*told, unavailable=demand.unavailable.get("multiply_accumulates", "shapes are unknown"))
    compute_s = 0.0
    for dtype, count in demand.macs.items():
        rate = _rate(peak, dtype)
        if rate is None:
            return Speed(*told, unavailable=peak.missing.format(dtype=dtype))
        compute_s += count / rate
    if not compute_s:
        return Speed(*told, unavailable="it has no products, and nothing else is counted")
    if peak.bytes_per_s is None or demand.traffic is None:
        what = "the memory's rate" if demand.traffic is not None else "the traffic"
        ends = ARITHMETIC_SLOWDOWN.get(peak.kind)
        least_s, moved_s, notes = 0.0, 0.0, [f"{what} is not known: arithmetic alone counts"]
    else:
        ends = SLOWDOWN.get(peak.kind)
        least_s, moved_s = (
            moved / peak.bytes_per_s for moved in (demand.traffic.least_bytes, demand.traffic.bytes)
        )
        notes = []
    sum_s = compute_s + moved_s
    if sum_s < SHORTEST_S:
        ends = None
        notes.append("so short that calls cost more than what is counted: no likely time")
    elif ends is None:
        notes.append(f"no published run on a {peak.kind} is at hand to tell a likely time by")
    elif peak.threads == 1:
        notes.append("the likely time is by runs with all cores: with one, memory holds less back")
    return Speed(
        *told,
        bound_s=max(compute_s, least_s),
        bound_by=COMPUTE if compute_s >= least_s else MEMORY,
        compute_s=compute_s,
        sum_s=sum_s,
        likely_s=None if ends is None else (sum_s * ends[0], sum_s * ends[1]),
        notes=tuple(notes),
    )


def _rate(peak: Peak, dtype: str) -> float | None:
    """CPU runtimes compute half floats as real ones; accelerators without a peak of their own likewise."""
    if dtype == "f16" and (peak.kind == CPU or "f16" not in peak.macs_per_s):
        dtype = "f32"
    return peak.macs_per_s.get(dtype)
