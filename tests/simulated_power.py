"""A board with a power sensor, played on a clock of its own: what it drew is known in closed form.

Nothing here knows how edgeai measures: this file imports none of it, and all chance comes from the given
generator. A board draws power P(t) = idle(t) + load(t), each of whose integrals is a formula. A sensor shows
it with a gain and an offset that are drawn from the error model which it publishes, in steps, late, or only
now and then.

    board = draw_board("square", "gauge", random.Random("1/square/0"))
    board.sleep(0.1); board.read(); board.true_gross_j()
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate

IDLE_S, WINDOW_S, WINDOWS = 10.0, 10.0, 5
GAUGES = ("moment", "averaging", "scanning")
FAMILIES = ("constant", "square", "ramp", "spikes", "averaging", "jitter", "lost", "wrap")
BURSTS = "bursts"
"""Beside the families: windows that truly differ, by bursts which fall where they like."""


@dataclass(frozen=True)
class Curve:
    """A power over time, and its integral from 0."""

    power: Callable[[float], float]
    energy: Callable[[float], float]


def constant(watts: float) -> Curve:
    return Curve(lambda t: watts, lambda t: watts * t)


def ramp(first_w: float, last_w: float, begin_s: float, end_s: float) -> Curve:
    """A straight line from begin to end, which goes on beyond both."""
    slope = (last_w - first_w) / (end_s - begin_s)
    return Curve(
        lambda t: first_w + slope * (t - begin_s),
        lambda t: first_w * t + slope * ((t - begin_s) ** 2 - begin_s**2) / 2,
    )


def square(low_w: float, high_w: float, hertz: float, duty: float, phase: float) -> Curve:
    """High for a share `duty` of each cycle."""

    def high_cycles(cycles: float) -> float:
        whole = math.floor(cycles)
        return whole * duty + min(cycles - whole, duty)

    start = high_cycles(phase)
    return Curve(
        lambda t: high_w if (t * hertz + phase) % 1.0 < duty else low_w,
        lambda t: low_w * t + (high_w - low_w) * (high_cycles(t * hertz + phase) - start) / hertz,
    )


def spikes(base_w: float, begins_s: list[float], width_s: float, height_w: float) -> Curve:
    """Rectangles of one size on a base; they do not overlap."""

    def spike_s(t: float) -> float:
        before = bisect_right(begins_s, t)
        return (before - 1) * width_s + min(t - begins_s[before - 1], width_s) if before else 0.0

    def power(t: float) -> float:
        before = bisect_right(begins_s, t)
        return base_w + (height_w if before and t - begins_s[before - 1] < width_s else 0.0)

    return Curve(power, lambda t: base_w * t + height_w * spike_s(t))


def only_within(curve: Curve, begin_s: float, end_s: float) -> Curve:
    """The curve between two moments, nothing else."""
    start = curve.energy(begin_s)
    return Curve(
        lambda t: curve.power(t) if begin_s <= t < end_s else 0.0,
        lambda t: curve.energy(min(max(t, begin_s), end_s)) - start,
    )


def step(before_w: float, after_w: float, at_s: float) -> Curve:
    return Curve(
        lambda t: before_w if t < at_s else after_w,
        lambda t: before_w * t + (after_w - before_w) * max(t - at_s, 0.0),
    )


def together(*curves: Curve) -> Curve:
    return Curve(lambda t: sum(c.power(t) for c in curves), lambda t: sum(c.energy(t) for c in curves))


@dataclass
class Sensor:
    """What shows the power. gain, offset_w: what it is wrong by. gain_sigma, offset_sigma_w, lsb, update_s,
    averages_s: what its maker publishes. noise_w: of each value. wrap_j: where its counter starts again, from
    start_j."""

    is_counter: bool
    gain_sigma: float
    offset_sigma_w: float
    lsb: float
    update_s: float | None
    averages_s: float | None
    gain: float = 0.0
    offset_w: float = 0.0
    noise_w: float = 0.0
    wrap_j: float | None = None
    start_j: float = 0.0
    clock_jitter: float = 0.01


@dataclass
class Board:
    """A board on its own clock: `now`, `sleep` and `read` are all that a program sees of it."""

    idle: Curve
    load: Curve
    sensor: Sensor
    idle_before: tuple[float, float]
    windows: list[tuple[float, float, int]]
    idle_after: tuple[float, float]
    chance: random.Random
    oversleep_s: float
    read_s: float
    lost: float
    time_s: float = 0.0
    longrun_j: float | None = None
    _updates: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))

    def __post_init__(self) -> None:
        self.all = together(self.idle, self.load)
        sensor = self.sensor
        self.phase_s = self.chance.random() * (sensor.update_s or 0.0)
        if not sensor.is_counter and sensor.update_s is not None:
            self._updates = self._converted(sensor.update_s)

    @property
    def end_s(self) -> float:
        return self.idle_after[1] + 1.0

    def now(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        """Later than asked, as schedulers are."""
        self.time_s += seconds + self.chance.expovariate(1.0) * self.oversleep_s

    def read(self) -> float | None:
        """What the sensor shows now; None where the read failed."""
        self.time_s += self.read_s * self.chance.uniform(0.3, 0.7)
        value = None if self.chance.random() < self.lost else self._shown(self.time_s)
        self.time_s += self.read_s * self.chance.uniform(0.3, 0.7)
        return value

    def true_gross_j(self) -> float:
        """Energy of the windows over their runs."""
        return self._in_windows(self.all) / self.runs

    def true_net_j(self) -> float:
        return self._in_windows(self.load) / self.runs

    @property
    def runs(self) -> int:
        return sum(runs for _, _, runs in self.windows)

    def _in_windows(self, curve: Curve) -> float:
        return sum(curve.energy(end) - curve.energy(begin) for begin, end, _ in self.windows)

    def _shown(self, t: float) -> float:
        sensor = self.sensor
        if sensor.is_counter:
            assert sensor.update_s is not None
            at = self.phase_s + math.floor((t - self.phase_s) / sensor.update_s) * sensor.update_s
            joules = self.all.energy(at) * (1 + sensor.gain) + sensor.offset_w * at + sensor.start_j
            whole = math.floor(joules / sensor.lsb) * sensor.lsb
            return whole if sensor.wrap_j is None else whole % sensor.wrap_j
        if sensor.update_s is None:
            return self._gauge(self.all.power(t))
        times, values = self._updates
        return values[bisect_right(times, t) - 1]

    def _gauge(self, watts: float) -> float:
        sensor = self.sensor
        wrong = watts * (1 + sensor.gain) + sensor.offset_w + self.chance.gauss(0.0, sensor.noise_w)
        return round(wrong / sensor.lsb) * sensor.lsb

    def _converted(self, update_s: float) -> tuple[list[float], list[float]]:
        """All values that the sensor makes, whether anyone reads them or not."""
        sensor, chance = self.sensor, self.chance
        count = int((self.end_s + 2.0) / update_s)
        widths = (update_s * (1 + chance.gauss(0.0, sensor.clock_jitter)) for _ in range(count))
        times = list(accumulate(widths, initial=self.phase_s - 1.0))
        over = sensor.averages_s
        means = (
            self.all.power(t) if not over else (self.all.energy(t) - self.all.energy(t - over)) / over
            for t in times
        )
        return times, [self._gauge(watts) for watts in means]


def draw_board(family: str, kind: str, chance: random.Random, *, right: bool = False) -> Board:
    """A board of a family (FAMILIES or "bursts") with a sensor of a kind: "gauge" or "counter". right: the
    sensor has neither gain nor offset error, so that what is left is that of whoever reads it."""
    idle_w = chance.uniform(1.0, 4.0)
    before = (1.0, 1.0 + IDLE_S)
    load_begin = before[1] + chance.uniform(0.2, 1.0)
    call_s = math.exp(chance.uniform(math.log(2e-3), math.log(0.2)))
    windows, begin = [], load_begin + chance.choice((0.0, chance.uniform(0.5, 2.0)))
    for _ in range(WINDOWS):
        runs = math.ceil(WINDOW_S / call_s)
        windows.append((begin, begin + runs * call_s, runs))
        begin = windows[-1][1] + chance.uniform(0.0, 0.3)
    load_end = windows[-1][1]
    after_begin = load_end + chance.uniform(0.1, 0.5)
    after = (after_begin, after_begin + IDLE_S)
    level_w = idle_w * chance.uniform(0.5, 4.0)
    drift_w = chance.choice((0.0, chance.uniform(-0.05, 0.05))) * idle_w
    longrun_j = None
    shape = family if family in ("constant", "ramp", "spikes", BURSTS) else "square"
    if family in ("jitter", "lost", "wrap"):
        shape = chance.choice(("constant", "square", "ramp", "spikes"))
    if shape == BURSTS:
        load, mean_w = _bursts(level_w, load_begin, load_end, chance)
        idle = constant(idle_w)
        longrun_j = (idle_w + mean_w) * sum(e - b for b, e, _ in windows) / sum(n for _, _, n in windows)
    else:
        load = _load(shape, level_w, load_begin, load_end, chance)
        idle = step(idle_w, idle_w + drift_w, chance.uniform(before[1], after[0]))
    sensor = draw_sensor(family, kind, idle_w, chance)
    return Board(
        idle,
        only_within(load, load_begin, load_end),
        _put_right(sensor) if right else sensor,
        before,
        windows,
        after,
        chance,
        oversleep_s=chance.uniform(5e-3, 30e-3) if family == "jitter" else 2e-4,
        read_s=chance.uniform(1e-4, 2e-3),
        lost=0.05 if family == "lost" else 0.0,
        longrun_j=longrun_j,
    )


def draw_sensor(family: str, kind: str, idle_w: float, chance: random.Random) -> Sensor:
    """A sensor whose errors are drawn from what it publishes."""
    gain_sigma = math.exp(chance.uniform(math.log(1e-3), math.log(2e-2)))
    offset_sigma_w = idle_w * chance.uniform(0.0, 0.02)
    if kind == "counter":
        counted_s = chance.choice((1e-3, chance.uniform(0.01, 0.1)))
        sensor = Sensor(True, gain_sigma, offset_sigma_w, 6.1e-5, counted_s, None)
        if family == "wrap":
            sensor.wrap_j = idle_w * chance.uniform(60.0, 200.0)  # less than the whole run takes
            sensor.start_j = chance.uniform(0.0, sensor.wrap_j)
    else:
        sort = "averaging" if family == "averaging" else chance.choice(GAUGES)
        lsb = chance.choice((1e-3, 0.01, 0.02, 0.1))
        update_s, averages_s = _pace(sort, chance)
        sensor = Sensor(False, gain_sigma, offset_sigma_w, lsb, update_s, averages_s)
        sensor.noise_w = idle_w * chance.uniform(0.0, 0.01)
    sensor.gain = chance.gauss(0.0, gain_sigma)
    sensor.offset_w = chance.gauss(0.0, offset_sigma_w)
    return sensor


def _put_right(sensor: Sensor) -> Sensor:
    sensor.gain = sensor.gain_sigma = sensor.offset_w = sensor.offset_sigma_w = 0.0
    return sensor


def _pace(sort: str, chance: random.Random) -> tuple[float | None, float | None]:
    """How often a gauge's values change, and over how long each is a mean."""
    if sort == "moment":  # converted when it is asked, as a PMIC is
        return None, None
    if sort == "averaging":  # without a pause, as an INA226 by default
        return 0.035, 0.035
    update_s = chance.uniform(0.035, 0.1)  # three channels in turn, as an INA3221
    return update_s, update_s / 3


def _load(shape: str, level_w: float, begin_s: float, end_s: float, chance: random.Random) -> Curve:
    if shape == "constant":
        return constant(level_w)
    if shape == "ramp":
        return ramp(level_w, level_w * chance.uniform(0.7, 1.3), begin_s, end_s)
    if shape == "square":
        hertz = math.exp(chance.uniform(math.log(3.0), math.log(200.0)))
        low_w = level_w * chance.uniform(0.1, 0.9)
        return square(low_w, level_w, hertz, chance.uniform(0.2, 0.8), chance.random())
    # One spike at a random place in every slot, as a layer that draws more does in every call.
    slot_s = chance.uniform(0.05, 0.5)
    width_s = min(chance.uniform(5e-3, 40e-3), slot_s / 2)
    slots = range(int((end_s - begin_s) / slot_s) + 1)
    begins = [begin_s + (i + chance.random() * (1 - width_s / slot_s)) * slot_s for i in slots]
    return spikes(level_w, begins, width_s, level_w * chance.uniform(0.5, 3.0))


def _bursts(level_w: float, begin_s: float, end_s: float, chance: random.Random) -> tuple[Curve, float]:
    """Bursts that begin by chance, of 50 to 300 ms, a pause by chance between them; and the long-run mean."""
    width_s, mean_gap_s = chance.uniform(0.05, 0.3), chance.uniform(0.3, 2.0)
    height_w, begins = level_w * chance.uniform(0.2, 1.0), []
    t = begin_s - 20.0 - chance.expovariate(1 / mean_gap_s)
    while t < end_s:
        begins.append(t)
        t += width_s + chance.expovariate(1 / mean_gap_s)
    share = width_s / (width_s + mean_gap_s)
    return spikes(level_w, begins, width_s, height_w), level_w + share * height_w
