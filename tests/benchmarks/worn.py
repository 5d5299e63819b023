"""Backends that wear out, written as modules of their own for real worker processes: a leak, a late crash."""

from __future__ import annotations

from pathlib import Path

_MODULE = '''
"""Made by tests/benchmarks/worn.py."""

import os
import signal
import time

from edgeai.testing import FakeBackend

RUNS = 0
HELD = []


class WornBackend(FakeBackend):
    name = "worn"

    def open(self, variant, options):
        runner = super().open(variant, options)
        run = runner.run

        def worn(inputs, out=None):
            global RUNS
            RUNS += 1
            {wear}
            return run(inputs, out)

        runner.run = worn
        return runner
'''


def write_worn_backend(folder: Path, wear: str) -> str:
    """A backend that does `wear`, a line of Python that knows RUNS and HELD, at each run; its name.

    The folder has to be in PYTHONPATH.
    """
    name = f"worn_{abs(hash(wear))}"
    (folder / f"{name}.py").write_text(_MODULE.format(wear=wear))
    return f"{name}:WornBackend"
