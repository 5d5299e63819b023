"""One core under load: runs the included model `digits` on one CPU, on and off as it is told.

Run as `python -m edgeai.measure.core_load_process CPU`. It prints what it loads with, then reads single
letters from standard input: `1` run, `0` rest. It ends with the input, and where its parent dies.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable

from ..errors import EdgeError
from .dying import die_with_parent

_TURN_S = 0.02
"""Work between two looks at the input: a board stops soon enough, and looking costs nothing."""


def main() -> None:
    """Load the CPU of the command line until the input ends."""
    die_with_parent()
    os.sched_setaffinity(0, {int(sys.argv[1])})  # before the model: threads that it starts inherit it
    work, name = _work()
    print(name, flush=True)  # noqa: T201 - read by core_load
    order = os.read(0, 1)
    while order:
        if order == b"0" or select.select([0], [], [], 0)[0]:
            order = os.read(0, 1)
            continue
        end_s = time.monotonic() + _TURN_S
        while time.monotonic() < end_s:
            work()


def _work() -> tuple[Callable[[], object], str]:
    """Something of about 0.1 ms, and its name: an inference, or where no backend opens the model a loop."""
    try:
        import numpy as np

        from ..included import included_path
        from ..opening import open_session

        session = open_session(
            included_path("digits"), device=None, backend=None, threads=1, providers=None, signature=None
        )
        image = np.random.default_rng(0).random((1, 1, 28, 28), np.float32)  # as digits takes it
        session.run(image)
    except EdgeError:
        return (lambda: sum(range(5_000))), "a counting loop, because no backend opens the model digits"
    return (lambda: session.run(image)), "inferences of the model digits"


if __name__ == "__main__":
    main()
