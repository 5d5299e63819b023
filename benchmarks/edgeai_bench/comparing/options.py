"""What `edgeai bench` is asked to compare: options, and whether they fit together."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edgeai.errors import UsageError, one_line

from ..options import FILE, MODEL
from .gate import Limits

Function = TypeVar("Function", bound=Callable[..., Any])
_PERCENT = re.compile(r"(\d{1,5}(?:\.\d{1,5})?)\s*%")


def percent(text: str) -> float:
    """`5%` as 0.05."""
    found = _PERCENT.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{one_line(text)!r} is no percentage like 5%")
    return float(found[1]) / 100


@dataclass(frozen=True)
class Asked:
    """What was asked for of comparisons. saved: two documents. against: the model that is B."""

    saved: tuple[Path, Path] | None
    against: Path | None
    self_test: bool
    limits: Limits
    junit: Path | None

    @property
    def is_live(self) -> bool:
        """Whether two programs are to take turns."""
        return self.against is not None or self.self_test

    @property
    def is_asked(self) -> bool:
        """Whether anything is to be compared."""
        return self.saved is not None or self.is_live

    def check(self) -> None:
        """Raises UsageError where options do not fit together."""
        ways = [
            name
            for name, given in (
                ("--compare", self.saved is not None),
                ("--against", self.against is not None),
                ("--self-test", self.self_test),
            )
            if given
        ]
        if len(ways) > 1:
            raise UsageError(f"{' and '.join(ways)} do not go together; choose one")
        has_limits = self.limits != Limits()
        if self.self_test and (has_limits or self.junit is not None):
            raise UsageError("--self-test compares a model with itself; leave --fail-if-... and --junit out")
        if has_limits and not ways:
            raise UsageError(
                "--fail-if-slower and --fail-if-bigger need something to compare: --against MODEL, or "
                "--compare A.json B.json"
            )
        if self.junit is None:
            return
        if not has_limits:
            raise UsageError(
                "--junit writes what gates found; give --fail-if-slower 5% or --fail-if-bigger 5%"
            )
        if not self.junit.parent.is_dir():  # before anything is measured for minutes
            raise UsageError(
                f"--junit {one_line(self.junit)}: there is no folder {one_line(self.junit.parent)}"
            )


def comparison_options(command: Function) -> Function:
    """Add the options of comparing as one argument `comparing`, an `Asked`."""

    @functools.wraps(command)
    def with_asked(
        *args: Any,
        saved: tuple[Path, Path] | None,
        against: Path | None,
        slower: float | None,
        bigger: float | None,
        self_test: bool,
        junit: Path | None,
        **options: Any,
    ) -> Any:
        asked = Asked(saved or None, against, self_test, Limits(slower, bigger), junit)
        asked.check()
        return command(*args, comparing=asked, **options)

    shown: Any = with_asked
    for option in reversed(_OPTIONS):
        shown = option(shown)
    return cast(Function, shown)


_OPTIONS = (
    click.option(
        "--compare",
        "saved",
        nargs=2,
        type=FILE,
        metavar="A.json B.json",
        help="Compare two documents that `edgeai bench --json` wrote, run by run.",
    ),
    click.option(
        "--against",
        type=MODEL,
        metavar="MODEL",
        help="Compare with this model, both alive, in turns (A B B A): edgeai bench a.onnx --against "
        "b.tflite. In 9 to 25 pairs of processes (quick: 5 to 15), or --processes N. A second name in "
        "--backend or --variant is b's.",
    ),
    click.option(
        "--fail-if-slower",
        "slower",
        type=percent,
        metavar="N%",
        help="Exit code 1 where latency, load or CPU time of B is surely so much larger: the whole interval "
        "is past it, e.g. 5%.",
    ),
    click.option(
        "--fail-if-bigger",
        "bigger",
        type=percent,
        metavar="N%",
        help="The same of RAM: peak, and above the baseline.",
    ),
    click.option(
        "--self-test",
        is_flag=True,
        help="Compare a model (default: digits) with itself: which change could be seen on this machine.",
    ),
    click.option("--junit", type=FILE, metavar="FILE", help="Also write what the gates found as JUnit XML."),
)
