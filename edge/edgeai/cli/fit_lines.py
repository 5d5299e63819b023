"""What `edgeai fit` found, as a person reads it: one board in lines, several in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import one_line
from ..fit import CPU, NO, TIGHT, UNKNOWN, YES
from ..quantities import bytes_text, count_text, time_text
from .output import table

if TYPE_CHECKING:
    from ..fit import Fit, Speed
    from ..fit.sized import Sized
    from ..graph.demand import Demand

_ANSWERS = {
    YES: "yes: it should fit",
    TIGHT: "perhaps: the prediction's error decides",
    NO: "no: it does not fit",
    UNKNOWN: "not known",
}


def lines(found: Sequence[tuple[Sized, list[Fit]]], *, several: bool, verbosity: int) -> Iterator[str]:
    """Of every variant. several: one row a board. verbosity: -1 answers alone, 1 every note."""
    for place, (sized, fits) in enumerate(found):
        if place and verbosity >= 0:
            yield ""
        if sized.variant is not None:
            yield one_line(f"{sized.model}/{sized.variant}")
        if sized.demand is None:
            yield f"not known: {sized.problem}"
            continue
        if verbosity >= 0:
            yield from _model(sized)
        if several:
            yield from _table(fits)
        else:
            for fit in fits:
                yield from _board(fit, verbosity)


def _model(sized: Sized) -> Iterator[str]:
    assert sized.demand is not None
    demand = sized.demand
    yield f"  weights      {bytes_text(demand.costs.weight_bytes)}"
    yield f"  activations  {_known(demand.costs.activation_bytes, demand, 'activation_bytes')}"
    macs = demand.costs.multiply_accumulates
    if macs is None:
        yield f"  arithmetic   unavailable: {demand.unavailable.get('multiply_accumulates', '')}"
    else:
        parts = ", ".join(f"{count_text(count)} in {dtype}" for dtype, count in (demand.macs or {}).items())
        yield f"  arithmetic   {count_text(macs)} multiply-accumulates" + (f" ({parts})" if parts else "")
    if demand.traffic is None:
        yield f"  traffic      unavailable: {demand.unavailable.get('traffic', '')}"
    else:
        least, most = bytes_text(demand.traffic.least_bytes), bytes_text(demand.traffic.bytes)
        yield f"  traffic      {least} at least, {most} without any cache between operators"
    if sized.open_dimensions:
        sizes = ", ".join(map(one_line, sized.open_dimensions))
        yield f"  say the size of {sizes}: --size NAME=N, or --input-shape NAME:1x3x224x224"


def _known(value: int | None, demand: Demand, key: str) -> str:
    return f"unavailable: {demand.unavailable.get(key, '')}" if value is None else bytes_text(value)


def _board(fit: Fit, verbosity: int) -> Iterator[str]:
    yield f"{one_line(fit.board)}: {_ANSWERS[fit.fits]} (estimate)"
    if verbosity < 0:
        return
    yield f"  RAM needed   {_need(fit)}, of Python, the runtime and the model together"
    size = "" if fit.room.ram_bytes is None else f" of {_ram(fit.room.ram_bytes)}"
    yield (
        f"  RAM there    {'unavailable' if fit.room.bytes is None else bytes_text(fit.room.bytes)}{size}: "
        + (fit.room.why)
    )
    if fit.fits != YES and fit.fits_from_bytes is not None:
        yield f"               it should fit the board with {_ram(fit.fits_from_bytes)}"
    for speed in fit.speeds:
        yield f"  {_processor(speed):24} {_speed(speed)}"
        yield from (f"  {'':24} {note}" for note in speed.notes if verbosity > 0)


def _need(fit: Fit) -> str:
    need = fit.need
    if need.likely_bytes is None or need.most_bytes is None:
        return f"at least {bytes_text(need.least_bytes)} (activations unavailable)"
    return (
        f"~{bytes_text(need.likely_bytes)} ({bytes_text(need.least_bytes)} to {bytes_text(need.most_bytes)})"
    )


def _there(fit: Fit) -> str:
    if fit.room.bytes is None:
        return "?"
    return f"{'<' if fit.room.is_all else ''}{bytes_text(fit.room.bytes)}"


def _ram(size: int) -> str:
    """RAM is sold in powers of two."""
    return f"{size / 2**30:g} GiB" if size >= 2**30 else f"{size / 2**20:g} MiB"


def _processor(speed: Speed) -> str:
    return speed.processor if speed.kind == CPU else f"{speed.processor} ({speed.kind})"


def _speed(speed: Speed) -> str:
    if speed.bound_s is None:
        return f"time unavailable: {speed.unavailable}"
    likely = "" if speed.likely_s is None else f"; likely {_range(speed.likely_s)} (estimate)"
    return f"at least {time_text(speed.bound_s)}, bound by {speed.bound_by}{likely}"


def _range(ends: tuple[float, float]) -> str:
    return f"{time_text(ends[0])} to {time_text(ends[1])}"


def _table(fits: Sequence[Fit]) -> Iterator[str]:
    columns = ["board", "RAM", "there", "needed", "fits", "processor", "at least", "likely (estimate)"]
    rows = []
    for fit in fits:
        speeds = [speed for speed in fit.speeds if speed.kind != CPU or speed.threads != 1] or fit.speeds
        for place, speed in enumerate(speeds):
            first = [
                one_line(fit.board),
                "?" if fit.room.ram_bytes is None else _ram(fit.room.ram_bytes),
                _there(fit),
                f"{'~' if fit.need.likely_bytes else '>'}"
                + bytes_text(fit.need.likely_bytes or fit.need.least_bytes),
                {TIGHT: "perhaps"}.get(fit.fits, fit.fits),
            ]
            bound = "?" if speed.bound_s is None else time_text(speed.bound_s)
            likely = "?" if speed.likely_s is None else _range(speed.likely_s)
            rows.append([*(first if place == 0 else [""] * 5), _processor(speed), bound, likely])
    yield from table(rows, columns, frozenset({2, 3, 6})).splitlines()
    yield "estimates by the profiles; ? where a profile has no figure: edgeai fit --device ID says which"
