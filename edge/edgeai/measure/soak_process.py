"""The job of a worker that soaks one model, or one pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conditions import change_between, read_conditions, read_throttling
from .long_runs import SoakMeasured
from .memory import read_anonymous
from .phases import Say
from .protocol import Request
from .soak import Glance, SoakBuffer, soak
from .timing import warm_up

if TYPE_CHECKING:
    from .worker import Ready


def run_soak(ready: Ready, request: Request, say: Say) -> SoakMeasured:
    """Warm up, then call back to back for as long as asked."""
    assert request.soak_s is not None
    root, buffer = ready.root, SoakBuffer(request.soak_s)
    session, _, output_error = ready.load()
    call = ready.subject.start()
    say("phase", name="warm-up")
    warm_up(call, request.warm_up, on_progress=ready.alive)

    seen: set[str] = set()

    def look(now_s: float) -> Glance:
        seen.update(read_throttling(root).now)
        conditions = read_conditions(root)
        clocks = [hz for hz in conditions.frequencies_hz if hz is not None]
        return Glance(
            now_s,
            read_anonymous(ready.own),
            sum(clocks) / len(clocks) if clocks else None,
            max(conditions.temperatures_c.values(), default=None),
        )

    def tell(share: float) -> None:
        assert request.soak_s is not None
        say("progress", share=share, left_s=request.soak_s * (1 - share))

    look(0.0)  # once before, so that what it allocates is no growth
    ready.phases.begin("soak")
    before = read_conditions(root)
    soak(call, buffer, look, tell=tell)
    after = read_conditions(root)
    ready.phases.end("soak")
    return SoakMeasured(
        block_s=buffer.block_s,
        blocks=buffer.blocks,
        glances=buffer.glances,
        peak_bytes=ready.phases.ended[-1].memory.peak_bytes,
        phases=tuple(ready.phases.ended),
        before=before,
        after=after,
        change=change_between(before, after, seen=[tuple(sorted(seen))]),
        output_error=output_error or ready.subject.last_error(),
        provider=session.provider,
    )
