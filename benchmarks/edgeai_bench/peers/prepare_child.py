"""Prepares one model in a process of its own: `python -m edgeai_bench.peers.prepare_child`.

Takes `Asked` as a line of JSON on standard input, and says what was kept as one on standard output. The
command `edgeai prepare` does the same; here the suite's inputs go with it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from edgeai.errors import EdgeError
from edgeai.measure.protocol import InputRequest
from edgeai.wire import dumps, loads


@dataclass(frozen=True)
class Asked:
    """What to prepare; the fields are those of `edgeai.prepare.settings.SearchSettings`."""

    path: str
    model: str | None
    threads: int | None
    objective: str
    backends: tuple[str, ...]
    budget_s: float
    inputs: InputRequest


@dataclass(frozen=True)
class Told:
    """What was chosen, for rows. variant, backend, threads, form: see `edgeai.prepared.choice`."""

    variant: str
    backend: str
    threads: int
    form: str | None
    why: str
    tried: int
    written_bytes: int


def main() -> int:
    """Prepare, and say what was chosen; an error is one line."""
    from edgeai.prepare.preparing import prepare
    from edgeai.prepare.settings import SearchSettings

    asked = loads(Asked, sys.stdin.readline())
    settings = SearchSettings(
        budget_s=asked.budget_s,
        objective=asked.objective,
        threads=asked.threads,
        backends=asked.backends,
        inputs=asked.inputs,
    )
    try:
        made = prepare(asked.path, settings, model=asked.model)
    except EdgeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    choice = made.choice
    form = None if choice.form is None else choice.form.kind
    told = Told(
        choice.variant, choice.backend, choice.threads, form, made.why, len(made.tried), made.written_bytes
    )
    sys.stdout.write(f"{dumps(told)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
