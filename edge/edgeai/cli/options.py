"""Options and completions that the commands on bundles share."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..backends import BACKENDS
from ..device import profile_ids
from ..errors import EdgeError, UsageError, one_line
from ..included import find_model, included_names

# Strings, and no check of ours: what is wrong with a path is said by who opens it, in one line.
FILE = click.Path(allow_dash=True)
FOLDER = click.Path(file_okay=False)

SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
"""Of a unit of time."""
# As many digits as have a meaning: Python itself refuses to read a number of thousands of them.
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)?")
_LONGEST_S = 7 * 24 * 3600.0  # the kernel's waits end at 24 days
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(k|m|g|t|ki|mi|gi|ti)?b?", re.IGNORECASE)
_SIZES = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


class ModelPath(click.Path):
    """A path of a bundle or a model, or the bare name of an included one, which becomes its path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Find it; that a file stands in front of an included model is told on standard error."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = find_model(value)
        if ctx is None or not ctx.resilient_parsing:
            for warning in caught:
                click.echo(f"edgeai: warning: {one_line(warning.message)}", err=True)
        return super().convert(value if found == Path(value) else str(found), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Included models and files. Shells list files themselves only where nothing else is offered."""
        names = [name for name in included_names() if name.startswith(incomplete)]
        if not names:
            return [CompletionItem(incomplete, type="file")]
        here = sorted(path for path in Path().iterdir() if path.name.startswith(incomplete))
        files = [f"{path}/" if path.is_dir() else str(path) for path in here if path.name[0] != "."]
        return [CompletionItem(text) for text in [*names, *files]]


MODEL = ModelPath(allow_dash=True)


def names(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """`cuda,cpu` as a tuple."""
    return None if text is None else tuple(part for part in re.split(r"[,\s]+", text) if part)


def duration(text: str) -> float:
    """`500ms`, `10s`, `2m` or `1h` in seconds; a bare number is seconds."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{one_line(text)!r} is no duration like 500ms, 10s or 2m")
    seconds = float(found[1]) * SECONDS[found[2] or "s"]
    if seconds > _LONGEST_S:
        raise click.BadParameter(f"{text!r} is longer than 7 days")
    return seconds


def size_like(example: str) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    """Reads `500MB` or `2GiB` as bytes; a bare number is bytes. example: what a mistake is answered with."""

    def size(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
        if text is None:
            return None
        found = _SIZE.fullmatch(text.strip())
        if found is None:
            raise click.BadParameter(f"{one_line(text)!r} is no size like {example}")
        return int(float(found[1]) * _SIZES[(found[2] or "").lower()])

    return size


def is_whole(text: str) -> bool:
    """Whether a text is a whole number from 1 that a size or a count can be."""
    return re.fullmatch(r"0*[1-9]\d{0,17}", text, re.ASCII) is not None


def parse_shapes(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """`x:1x3x640x640`, or `1,3,640,640` for the one input (its name is empty). Raises UsageError."""
    shapes: dict[str, tuple[int, ...]] = {}
    for text in texts:
        # A name may hold colons itself (`serving_default_x:0`): the sizes are behind the last.
        name, _, sizes = text.rpartition(":")
        parts = re.split(r"[x,]", sizes) if sizes else []
        if not all(is_whole(part) for part in parts):
            raise UsageError(f"--input-shape {one_line(text)!r} is not like x:1x3x640x640 or 1x3x640x640")
        shapes[name] = tuple(int(part) for part in parts)
    return shapes


class NumberRange(click.FloatRange):
    """Numbers of a range, and never nan, which compares with no end of it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what is no number."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


def complete_meters(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of the table of meters."""
    from ..power import METERS

    return [name for name in METERS if name.startswith(incomplete)]


def complete_backends(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of the table of backends."""
    return [name for name in BACKENDS if name.startswith(incomplete)]


def complete_devices(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of device profiles."""
    return [id_ for id_ in profile_ids() if id_.startswith(incomplete)]


def complete_models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Models of the bundle that stands before."""
    return [model.name for model in _models(context) if model.name.startswith(incomplete)]


def complete_variants(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Variants of the bundle that stands before."""
    ids = dict.fromkeys(variant.id for model in _models(context) for variant in model.variants)
    return [id_ for id_ in ids if id_.startswith(incomplete)]


def load_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What `edgeai.load` takes to open a model: backend, device, threads, providers, signature."""
    for option in reversed(_LOAD):
        command = option(command)
    return command


_LOAD = (
    click.option(
        "--backend",
        metavar="NAME",
        shell_complete=complete_backends,
        help="Run it on this backend. Default: the device's first that reads the file.",
    ),
    click.option(
        "--device",
        metavar="ID",
        shell_complete=complete_devices,
        help="Take defaults from this profile instead of the detected one.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(1),
        metavar="N",
        help="Threads of a model. Default: the device profile's.",
    ),
    click.option(
        "--providers",
        metavar="NAME[,NAME]",
        callback=names,
        help="Execution providers in order, e.g. cuda,cpu.",
    ),
    click.option("--signature", metavar="NAME", help="Which signature of a bare TFLite model to run."),
)


def _models(context: click.Context) -> Any:
    """None where there is no bundle yet, or none that can be read: a completion never fails."""
    from ..showing import look

    # click stops at the option whose value is being typed, and has put no argument in its place by then.
    path = context.params.get("path") or next(iter(context.args), "")
    try:
        with look(path) as looked:
            return looked.bundle.models
    except EdgeError:
        return ()
