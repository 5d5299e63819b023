"""`edgeai fit`: whether a model fits a board, and about how fast it may be there; nothing is run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError, one_line
from . import ANSWER_IS_NO, DONE, MISSING_HERE, options
from .output import json_option, verbosity_options, write_json

if TYPE_CHECKING:
    from ..device import DeviceProfile
    from ..fit import Fit
    from ..fit.sized import Sized, Sizes

_SCHEMA = 1


@click.command()
@click.argument("path", metavar="BUNDLE|MODEL", type=options.MODEL)
@click.option(
    "--device",
    metavar="ID",
    shell_complete=options.complete_devices,
    help="Judge for this board by its profile. Default: this machine and the RAM that is free now.",
)
@click.option("--all", "all_boards", is_flag=True, help="All boards that edgeai knows, a row each.")
@click.option(
    "--model", metavar="NAME", shell_complete=options.complete_models, help="Of a bundle, this model."
)
@click.option(
    "--variant", metavar="ID", shell_complete=options.complete_variants, help="Of a bundle, this variant."
)
@click.option("--threads", type=click.IntRange(1), metavar="N", help="Threads. Default: 1, and the board's.")
@click.option(
    "--size", "sizes", metavar="NAME=N", multiple=True, help="Size of a symbolic dimension, e.g. height=640."
)
@click.option(
    "--input-shape",
    "shapes",
    metavar="[NAME:]SIZES",
    multiple=True,
    help="Shape of an input, e.g. x:1x3x640x640; without a name it is that of the only one.",
)
@click.option(
    "--batch",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Size of a symbolic first dimension.",
)
@json_option
@verbosity_options
def fit(
    path: str,
    device: str | None,
    all_boards: bool,
    model: str | None,
    variant: str | None,
    threads: int | None,
    sizes: tuple[str, ...],
    shapes: tuple[str, ...],
    batch: int,
    as_json: bool,
    verbosity: int,
) -> None:
    """Say whether a model fits a board's RAM and how fast it may be there: an estimate, nothing is run.

    RAM: what a process with the model is likely to hold at its peak, with the prediction's error, against
    the board's RAM less what its system takes. Time: a bound that no run beats (arithmetic and memory at the
    profile's peak figures), and the range that published runs on such processors suggest. `edgeai bench`
    measures; what was published against what is predicted: benchmarks/results/fit-published.md.

    Exit codes: 0 it fits, or may; 1 it does not fit (with --all: no board); 2 the input is wrong; 3 it is not
    known, because sizes or shapes are missing.

    \b
    Examples:
      edgeai fit model.onnx --device raspberry-pi-zero-2-w
      edgeai fit faces.edge --all
      edgeai fit detector.onnx --input-shape x:1x3x640x640 --device raspberry-pi-5 --threads 2
      edgeai fit text.onnx --size tokens=128 --json
    """
    if all_boards and device is not None:
        raise UsageError("--all means every board; leave --device out")
    from ..fit import sized_demands
    from .fit_lines import lines

    sized = sized_demands(path, _sizes(sizes, shapes, batch), model, variant)
    found = [(one, _fits(one, device, all_boards, threads)) for one in sized]
    if as_json:
        write_json(_document(path, found))
    else:
        click.echo("\n".join(lines(found, several=all_boards, verbosity=verbosity)))
    click.get_current_context().exit(_code([each for _, fits in found for each in fits]))


def _fits(sized: Sized, device: str | None, all_boards: bool, threads: int | None) -> list[Fit]:
    from ..device import detect_profile, load_profile
    from ..fit import fit_board, fit_here

    if sized.demand is None:
        return []
    if device is None and not all_boards:
        return [fit_here(sized.demand, detect_profile(), threads)]
    boards = _boards() if device is None else [load_profile(device)]
    return [fit_board(sized.demand, board, threads) for board in boards]


def _boards() -> Iterator[DeviceProfile]:
    """Without the generic ones, of which nothing is known."""
    from ..device import load_profile, profile_ids

    yield from (board for board in map(load_profile, profile_ids()) if not board.match.machines)


def _code(fits: Sequence[Fit]) -> int:
    """The best variant and board decide: it is enough that one fits."""
    from ..fit import NO, TIGHT, YES

    answers = {each.fits for each in fits}
    if answers & {YES, TIGHT}:
        return DONE
    return ANSWER_IS_NO if answers == {NO} else MISSING_HERE


def _sizes(sizes: Iterable[str], shapes: Iterable[str], batch: int) -> Sizes:
    from ..fit import Sizes

    named = {}
    for text in sizes:
        name, _, number = text.rpartition("=")
        if not name or not options.is_whole(number):
            raise UsageError(f"--size {one_line(text)!r} is not like height=640")
        named[name] = int(number)
    return Sizes(named, options.parse_shapes(shapes), batch)


def _document(path: str, found: Sequence[tuple[Sized, list[Fit]]]) -> dict[str, object]:
    return {
        "schema": _SCHEMA,
        "kind": "edgeai.fit",
        "path": path,
        "is_estimate": True,
        "variants": [
            {
                "model": one.model,
                "variant": one.variant,
                "problem": one.problem,
                "open_dimensions": list(one.open_dimensions),
                "demand": None if one.demand is None else _demand(one.demand),
                "boards": [dataclasses.asdict(each) for each in fits],
            }
            for one, fits in found
        ],
    }


def _demand(demand: Any) -> dict[str, object]:
    return {
        "cost": demand.costs.to_json(),
        "macs": None if demand.macs is None else dict(demand.macs),
        "traffic": None if demand.traffic is None else dataclasses.asdict(demand.traffic),
        "unavailable": dict(demand.unavailable),
    }
