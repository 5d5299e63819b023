"""`edgeai power` for people: a frame that is drawn again in place, a line a look, and what it came to."""

from __future__ import annotations

import textwrap
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import one_line
from ..measure.conditions import Conditions, change_between
from ..quantities import energy_text, power_text, time_text
from ..unavailable import Unavailable

if TYPE_CHECKING:
    from ..measure.power_watch import PowerLook, PowerTotals
    from ..power import MeterInfo

_BAR, _COURSE = 24, 40
"""Letters of a rail's bar, and of the course of the total."""
_BLOCKS = ("▁▂▃▄▅▆▇█", "_.-=#")
"""From low to high, for terminals with Unicode and without."""
_MOST_ZONES, _LONGEST_NAME = 3, 24
NO_CLOCK = "unavailable: the kernel shows no clock (cpufreq)"
NO_HEAT = "unavailable: the kernel shows no thermal zone"


class Words:
    """How looks are written. info: of the meter, or why there is none. unicode: what the terminal knows."""

    def __init__(self, info: MeterInfo | Unavailable, board: str, *, unicode: bool = True) -> None:
        self.info, self.board = info, board
        self._blocks = _BLOCKS[0] if unicode else _BLOCKS[1]
        self._course: deque[float] = deque(maxlen=_COURSE)
        self._most_w = 0.0
        self._why: Unavailable | None = None
        self._first: Conditions | None = None

    @property
    def title(self) -> str:
        """Which board, which meter, what it covers."""
        return f"edgeai power: {one_line(self.board)}; {self._meter()}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the meter's figures has to know."""
        return tuple(f"note: {one_line(note)}" for note in getattr(self.info, "notes", ()))

    def _meter(self) -> str:
        from ..power import MeterInfo

        if not isinstance(self.info, MeterInfo):
            return f"power unavailable: {self.info.unavailable}; {self.info.advice}"
        kind = " (estimated)" if self.info.is_estimate else ""
        return f"{one_line(self.info.name)}: {one_line(self.info.scope)}{kind}"

    def watts(self, power_w: float | None) -> str:
        """`9.25 W`, `~9.3 W` of an estimate, `-` where it was not read."""
        return "-" if power_w is None else power_text(power_w, rough=self._is_rough)

    def joules(self, energy_j: float | None) -> str:
        """`112 J`."""
        return "-" if energy_j is None else energy_text(energy_j, rough=self._is_rough)

    @property
    def _is_rough(self) -> bool:
        return getattr(self.info, "is_estimate", False)

    def line(self, look: PowerLook) -> str:
        """A look on one line."""
        self._note(look)
        parts = [f"{look.time_s:9.1f} s"]
        if look.rails:
            parts.append(f"{self.watts(look.power_w):>9} {self.joules(look.energy_j):>9}")
            rails = (
                f"{one_line(rail.name)} {self.watts(rail.power_w)}{'' if rail.counted else ' (inside)'}"
                for rail in look.rails
            )
            parts.append(", ".join(rails) if len(look.rails) > 1 else "")
        if look.why is not None:
            parts.append(f"power unavailable: {look.why.unavailable}")
        return "  ".join(
            [*filter(None, parts), "; ".join(_short(*each) for each in self._conditions(look.conditions))]
        )

    def frame(self, look: PowerLook, totals: PowerTotals) -> list[str]:
        """A look as a page of its own."""
        self._note(look)
        why = look.why if look.rails else self.info
        return [
            self.title if look.rails else f"edgeai power: {one_line(self.board)}",
            "",
            *self._rails(look),
            *(_wrapped(why) if isinstance(why, Unavailable) else []),
            *([_row(clock_text(look.time_s), self.total(totals))] if look.rails else []),
            "",
            *(_row(name, text) for name, text in self._conditions(look.conditions)),
            "",
            "Ctrl-C ends",
        ]

    def total(self, totals: PowerTotals) -> str:
        """What a watch came to."""
        mean_w = totals.power_w
        if mean_w is None:
            why = "" if self._why is None else f": {self._why.unavailable}; {self._why.advice}"
            return f"no power was read{why}"
        highest = f", highest {self.watts(totals.highest_w)}"
        unread_s = totals.duration_s - totals.read_s
        gap = f"; {time_text(unread_s)} not read" if unread_s > 0.05 * totals.duration_s else ""
        return f"mean {self.watts(mean_w)}{highest}, {self.joules(totals.energy_j)}{gap}"

    def summary(self, totals: PowerTotals) -> str:
        """The last line."""
        return f"{time_text(totals.duration_s)}: {self.total(totals)}; {self._meter()}"

    def course(self) -> str:
        """The last looks' totals, from 0 to the highest."""
        steps = len(self._blocks) - 1
        most = max(self._most_w, 1e-12)
        return "".join(
            self._blocks[round(steps * min(max(watts, 0.0) / most, 1.0))] for watts in self._course
        )

    def _note(self, look: PowerLook) -> None:
        self._first = self._first or look.conditions
        self._why = look.why
        if look.power_w is not None:
            self._course.append(look.power_w)
        known = [rail.power_w for rail in look.rails if rail.power_w is not None]
        self._most_w = max([self._most_w, look.power_w or 0.0, *known])

    def _rails(self, look: PowerLook) -> Iterator[str]:
        if not look.rails:
            return
        yield _row("total", f"{self.watts(look.power_w):>9}  {self.course()}")
        for rail in look.rails:
            share = max(rail.power_w or 0.0, 0.0) / max(self._most_w, 1e-12)
            bar = (self._blocks[-1] * round(_BAR * share)).ljust(_BAR)
            inside = "" if rail.counted else "  inside another"
            yield _row(rail.name, f"{self.watts(rail.power_w):>9}  {bar}{inside}").rstrip()

    def _conditions(self, look: Conditions) -> list[tuple[str, str]]:
        return [
            ("temperature", _heat(look)),
            ("clock", _clocks(look)),
            ("throttling", self._throttling(look)),
        ]

    def _throttling(self, look: Conditions) -> str:
        assert self._first is not None
        began = change_between(self._first, look).throttle_events
        new = [f"{name} ({count} new)" for name, count in began.items() if name not in look.throttle_now]
        before = [
            name for name, count in look.throttle_counts.items() if count and name.endswith("since boot")
        ]
        told = ", ".join(map(one_line, [*(f"NOW {name}" for name in look.throttle_now), *new]))
        earlier = f" (seen: {', '.join(map(one_line, before))})" if before else ""
        return (told or "none in force") + earlier


def clock_text(seconds: float) -> str:
    """`0:01:02`."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _row(name: str, text: str) -> str:
    name = one_line(name, _LONGEST_NAME)
    return f"  {name:<16}  {text}"


def _heat(look: Conditions) -> str:
    """The hottest zones."""
    zones = sorted(look.temperatures_c.items(), key=lambda pair: -pair[1])
    more = f" and {len(zones) - _MOST_ZONES} cooler" if len(zones) > _MOST_ZONES else ""
    told = [f"{one_line(name, _LONGEST_NAME)} {celsius:.1f} °C" for name, celsius in zones[:_MOST_ZONES]]
    return ", ".join(told) + more or NO_HEAT


def _clocks(look: Conditions) -> str:
    known = Counter(f"{hz / 1e9:.2f} GHz" for hz in look.frequencies_hz if hz is not None)
    if not known:
        return NO_CLOCK
    told = [f"{count} x {clock}" for clock, count in sorted(known.items())]
    if len(told) > 3:
        told = [f"{min(known)} to {max(known)}"]
    told += [f"governor {'/'.join(map(one_line, look.governors))}"] if look.governors else []
    told += ["pinned"] if look.clocks_pinned else []
    told += [one_line(look.power_mode)] if look.power_mode else []
    return ", ".join(told)


def _wrapped(why: Unavailable) -> list[str]:
    """The reason and what to do, whole also on a narrow terminal."""
    text = f"power unavailable: {why.unavailable}; {why.advice}"
    return textwrap.wrap(text, 76, initial_indent="  ", subsequent_indent="    ")


def _short(name: str, text: str) -> str:
    """Heat and clocks go without their name, which their units say."""
    return f"{name} {text}" if name == "throttling" or text.startswith("unavailable") else text


def cut(lines: Sequence[str], columns: int, rows: int) -> list[str]:
    """What a terminal holds without wrapping or scrolling, which would spoil drawing in place."""
    return [line[: max(columns - 1, 1)] for line in lines[: max(rows - 1, 1)]]
