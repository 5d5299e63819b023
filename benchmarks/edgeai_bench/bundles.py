"""Makes the example bundles out of the public models: `make bundles`, or python -m edgeai_bench.bundles.

A bundle is data: a folder in `benchmarks/bundles` with a manifest whose hashes are left to be filled in, a
`files.toml` that says out of which package each file comes (see `bundle_files`), and a golden sample. The
same folder makes the same bytes everywhere.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import click

from edgeai.building import Built, build, read_manifest
from edgeai.bundle.manifest import MANIFEST
from edgeai.datafiles import data_folder
from edgeai.errors import StoreError, UsageError, one_line

from .bundle_files import BundleFile, bring, read_files
from .fetch import Say
from .standalone import run_standalone


def bundle_names() -> tuple[str, ...]:
    """What can be made, sorted."""
    return tuple(sorted(path.parent.name for path in _folder().glob(f"*/{MANIFEST}")))


def build_bundle(name: str, out: Path, *, cache: Path | None = None, say: Say) -> Built:
    """Make one bundle; what is at `out` is replaced once the new one is complete.

    cache: where fetched files are kept; None takes `edgeai.home`. say: is told what is being fetched.
    Raises UsageError for a name that is not known, FetchError where a file cannot be had, and what
    `edgeai.building.build` raises.
    """
    if name not in bundle_names():
        known = ", ".join(bundle_names())
        raise UsageError(f"no example bundle is called {one_line(repr(name))}; there are: {known}")
    definition = _folder() / name
    files = read_files(definition / "files.toml")
    with tempfile.TemporaryDirectory(prefix="edgeai-bundle-") as work:
        folder = Path(work)
        shutil.copytree(definition, folder, dirs_exist_ok=True)
        for path, file in files.items():
            bring(file, folder / path, cache=cache, say=say)
        _write_provenance(folder / MANIFEST, files)
        return build(folder / MANIFEST, out, force=True)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default="bundles", metavar="FOLDER", show_default=True
)
def main(names: tuple[str, ...], out: Path) -> None:
    """Make example bundles out of public models: all of them, or those that are named.

    What was fetched is kept, so that an interrupted run goes on where it was.
    """
    wanted = names or bundle_names()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{one_line(out)} cannot be made: {error.strerror}; name another folder") from None
    for place, name in enumerate(wanted, start=1):
        click.echo(f"[{place}/{len(wanted)}] {name}", err=True)
        built = build_bundle(name, out / f"{name}.edge", say=lambda text: click.echo(f"  {text}", err=True))
        click.echo(f"{built.path}  {built.id} {built.version}  {built.size_bytes:,} bytes")


def _folder() -> Path:
    return data_folder(__file__, "bundles", "../bundles")


def _write_provenance(manifest_file: Path, files: dict[str, BundleFile]) -> None:
    """Tell of each file which package it came out of."""
    manifest: dict[str, Any] = read_manifest(manifest_file)
    told = {path: file.provenance() for path, file in sorted(files.items())}
    manifest["provenance"] = {**manifest.get("provenance", {}), "files": told}
    manifest_file.write_text(json.dumps(manifest, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    run_standalone(main, "edgeai_bench.bundles", "what was fetched is kept")
