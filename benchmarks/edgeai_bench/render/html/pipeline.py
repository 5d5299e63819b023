"""What the calls of a pipeline are made of, and how it keeps up with a stream."""

from __future__ import annotations

from edgeai.markup import Markup, element
from edgeai.quantities import digits, time_text

from ...figures import Latency
from ...pipeline_report import PipelineResult, StreamResult
from ...report import Report
from ..charts.bars import bar
from ..intervals import interval_text
from .parts import TOO_FEW, facts, section, table


def pipeline_section(report: Report) -> Markup:
    """Models, steps and the rest; each stage; the stream. Nothing for a model on tensors."""
    result = report.pipeline
    if result is None:
        return Markup()
    return section(
        "Pipeline",
        _made_of(result),
        _stages(result) if result.stages else "",
        "" if result.stream is None else _stream(result.stream),
    )


def _made_of(result: PipelineResult) -> Markup:
    parts = [("models", result.models), ("steps", result.steps), ("the rest", result.rest)]
    medians = [0.0 if part.p50 is None else part.p50.value for _, part in parts]
    most = max(medians) or 1.0
    rows = [
        [name, bar([(0.0, median / most, "step")]), _p50(part), _interval(part)]
        for (name, part), median in zip(parts, medians, strict=True)
    ]
    header = [("part of a call", ""), ("p50", "wide"), ("", "number"), ("[low, high]", "number")]
    return table("What a call is made of", header, rows, class_="bars")


def _stages(result: PipelineResult) -> Markup:
    header = [
        ("stage", "id"), ("p50", "number"), ("before", "number"), ("model", "number"), ("after", "number"),
        ("runs per call", "number"),
    ]  # fmt: skip
    rows = [
        [
            stage.name,
            *(
                "-" if part is None else _p50(part)
                for part in (stage.total, stage.pre, stage.run, stage.post)
            ),
            digits(stage.runs_per_call.value),
        ]
        for stage in result.stages
    ]
    return table("Stages, medians over the calls in which each had something to do", header, rows)


def _stream(stream: StreamResult) -> Markup:
    latency = stream.capture_to_result
    told = {
        "a hop every": time_text(stream.hop_s),
        "pushed at once": time_text(stream.chunk_s),
        "capture to result": "unknown: no window came to an answer"
        if latency is None
        else f"p50 {_p50(latency)} {_interval(latency)}, max {time_text(latency.max)}",
        "late": f"{stream.late:,} of {stream.answered:,} answers, past {time_text(stream.deadline_s)}",
        "real-time factor": f"{digits(stream.real_time_factor.value)} "
        f"{interval_text(stream.real_time_factor, digits)}",
        "CPU per second of it": f"{time_text(stream.cpu_s_per_s.value)} {interval_text(stream.cpu_s_per_s)}",
    }
    return element("div", element("h4", "In real time"), facts(told))


def _p50(latency: Latency) -> str:
    return TOO_FEW if latency.p50 is None else time_text(latency.p50.value)


def _interval(latency: Latency) -> str:
    return "" if latency.p50 is None else interval_text(latency.p50)
