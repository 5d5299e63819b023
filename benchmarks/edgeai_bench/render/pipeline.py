"""The part of a page that is about a pipeline: what its calls are made of, and how it keeps up."""

from __future__ import annotations

from collections.abc import Iterator

from edgeai.cli.output import table
from edgeai.quantities import digits, time_text

from ..figures import Latency
from ..pipeline_report import PipelineResult, StageResult, StreamResult
from .intervals import interval_text

PIPELINE_COLUMNS = ("in models", "RTF", "late")
"""What the overview has besides where any run is a pipeline's."""
PIPELINE_LEGEND = (
    "\nin models = p50 of the time inside the models of a pipeline; RTF = processing by length of a stream\n"
    "in real time; late = its answers past their deadline"
)


def pipeline_cells(result: PipelineResult | None) -> dict[str, str]:
    """A run's cells in those columns."""
    stream = None if result is None else result.stream
    return {
        "in models": "" if result is None else _p50(result.models),
        "RTF": "" if stream is None else digits(stream.real_time_factor.value),
        "late": "" if stream is None else f"{stream.late} of {stream.answered}",
    }


def pipeline_lines(result: PipelineResult) -> Iterator[str]:
    """Below the latency of the whole call."""
    rest = "decoding and the rest" if result.source_kind == "image" else "the rest"
    yield (
        f"{'of which':<11}models {_p50(result.models)}, steps {_p50(result.steps)}, "
        f"{rest} {_p50(result.rest)} (p50 of each)"
    )
    rows = [_row(stage) for stage in result.stages]
    header = ["stage", "p50", "before", "model", "after", "runs per call"]
    for line in table(rows, header, frozenset(range(1, len(header)))).splitlines():
        yield f"{'':<11}{line}"


def stream_lines(stream: StreamResult) -> Iterator[str]:
    """A stream in real time."""
    latency = stream.capture_to_result
    chunk = "" if stream.chunk_s == stream.hop_s else f", in chunks of {time_text(stream.chunk_s)}"
    yield f"{'real time':<11}a hop every {time_text(stream.hop_s)}{chunk}; {_late(stream)}"
    if latency is None:
        yield f"{'':<11}capture to result unknown: no window came to an answer"
    else:
        p50 = "too few samples" if latency.p50 is None else time_text(latency.p50.value)
        interval = "" if latency.p50 is None else f" {interval_text(latency.p50)}"
        p99 = "" if latency.p99 is None else f", p99 {time_text(latency.p99.value)}"
        yield f"{'':<11}capture to result p50 {p50}{interval}{p99}, max {time_text(latency.max)}"
    yield (
        f"{'':<11}real-time factor {digits(stream.real_time_factor.value)}, "
        f"CPU {time_text(stream.cpu_s_per_s.value)} per second of the stream"
    )


def _late(stream: StreamResult) -> str:
    within = time_text(stream.deadline_s)
    return f"{stream.late} of {stream.answered} answers later than {within} after their last sample"


def _row(stage: StageResult) -> list[str]:
    name = stage.name if stage.model in {None, stage.name} else f"{stage.name} ({stage.model})"
    runs = "" if stage.model is None else digits(stage.runs_per_call.value)
    return [name, _p50(stage.total), _p50(stage.pre), _p50(stage.run), _p50(stage.post), runs]


def _p50(latency: Latency | None) -> str:
    return "-" if latency is None or latency.p50 is None else time_text(latency.p50.value)
