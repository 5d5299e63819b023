"""What `edgeai parity` prints: a line a variant, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeai.cli.output import table as columns_of
from edgeai.errors import one_line
from edgeai.measure.statistics import Estimate
from edgeai.quantities import bytes_text, time_text

from ..quality import Quality
from .document import plain

SCHEMA, KIND = 1, "edgeai.parity"


def proof_document(found: Sequence[Quality], skipped: Sequence[str]) -> dict[str, Any]:
    """As JSON types. passes: whether every variant that ran does."""
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "passes": all(each.passes for each in found),
        "variants": [plain(each.to_json(latency=True)) for each in found],
        "skipped": list(skipped),
    }


def proof_table(found: Sequence[Quality], skipped: Sequence[str]) -> str:
    """A page of text."""
    first = found[0]
    header = ["variant", "size", "max error", "mean error", "cosine", "worst", "agrees", first.metric.name]
    header += ["drop", "[low, high]", "latency", "ratio", "result"]
    rows = [_row(each) for each in found]
    lines = [columns_of(rows, header, frozenset(range(1, len(header) - 1)))]
    lines += [f"{one_line(each.variant)}: {one_line(each.why, 1000)}" for each in found if each.why]
    lines += [f"skipped: {one_line(each, 1000)}" for each in skipped]
    probes = ", ".join(dict.fromkeys(probe.name for each in found for probe in each.probes))
    lines.append(
        f"data: {one_line(first.data)}, {first.samples} samples" + (f"; also {probes}" if probes else "")
    )
    return "\n".join(lines)


def _row(quality: Quality) -> list[str]:
    metric, latency = quality.metric, quality.latency
    ratio = None if latency is None else latency.ratio
    return [
        one_line(quality.variant, 60),
        bytes_text(quality.size_bytes),
        _digits(quality.max_error),
        _digits(quality.mean_error),
        f"{quality.cosine:.6f}",
        f"{quality.worst_cosine:.6f}",
        "-" if quality.top1_agreement is None else f"{quality.top1_agreement:.4f}",
        f"{metric.value.value:.4f}",
        f"{metric.drop.value:+.4f}",
        _interval(metric.drop),
        "-" if latency is None else time_text(latency.latency_s),
        "-" if ratio is None else f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]",
        "ok" if quality.passes else "FAILS",
    ]


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"[{estimate.low:+.4f}, {estimate.high:+.4f}]"
