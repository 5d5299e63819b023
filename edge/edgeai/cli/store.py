"""`edgeai store`: the bundles that were unpacked on this machine, and what was prepared for it."""

from __future__ import annotations

import dataclasses
import re
import time

import click

from ..errors import UsageError, one_line
from ..home import home_folder
from ..prepared.contents import StoredPrepared, collect_all, list_judged
from ..prepared.find import prepared_folder
from ..prepared.written import written_ever
from ..store import Collected, Removed, Store, Stored
from . import options
from .output import json_option, table, verbosity_options, write_json

_SCHEMA = 1

_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_AGE = re.compile(_NUMBER + "(m|h|d|w)")
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_AGES = ((604800.0 * 2, 604800.0, "weeks"), (86400.0 * 2, 86400.0, "days"))


@click.group(invoke_without_command=True)
@click.pass_context
def store(context: click.Context) -> None:
    """List and clean the store: packed bundles, each unpacked once, and what `edgeai prepare` made of models
    for this device.

    \b
    It lies in $EDGEAI_HOME, else $STATE_DIRECTORY (a systemd service), else
    $XDG_CACHE_HOME/edgeai, else ~/.cache/edgeai, else /var/lib/edgeai.

    \b
    Examples:
      edgeai store list
      edgeai store gc --older-than 30d
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@store.command("list")
@json_option
@verbosity_options
def list_bundles(as_json: bool, verbosity: int) -> None:
    """List the unpacked bundles and the prepared models, last used first; -q prints identities only, -v adds
    the folders.

    A prepared model is stale where it was made for another device or with other software: its model then runs
    as it came, until `edgeai prepare` makes it anew.

    \b
    Examples:
      edgeai store list
      edgeai store list -q
      edgeai store list --json
    """
    place = Store(home_folder())
    bundles, prepared = place.list(), list_judged(place.home)
    written_bytes = written_ever(prepared_folder(place.home))
    if as_json:
        listed = [_fields(each) for each in bundles]
        models = [_prepared_fields(each) for each in prepared]
        write_json(
            _document(
                "edgeai.store.list", place, bundles=listed, prepared=models, written_bytes=written_bytes
            )
        )
    elif verbosity < 0:
        for each in (*bundles, *(model.stored for model in prepared)):
            click.echo(each.identity)
    else:
        _print_listings(place, bundles, prepared, written_bytes, verbosity)


def _age(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """`12h` or `30d` in seconds."""
    if text is None:
        return None
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{one_line(text)!r} is no time like 12h, 30d or 8w")
    return float(found[1]) * _SECONDS[found[2]]


@store.command()
@click.option(
    "--max-size",
    "max_bytes",
    metavar="SIZE",
    callback=options.size_like("500MB or 2GiB"),
    help="Keep at most this much, as 500MB.",
)
@click.option(
    "--older-than", "older_than_s", metavar="TIME", callback=_age, help="Remove what was not used for 30d."
)
@click.option("--all", "everything", is_flag=True, help="Remove everything that is not in use.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
@verbosity_options
def gc(
    max_bytes: int | None,
    older_than_s: float | None,
    everything: bool,
    dry_run: bool,
    as_json: bool,
    verbosity: int,
) -> None:
    """Remove bundles and prepared models from the store: damaged and stale ones and what was left of
    interrupted work always, others by the options. Those in use stay. -q prints identities only.

    \b
    Examples:
      edgeai store gc                              what is damaged, stale or left over
      edgeai store gc --older-than 30d             also what was not used for a month
      edgeai store gc --max-size 500MB --dry-run   what would go, least recently used first
      edgeai store gc --all                        everything that is not in use
    """
    if everything and (max_bytes is not None or older_than_s is not None):
        raise UsageError("--all removes more than --max-size or --older-than; give one or the other")
    place = Store(home_folder())
    done = collect_all(
        place.home, max_bytes=max_bytes, older_than_s=older_than_s, everything=everything, dry_run=dry_run
    )
    if as_json:
        write_json(_collected_document(place, done, dry_run))
    elif verbosity < 0:
        for each in done.removed:
            click.echo(each.name)
    else:
        _print_collected(done, dry_run)
    if max_bytes is not None and done.kept_bytes > max_bytes:
        click.echo(f"{_bytes(done.kept_bytes)} stay: what is in use is not removed", err=True)


def _document(kind: str, place: Store, **content: object) -> dict[str, object]:
    return {"schema": _SCHEMA, "kind": kind, "folder": str(place.folder), **content}


def _fields(each: Stored) -> dict[str, object]:
    return {**dataclasses.asdict(each), "folder": str(each.folder)}


def _prepared_fields(each: StoredPrepared) -> dict[str, object]:
    record = None if each.record is None else dataclasses.asdict(each.record)
    return {**_fields(each.stored), "record": record}


def _collected_document(place: Store, done: Collected, dry_run: bool) -> dict[str, object]:
    return _document(
        "edgeai.store.gc",
        place,
        dry_run=dry_run,
        removed=[dataclasses.asdict(each) for each in done.removed],
        freed_bytes=done.freed_bytes,
        kept=[_fields(each) for each in done.kept],
        kept_bytes=done.kept_bytes,
    )


def _print_listings(
    place: Store,
    bundles: tuple[Stored, ...],
    prepared: tuple[StoredPrepared, ...],
    written_bytes: int | None,
    verbosity: int,
) -> None:
    if bundles:
        click.echo(_listing(bundles, verbosity))
    else:
        click.echo(f"no bundles in {one_line(place.folder)}", err=True)
    if prepared:
        click.echo(("\n" if bundles else "") + _prepared_listing(prepared, verbosity))
    if written_bytes is not None:
        click.echo(f"\n{_bytes(written_bytes)} were written so far to prepare models here")


def _prepared_listing(prepared: tuple[StoredPrepared, ...], verbosity: int) -> str:
    header = ["prepared model", "for", "runs on", "identity", "size", "last used", "state"]
    rows = [
        [
            one_line(each.stored.id or "?", 60),
            *(["?", "?"] if each.record is None else _what_runs(each)),
            each.stored.identity[:12],
            _bytes(each.stored.size_bytes),
            _since(each.stored.last_used_s),
            _state(each.stored),
        ]
        for each in prepared
    ]
    if verbosity > 0:
        header.append("folder")
        rows = [[*row, one_line(each.stored.folder)] for row, each in zip(rows, prepared, strict=True)]
    return table(rows, header, right=frozenset({4}))


def _what_runs(each: StoredPrepared) -> list[str]:
    assert each.record is not None
    choice = each.record.choice
    return [one_line(each.record.objective, 20), f"{one_line(choice.backend, 40)}, {choice.threads} threads"]


def _listing(bundles: tuple[Stored, ...], verbosity: int) -> str:
    header = ["bundle", "version", "identity", "size", "last used", "state"]
    rows = [
        [
            one_line(each.id or "?", 60),
            one_line(each.version or "?", 30),
            each.identity[:12],
            _bytes(each.size_bytes),
            _since(each.last_used_s),
            _state(each),
        ]
        for each in bundles
    ]
    if verbosity > 0:
        header.append("folder")
        rows = [[*row, one_line(each.folder)] for row, each in zip(rows, bundles, strict=True)]
    return table(rows, header, right=frozenset({3}))


def _state(each: Stored) -> str:
    problem = f"damaged: {one_line(each.problem, 120)}" if each.problem else ""
    stale = f"stale: {one_line(each.stale, 120)}" if each.stale and not each.problem else ""
    return ", ".join(part for part in ("in use" if each.in_use else "", problem, stale) if part) or "-"


def _print_collected(done: Collected, dry_run: bool) -> None:
    rows = [
        [
            one_line(each.id or "?", 60),
            _version(each),
            each.name[:20],
            _bytes(each.size_bytes),
            each.reason,
        ]
        for each in done.removed
    ]
    if rows:
        click.echo(table(rows, ["bundle", "version", "identity", "size", "reason"], right=frozenset({3})))
    verb = "would free" if dry_run else "freed"
    kinds = [each.kind for each in done.kept]
    kept = f"{kinds.count('bundle')} bundles"
    if "prepared" in kinds:
        kept += f" and {kinds.count('prepared')} prepared models"
    click.echo(f"{verb} {_bytes(done.freed_bytes)}; {kept}, {_bytes(done.kept_bytes)} stay")


def _version(each: Removed) -> str:
    return "prepared" if each.kind == "prepared" else one_line(each.version or "?", 30)


def _bytes(size_bytes: int) -> str:
    """12345678 -> `12.3 MB`."""
    for scale, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= scale:
            return f"{size_bytes / scale:,.1f} {unit}"
    return f"{size_bytes} B"


def _since(last_used_s: float) -> str:
    """Uses are noted once a day, so nothing finer is said."""
    ago_s = time.time() - last_used_s
    for least_s, unit_s, unit in _AGES:
        if ago_s >= least_s:
            return f"{ago_s / unit_s:.0f} {unit} ago"
    return "within two days"
