"""What there is to say about the figures of a pipeline: what it was fed, what never ran, what came late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgeai.quantities import time_text

from .report import Doubt

if TYPE_CHECKING:
    from edgeai.measure.protocol import Measured, Probed

# Steps whose work depends on what is there; noise has no things, no text and nobody who speaks.
_MADE_UP = "give what your application sees or hears with --source FILE"


def about_source(probed: Probed) -> Iterator[Doubt]:
    """Where what was fed came from, if not from the user."""
    if probed.pipeline is None:
        return
    source = probed.pipeline.source
    if source.origin == "golden":
        yield Doubt("bundled_source", "note", f"ran on {source.told}", "give your own with --source FILE")
    elif source.origin == "synthetic":
        yield Doubt("synthetic_source", "note", f"ran on what was {source.told}", _MADE_UP)


def about_stages(probed: Probed, processes: Sequence[Measured]) -> Iterator[Doubt]:
    """Models that never ran, because nothing was found or a condition kept them from it."""
    if probed.pipeline is None:
        return
    ran = {
        stage.name
        for process in processes
        if process.pipeline is not None
        for stage in process.pipeline.stages
        if any(stage.runs)
    }
    pairs = zip(probed.pipeline.stages, probed.pipeline.models, strict=True)
    idle = [stage for stage, model in pairs if model and stage not in ran]
    if idle:
        yield Doubt("stages_idle", "note", f"on this source no model ran in: {', '.join(idle)}", _MADE_UP)


def about_deadlines(probed: Probed, processes: Sequence[Measured]) -> Iterator[Doubt]:
    """A stream that did not keep up, which is a finding and no doubt about the figures."""
    streams = [process.pipeline.stream for process in processes if process.pipeline is not None]
    known = [stream for stream in streams if stream is not None]
    late = sum(stream.late for stream in known)
    if probed.pipeline is None or probed.pipeline.hops is None or not late:
        return
    hops = probed.pipeline.hops
    deadline_s = max(hops.hop_s, hops.chunk_s)
    answered = sum(stream.answered for stream in known)
    worst = max(stream.busy_s / stream.stream_s for stream in known)
    yield Doubt(
        "deadlines_missed",
        "note",
        f"{late} of {answered} answers in real time came over {time_text(deadline_s)} after their last "
        f"sample; processing took {worst:.0%} of the time",
        "a faster variant or backend, other --threads, or larger chunks where the delay may grow"
        if worst > 0.5
        else "something interrupts: other programs, a clock that scales down between chunks",
    )
