"""Opening packed bundles: those of every archiver are read, and give what was packed."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeai.bundle.archive import Archive, extract, open_archive
from edgeai.bundle.canonical import canonical, identity
from edgeai.bundle.pack import pack
from tests.raw_zip import Raw, zip_bytes
from tests.sound_archives import sound_variations
from tests.tiny_bundles import FILES, SIGNATURE, manifest_of, members, pack_files, spelt, write_files


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed bundle as edgeai packs it."""
    return pack_files(tmp_path_factory.mktemp("packed"), signature=SIGNATURE)


@pytest.fixture
def unpacked(packed: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    with open_archive(packed) as archive:
        extract(archive, folder)
    return folder


def written(folder: Path, data: bytes) -> Path:
    path = folder / "x.edge"
    path.write_bytes(data)
    return path


def contents(archive: Archive) -> dict[str, bytes]:
    return {name: b"".join(archive.read(name)) for name in archive.files}


def files_in(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


# What is read.


def test_an_archive_tells_what_is_in_it(packed: Path) -> None:
    with open_archive(packed) as archive:
        assert archive.manifest == manifest_of()
        assert archive.identity == identity(manifest_of())
        assert archive.sizes == {name: len(content) for name, content in FILES.items()}
        assert archive.signature == SIGNATURE
        assert archive.total_bytes == sum(map(len, FILES.values())) + 64 + len(canonical(manifest_of()))
        assert contents(archive) == FILES
        archive.verify()


def test_unpacking_gives_the_files_the_manifest_and_the_signature(unpacked: Path) -> None:
    whole = {**FILES, "manifest.json": canonical(manifest_of()), "manifest.sig": SIGNATURE}
    assert files_in(unpacked) == whole


def test_the_bytes_written_are_counted(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with open_archive(packed) as archive:
        assert extract(archive, tmp_path / "out", sync=True) == archive.total_bytes
    assert sum(map(len, files_in(tmp_path / "out").values())) == archive.total_bytes


def test_unpacking_never_writes_over_a_file_or_through_a_link(packed: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    for make in (lambda path: path.write_bytes(b"x"), lambda path: path.symlink_to(victim)):
        folder = tmp_path / "out"
        (folder / "det").mkdir(parents=True)
        make(folder / "det/s8.onnx")
        with open_archive(packed) as archive, pytest.raises(FileExistsError):
            extract(archive, folder)
        shutil.rmtree(folder)
    assert not victim.exists()


def test_a_bundle_unpacked_and_packed_again_is_the_same_file(packed: Path, unpacked: Path) -> None:
    manifest = json.loads((unpacked / "manifest.json").read_bytes())
    pack(unpacked, manifest, unpacked.parent / "again.edge")
    assert (unpacked.parent / "again.edge").read_bytes() == packed.read_bytes()


def test_unknown_optional_keys_survive_a_round_trip_byte_for_byte(tmp_path: Path) -> None:
    manifest = manifest_of(
        hologram={"é": [1, 1.0, -0.0, 1e-5, 2**53, None, "\U0001f600"]}, **{"x-acme": True}
    )
    manifest["models"]["det"]["future"] = {"nested": [{"deep": 0.1}]}
    manifest["models"]["det"]["variants"].append(
        {
            "id": "hef",
            "format": "hef",
            "files": {"det/labels.txt": manifest["assets"]["det/labels.txt"]},
            "z": 1,
        }
    )
    source = write_files(tmp_path / "source")
    first = pack(source, manifest, tmp_path / "one.edge")
    (tmp_path / "out").mkdir()
    with open_archive(tmp_path / "one.edge") as archive:
        assert archive.manifest == manifest
        extract(archive, tmp_path / "out")
        assert (tmp_path / "out/manifest.json").read_bytes() == canonical(manifest)
        assert pack(tmp_path / "out", archive.manifest, tmp_path / "two.edge") == first
    assert (tmp_path / "one.edge").read_bytes() == (tmp_path / "two.edge").read_bytes()


ZIPS = {
    "zip -r": "zip -q -r ../again.edge .",
    "zip -r, stored": "zip -q -0 -r ../again.edge manifest.json det cls manifest.sig",
    "zip without extras and folders": "zip -q -X -D -9 -r ../again.edge .",
    "zip into a pipe": "zip -q -r - . | cat > ../again.edge",
    "zip with ZIP64": "zip -q -fz -r ../again.edge .",
    "jar": "jar cMf ../again.edge cls det manifest.sig manifest.json",
    "7z": "7z a -bd -tzip ../again.edge .",
    "bsdtar": "bsdtar --format zip -cf ../again.edge manifest.json det cls manifest.sig",
    "python -m zipfile": "python3 -m zipfile -c ../again.edge cls det manifest.json manifest.sig",
}


@pytest.mark.parametrize("name", ZIPS)
def test_the_identity_is_the_same_packed_again_by_other_archivers(name: str, unpacked: Path) -> None:
    if shutil.which(ZIPS[name].split()[0]) is None:
        pytest.skip(f"no {ZIPS[name].split()[0]} on this machine")
    subprocess.run(["bash", "-c", ZIPS[name]], cwd=unpacked, check=True, capture_output=True)
    with open_archive(unpacked.parent / "again.edge") as archive:
        assert archive.identity == identity(manifest_of())
        assert contents(archive) == FILES
        assert archive.signature == SIGNATURE


def test_the_identity_is_that_of_the_content_however_the_manifest_is_spelt(tmp_path: Path) -> None:
    pretty = json.dumps(dict(reversed(manifest_of().items())), indent=4).encode() + b"\n"
    with open_archive(written(tmp_path, zip_bytes(members(pretty)))) as archive:
        assert archive.identity == identity(manifest_of())
        extract(archive, tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == canonical(manifest_of())


@pytest.mark.parametrize(("name", "data"), [pytest.param(*each, id=each[0]) for each in sound_variations()])
def test_unusual_but_sound_archives_are_read(name: str, data: bytes, tmp_path: Path) -> None:
    with open_archive(written(tmp_path, data)) as archive:
        assert archive.identity == identity(manifest_of())
        assert contents(archive) == FILES


@pytest.mark.parametrize("size", [0, 1, 262_143, 262_144, 262_145, 3_000_000])
@pytest.mark.parametrize("kind", ["noise", "zeros"])
def test_files_of_every_size_come_back(size: int, kind: str, tmp_path: Path) -> None:
    content = random.Random(size).randbytes(size) if kind == "noise" else bytes(size)
    files = {"m/w.onnx": content}
    for deflate in (False, True):
        found = [Raw("manifest.json", spelt(manifest_of(files)), deflate), Raw("m/w.onnx", content, deflate)]
        with open_archive(written(tmp_path, zip_bytes(found))) as archive:
            pieces = list(archive.read("m/w.onnx"))
            assert b"".join(pieces) == content
            assert max(map(len, pieces), default=0) <= 256 << 10
