"""Calls the command `edgeai` as a shell would, in this process: what it printed, and its exit code."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from typing import Any

from edgeai.cli import main


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


def call(*words: object) -> Done:
    """Run `edgeai WORDS...`; standard output and error are no terminals."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["edgeai", *map(str, words)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code
    else:
        raise AssertionError("main() ends in sys.exit")
    finally:
        sys.argv = before
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())
