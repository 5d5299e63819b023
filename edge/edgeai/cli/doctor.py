"""`edgeai doctor`: what is wrong with this board for inference."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from ..doctor import (
    CHECKS,
    SEVERITIES,
    Finding,
    Patient,
    examine,
    gravest_first,
    patient_here,
    patient_of_tree,
)
from ..doctor.finding import BROKEN, NOTE, UNKNOWN, WARNING
from ..errors import UsageError
from . import ANSWER_IS_NO, DONE
from .options import names
from .output import json_option, table, verbosity_options, write_json

_SCHEMA = 1
_COLORS = {BROKEN: "red", WARNING: "yellow", NOTE: "cyan", UNKNOWN: "magenta"}
_PLURALS = {BROKEN: "broken", WARNING: "warnings", NOTE: "notes", UNKNOWN: "unknown"}
_INDENT = " " * 9


@click.command()
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Look at a captured tree (proc, sys, etc) instead of this machine.",
)
@click.option("--only", metavar="CHECK,...", callback=names, help="Run these checks only: --only swap,wheel")
@click.option("--list", "list_checks", is_flag=True, help="List the checks, and run none.")
@json_option
@verbosity_options
def doctor(
    root: Path | None, only: tuple[str, ...] | None, list_checks: bool, as_json: bool, verbosity: int
) -> None:
    """Say what is wrong with this board for inference: what, why it matters, and what mends it.

    Nothing is changed. Accelerators are tried with a tiny model, in processes of their own. -q prints one
    line a finding; -v also names the checks that found nothing.

    Exit codes: 0 nothing is broken; 1 something is.

    \b
    Examples:
      edgeai doctor
      edgeai doctor --only throttling,under-voltage
      edgeai doctor --json > doctor.json
      edgeai doctor --root tests/boards/raspberry-pi-4
    """
    if only == ():
        raise UsageError("--only names no check; `edgeai doctor --list` shows all")
    if list_checks and as_json:
        raise UsageError("--json and --list exclude each other; choose one")
    if list_checks:
        click.echo(table([[name, check.help] for name, check in CHECKS.items()], ["check", "looks for"]))
        return
    patient = patient_here() if root is None else patient_of_tree(root)
    found = gravest_first(examine(patient, only))
    ran = [name for name in CHECKS if only is None or name in only]
    if as_json:
        write_json(_document(patient, ran, found))
    else:
        _print(patient, ran, found, verbosity)
    click.get_current_context().exit(ANSWER_IS_NO if _count(found, BROKEN) else DONE)


def _document(patient: Patient, ran: Sequence[str], found: Sequence[Finding]) -> dict[str, object]:
    """As `edgeai/doctor/doctor.schema.json` says."""
    return {
        "schema": _SCHEMA,
        "kind": "edgeai.doctor",
        "root": str(patient.root.path),
        "profile": patient.device.profile.id,
        "model": patient.device.model,
        "checks": list(ran),
        "findings": [dataclasses.asdict(finding) for finding in found],
        "counts": {severity: _count(found, severity) for severity in SEVERITIES},
        "broken": _count(found, BROKEN) > 0,
    }


def _print(patient: Patient, ran: Sequence[str], found: Sequence[Finding], verbosity: int) -> None:
    if verbosity >= 0:
        click.echo(f"{patient.device.profile.id}  {patient.device.model or patient.device.profile.name}\n")
    for finding in found:
        severity = click.style(f"{finding.severity:7}", fg=_COLORS[finding.severity], bold=True)
        click.echo(f"{severity}  {finding.check}: {finding.what}")
        if verbosity >= 0:
            click.echo(f"{_INDENT}why:  {finding.why}\n{_INDENT}mend: {finding.mend}\n")
    if verbosity > 0:
        silent = [name for name in ran if name not in {finding.check for finding in found}]
        click.echo(f"nothing to say: {', '.join(silent) or '-'}\n")
    click.echo(_counts(ran, found))


def _counts(ran: Sequence[str], found: Sequence[Finding]) -> str:
    """`21 checks: 1 broken, 2 warnings, 1 note, 3 unknown`."""
    parts = []
    for severity in SEVERITIES:
        count = _count(found, severity)
        parts.append(f"{count} {severity if count == 1 else _PLURALS[severity]}")
    return f"{len(ran)} {'check' if len(ran) == 1 else 'checks'}: {', '.join(parts)}"


def _count(found: Sequence[Finding], severity: str) -> int:
    return sum(finding.severity == severity for finding in found)
