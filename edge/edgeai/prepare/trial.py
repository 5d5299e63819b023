"""Tries ways one after the other, each in a process of its own next to one that stays alive and runs raw.

Both take turns, so that what slows the machine down slows both, and the one that waits is stopped, so that
its spinning threads take nothing from the other. A way that crashes, hangs or gives other outputs is lost,
and says why; no more than two such processes live at once.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EdgeError, one_line
from ..measure.alternate import Arm, PairRule, alternate, run_pair
from ..measure.launch import Conversation, talking_to
from ..measure.pinning import shared_cpus
from ..measure.protocol import ModelRequest, Request, Turned
from ..measure.timing import WarmUpRule
from ..sysroot import SysRoot
from ..wire import build
from .figures import Figures, figures_of

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..prepared.choice import Choice

WARM_UP = WarmUpRule(min_runs=3, min_s=0.05, max_s=0.3, block_runs=3, block_s=0.015)
"""Short: of two programs that take turns, one that is not quite warm is soon."""
TURNS = PairRule(min_turns=4, seconds=0.3, freeze=True)
"""Of a first look. Turns of 10 ms: 30 of them, 15 a side; of a model that takes longer, 4 calls a side."""
LONGER = replace(TURNS, min_turns=6, seconds=0.6)
"""Of a second look, and of a pair of the duel, of which more tell more than longer ones."""


class Lost(EdgeError):  # noqa: N818 - caught by the search, which goes on
    """A way cannot be used; the message says why, without naming the model."""


@dataclass(frozen=True)
class Pair:
    """One pair of fresh processes. a_s, b_s: p50 of each turn; turn i of both ran next to each other."""

    a: Figures
    b: Figures
    a_s: tuple[float, ...]
    b_s: tuple[float, ...]


def request_of(
    raw: Request, choice: Choice, folder: Path | None, tolerance: dict[str, float] | None
) -> Request:
    """Asks for a choice instead of what raw opens."""
    model = ModelRequest(
        raw.model.model,
        backend=choice.backend,
        name=raw.model.name,
        choice=choice,
        choice_folder=None if folder is None else str(folder),
    )
    return replace(raw, model=model, tolerance=tolerance)


def on_cpus(request: Request, threads: int, turn: int = 0) -> Request:
    """The same on as many CPUs as threads, where there are more."""
    return replace(request, cpus=shared_cpus(threads, turn, os.sched_getaffinity(0), SysRoot()))


class Trials:
    """Holds raw alive. A context manager; leaving it ends the process.

    raw: its request. threads: that raw runs. silence_s: how long a way may say nothing.
    """

    def __init__(self, raw: Request, threads: int, silence_s: float) -> None:
        self._raw, self._threads = on_cpus(raw, threads), threads
        self._silence_s = silence_s
        self._stack = ExitStack()
        self._beside: Conversation | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def close(self) -> None:
        """End the process that runs raw."""
        self._stack.close()
        self._beside = None

    def measure(self, request: Request, threads: int, rule: PairRule = TURNS) -> Figures:
        """Try one way. Raises Lost, or WorkerError where raw itself cannot be kept alive."""
        request = replace(request, turns=True, cpus=self._raw.cpus if threads <= self._threads else ())
        beside = self._living()
        try:
            with talking_to(request, on_event=_nothing, silence_s=self._silence_s) as own:
                own.wait_for("ready")
                own.say("load")
                own.wait_for("warm")
                own.freeze()
                raw_turns, own_turns = alternate(beside, own, rule)
                own.thaw()
                own.say("end")
                told: Turned = build(Turned, own.wait_for("result")["result"])
        except EdgeError as error:
            if not beside.is_alive:  # the kernel may have chosen it when memory ran out
                self.close()
                raise Lost(f"memory ran out beside it: {one_line(error)}") from error
            raise Lost(one_line(error, 400)) from error
        if told.output_error is not None:
            raise Lost(f"its outputs are not raw's: {told.output_error}")
        return figures_of(own_turns, raw_turns, told)

    def _living(self) -> Conversation:
        if self._beside is None or not self._beside.is_alive:
            self.close()
            self._start()
        assert self._beside is not None
        return self._beside

    def _start(self) -> None:
        beside = self._stack.enter_context(
            talking_to(replace(self._raw, turns=True), on_event=_nothing, silence_s=self._silence_s)
        )
        beside.wait_for("ready")
        beside.say("load")
        beside.wait_for("warm")
        beside.freeze()
        self._beside = beside


def measure_pair(
    a: Request, b: Request, threads: int, number: int, *, rule: PairRule = LONGER, silence_s: float
) -> Pair:
    """Pair `number` of fresh processes, A against B. Raises Lost where either fails."""
    one, two = (on_cpus(each, threads, number) for each in (a, b))
    try:
        arm_a, arm_b = run_pair(one, two, rule, b_first=number % 2 == 1, silence_s=silence_s)
    except EdgeError as error:
        raise Lost(one_line(error, 400)) from error
    for arm in (arm_a, arm_b):
        if arm.told.output_error is not None:
            raise Lost(f"its outputs are not raw's: {arm.told.output_error}")
    return Pair(
        figures_of(arm_a.turns, arm_a.turns, arm_a.told),
        figures_of(arm_b.turns, arm_a.turns, arm_b.told),
        _seconds(arm_a),
        _seconds(arm_b),
    )


def _seconds(arm: Arm) -> tuple[float, ...]:
    return tuple(max(turn.median_ns, 1) / 1e9 for turn in arm.turns)


def _nothing(event: dict[str, object]) -> None:
    """What a trial says on its way is of no use."""
