"""`edgeai bundle`: makes a bundle from a manifest and the files that it names."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import one_line
from . import options
from .output import json_option, table, verbosity_options, write_json

if TYPE_CHECKING:
    from ..building import Built

_SCHEMA = 1


@click.command()
@click.option(
    "--manifest", metavar="FILE", type=options.FILE, required=True, help="What the bundle declares."
)
@click.option(
    "-o", "--out", metavar="FILE", type=options.FILE, required=True, help="Where it goes, as NAME.edge."
)
@click.option(
    "--files",
    metavar="FOLDER",
    type=options.FOLDER,
    help="Where the manifest's files lie. Default: beside the manifest.",
)
@click.option("--unpacked", is_flag=True, help="Write a folder instead of one file.")
@click.option("-f", "--force", is_flag=True, help="Replace what is there.")
@json_option
@verbosity_options
def bundle(
    manifest: str, out: str, files: str | None, unpacked: bool, force: bool, as_json: bool, verbosity: int
) -> None:
    """Make a bundle from a manifest and the files that it names.

    A hash in the manifest may be left to be filled in, as in "files": {"det.onnx": ""} or
    "files": ["det.onnx"]; one that is stated must be right. The same inputs make the same bytes, and a bundle
    has one identity, packed and unpacked. -q prints the identity only, -v the hashes too.

    \b
    Examples:
      edgeai bundle --manifest door/manifest.json -o door.edge
      edgeai bundle --manifest door.json --files build/ -o door.edge -f
      edgeai bundle --manifest door.json -o door/ --unpacked
    """
    from ..building import build

    built = build(
        Path(manifest),
        Path(out),
        files=None if files is None else Path(files),
        unpacked=unpacked,
        force=force,
    )
    if as_json:
        write_json(_document(built))
    elif verbosity < 0:
        click.echo(built.identity)
    else:
        _print(built, with_hashes=verbosity > 0)
    for key in built.unknown_keys:
        click.echo(f"note: {one_line(key)} is not read by this edgeai: newer than it, or misspelt", err=True)


def _print(built: Built, *, with_hashes: bool) -> None:
    click.echo(f"{one_line(built.path)}  {one_line(built.id)} {one_line(built.version)}")
    click.echo(f"  identity  {built.identity}")
    header, rows = (
        ["file", "bytes", "sha256"],
        [[one_line(name), f"{file.size_bytes:,}", file.sha256] for name, file in built.files.items()],
    )
    rows.append(["packed" if built.path.is_file() else "in all", f"{built.size_bytes:,}", ""])
    columns = 3 if with_hashes else 2
    for line in table([row[:columns] for row in rows], header[:columns], frozenset({1})).splitlines():
        click.echo(f"  {line}")


def _document(built: Built) -> dict[str, object]:
    return {
        "schema": _SCHEMA,
        "kind": "edgeai.bundle",
        "path": str(built.path),
        "id": built.id,
        "version": built.version,
        "identity": built.identity,
        "size_bytes": built.size_bytes,
        "files": {name: dataclasses.asdict(file) for name, file in built.files.items()},
        "unknown_keys": list(built.unknown_keys),
    }
