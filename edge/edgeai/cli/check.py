"""`edgeai check`: whether a bundle or a model is sound, and whether this machine can run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import ANSWER_IS_NO, DONE, MISSING_HERE, WRONG_INPUT, options
from .output import json_option, verbosity_options, write_json

if TYPE_CHECKING:
    from ..checking import Check

_SCHEMA = 1


@click.command()
@click.argument("path", metavar="BUNDLE|MODEL", type=options.MODEL)
@click.option(
    "--device",
    metavar="ID",
    shell_complete=options.complete_devices,
    help="Judge for this board by its profile; nothing is opened or run.",
)
@json_option
@verbosity_options
def check(path: str, device: str | None, as_json: bool, verbosity: int) -> None:
    """Check that a bundle or a model is sound and runs on this machine, and say why not.

    Files and hashes, the manifest, steps and their libraries, every variant, and golden samples on each
    variant that runs here. -q prints what failed and the answer only, -v every file.

    Exit codes: 0 it is sound and runs; 1 it does not run here, or a sample comes out wrong; 2 it is damaged
    or wrongly made; 3 something has to be installed first.

    \b
    Examples:
      edgeai check faces.edge
      edgeai check faces.edge --device raspberry-pi-5
      edgeai check model.tflite && echo fine
    """
    from ..checking import run_checks, worst_fault

    checks: list[Check] = []
    for each in run_checks(path, device):
        checks.append(each)
        if not as_json and (each.fault or verbosity >= each.is_detail):
            click.echo(_line(each))
    fault = worst_fault(checks)
    if as_json:
        write_json(_document(path, device, checks, fault))
    else:
        click.echo(_answer(fault, device))
    click.get_current_context().exit(_code(fault))


def _line(each: Check) -> str:
    return f"{each.outcome:8}{each.what:12}  {each.why}"


def _answer(fault: str | None, device: str | None) -> str:
    from ..checking import DAMAGED, MISSING

    where = "here" if device is None else f"on {device}"
    if fault is None:
        return f"yes: it is sound and runs {where}" if device is None else f"yes: it should run {where}"
    if fault == DAMAGED:
        return "no: it is damaged or wrongly made"
    return f"not yet {where}: something is missing" if fault == MISSING else f"no: not {where}"


def _code(fault: str | None) -> int:
    from ..checking import DAMAGED, MISSING, NO

    return {None: DONE, DAMAGED: WRONG_INPUT, NO: ANSWER_IS_NO, MISSING: MISSING_HERE}[fault]


def _document(path: str, device: str | None, checks: list[Check], fault: str | None) -> dict[str, object]:
    return {
        "schema": _SCHEMA,
        "kind": "edgeai.check",
        "path": path,
        "device": device,
        "passed": fault is None,
        "fault": fault,
        "checks": [
            {"what": each.what, "outcome": each.outcome, "why": each.why, "fault": each.fault}
            for each in checks
        ],
    }
