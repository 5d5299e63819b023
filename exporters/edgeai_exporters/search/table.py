"""What was found, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .found import FLOAT, Found

_HEAD = ("variant", "quality", "drop", "latency", "of float", "size", "kept", "")
_RIGHT = frozenset({1, 2, 3, 4, 5, 6})


def render_found(found: Sequence[Found], best: Collection[Found]) -> str:
    """One line a variant: `*` marks those that no other beats; what is outside the budget or slower says so.

    Latencies in ms, sizes in MB (10^6 bytes), `-` for what is not known.
    """
    rows = [_HEAD, *(_row(each, each in best) for each in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in _RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def render_sensitivities(found: Found, limit: int = 10) -> str:
    """The layers that lose most, one a line; `*` marks those at another level, whose name follows."""
    own = [each for each in found.sensitivities if each.level == found.scheme]
    worst = sorted(own, key=lambda each: -each.loss)[:limit]
    width = max((len(each.layer) for each in worst), default=0)
    lines = [f"loss by layer, {found.loss}:"] if worst else []
    for each in worst:
        mark = "*" if each.layer in found.levels else " "
        gain = "" if each.gain_s is None else f"  saves {each.gain_s * 1e3:8.4f} ms"
        level = found.levels.get(each.layer, "")
        lines.append(f"{mark} {each.layer:{width}}  {each.loss:9.2e}{gain}  {level}".rstrip())
    return "\n".join(lines)


def _row(each: Found, is_best: bool) -> tuple[str, ...]:
    timing = each.timing
    ratio = None if timing is None else timing.ratio
    return (
        ("* " if is_best else "  ") + each.scheme,
        f"{each.quality.mean:.4f}",
        "" if each.scheme == FLOAT else f"{each.quality.drop:+.4f}",
        "-" if timing is None else f"{timing.latency_s * 1e3:.3g} ms",
        "-" if ratio is None else f"{ratio.value:.2f}",
        f"{each.size_bytes / 1e6:.1f} MB",
        f"{len(each.levels)}/{each.layers}" if each.layers else "",
        _doubt(each),
    )


def _doubt(each: Found) -> str:
    if not each.is_within:
        return "outside the budget"
    return "slower than float" if each.is_slower else ""
