"""Packing: the same bytes for the same bundle, aligned, whole or not there, and nothing that is not named."""

from __future__ import annotations

import os
import random
import re
import resource
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgeai.bundle.archive import open_archive
from edgeai.bundle.canonical import canonical, identity
from edgeai.bundle.pack import pack
from edgeai.errors import BundleDamaged, BundleError, BundleTooNew, ManifestError
from tests.tiny_bundles import FILES, SIGNATURE, manifest_of, sha256, write_files

PAGE = 16384


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_files(tmp_path / "source")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_zip_tool_reads_what_is_packed(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.edge"
    assert pack(source, manifest_of(), out) == identity(manifest_of())
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "cls/m.tflite", "det/labels.txt", "det/s8.onnx"]
        assert archive.read("manifest.json") == canonical(manifest_of())
        assert {name: archive.read(name) for name in FILES} == FILES
    subprocess.run(["unzip", "-tq", out], check=True, capture_output=True)


def test_every_member_is_stored_and_its_data_start_at_16_kib(source: Path, tmp_path: Path) -> None:
    pack(source, manifest_of(), tmp_path / "x.edge")
    data = (tmp_path / "x.edge").read_bytes()
    with zipfile.ZipFile(tmp_path / "x.edge") as archive:
        for member in archive.infolist():
            lengths = struct.unpack_from("<2H", data, member.header_offset + 26)
            start = member.header_offset + 30 + sum(lengths)
            assert start % PAGE == 0
            assert member.compress_type == zipfile.ZIP_STORED
            assert data[start : start + member.file_size] == archive.read(member)
            assert (member.date_time, member.external_attr >> 16) == ((1980, 1, 1, 0, 0, 0), 0o100644)
            assert member.extra == b""


def test_the_same_bundle_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    pack(source, manifest_of(), tmp_path / "one.edge")
    again = write_files(tmp_path / "again", dict(reversed(FILES.items())))
    for path in again.rglob("*"):
        os.utime(path, (0, 0))
        path.chmod(0o700)
    manifest = dict(reversed(manifest_of().items()))
    pack({name: again / name for name in FILES}, manifest, tmp_path / "two.edge")
    assert (tmp_path / "one.edge").read_bytes() == (tmp_path / "two.edge").read_bytes()


def test_a_signature_comes_second_and_does_not_change_the_identity(source: Path, tmp_path: Path) -> None:
    unsigned = pack(source, manifest_of(), tmp_path / "unsigned.edge")
    (source / "manifest.sig").write_bytes(SIGNATURE)
    assert pack(source, manifest_of(), tmp_path / "x.edge") == unsigned
    with open_archive(tmp_path / "x.edge") as archive:
        assert archive.signature == SIGNATURE
    with zipfile.ZipFile(tmp_path / "x.edge") as packed:
        assert packed.namelist()[1] == "manifest.sig"
    paths = {name: source / name for name in [*FILES, "manifest.sig"]}
    pack(paths, manifest_of(), tmp_path / "by-path.edge")
    assert (tmp_path / "by-path.edge").read_bytes() == (tmp_path / "x.edge").read_bytes()


def test_files_that_the_manifest_does_not_name_stay_out(source: Path, tmp_path: Path) -> None:
    (source / "notes.txt").write_text("secret")
    (source / "manifest.json").write_text("an old one")
    pack({**{name: source / name for name in FILES}, "notes.txt": source / "notes.txt"}, manifest_of(),
         tmp_path / "paths.edge")  # fmt: skip
    pack(source, manifest_of(), tmp_path / "folder.edge")
    assert (tmp_path / "paths.edge").read_bytes() == (tmp_path / "folder.edge").read_bytes()
    with zipfile.ZipFile(tmp_path / "folder.edge") as archive:
        assert set(archive.namelist()) == {"manifest.json", *FILES}


def test_empty_files_and_deep_folders_are_packed(tmp_path: Path) -> None:
    files = {"m/empty.onnx": b"", "/".join("a" * 16): b"deep", "a/" * 15 + "b.onnx": b"x" * 100_000}
    source = write_files(tmp_path / "source", files)
    manifest = manifest_of({"m/empty.onnx": b""}, assets={name: sha256(data) for name, data in files.items()})
    pack(source, manifest, tmp_path / "x.edge")
    with open_archive(tmp_path / "x.edge") as archive:
        assert {name: b"".join(archive.read(name)) for name in archive.files} == files


# What is refused, and leaves nothing.


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda file: file.write_bytes(b"other"),
            "has the sha256 [0-9a-f]{64}, the manifest says [0-9a-f]{64}",
        ),
        (lambda file: file.unlink(), "cannot be read: No such file or directory"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be read: it is no regular file"),
        (lambda file: (file.unlink(), os.mkfifo(file)), "cannot be read: it is no regular file"),
    ],
)
def test_a_file_that_is_not_what_the_manifest_says_is_refused(
    source: Path, tmp_path: Path, spoil: object, said: str
) -> None:
    assert callable(spoil)
    spoil(source / "det/s8.onnx")
    with pytest.raises(BundleDamaged, match=f"^{re.escape(str(source))}/det/s8.onnx {said}"):
        pack(source, manifest_of(), tmp_path / "x.edge")
    assert names_in(tmp_path) == ["source"]


def test_a_file_that_was_not_given_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleDamaged, match=r"'det/labels.txt' is named by the manifest and was not given"):
        pack(
            {name: source / name for name in FILES if name != "det/labels.txt"}, manifest_of(), tmp_path / "x"
        )
    assert names_in(tmp_path) == ["source"]


def test_what_could_not_be_opened_again_is_not_packed(source: Path, tmp_path: Path) -> None:
    (tmp_path / "evil").write_bytes(b"x")
    out = tmp_path / "x.edge"
    for error, manifest, said in (
        (BundleTooNew, manifest_of(schema=2), "has schema 2, this edgeai reads 1; update edgeai"),
        (ManifestError, manifest_of(id=5), "id: is a whole number, 5; give a text"),
        (ManifestError, manifest_of(assets={"../evil": sha256(b"x")}), "is no path inside the bundle"),
        (ManifestError, manifest_of(assets={"a b": sha256(b"x")}), "the file name 'a b' is not portable"),
        (ManifestError, manifest_of(assets={"a": sha256(b""), "A": sha256(b"")}), "by case alone; rename it"),
        (ManifestError, manifest_of(quality=float("nan")), "quality: is nan, which JSON cannot say"),
    ):
        with pytest.raises(error, match=re.escape(said)):
            pack(source, manifest, out)
    (source / "manifest.sig").write_bytes(bytes(65537))
    with pytest.raises(BundleDamaged, match=r"manifest\.sig has 65,537 bytes, a signature at most 65,536"):
        pack(source, manifest_of(), out)
    assert names_in(tmp_path) == ["evil", "source"]


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("nowhere/x.edge", "No such file or directory"),
        ("source", "Is a directory"),
        ("x" * 250 + ".edge", "File name too long"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    source: Path, tmp_path: Path, place: str, reason: str
) -> None:
    with pytest.raises(
        BundleError, match=rf"cannot be written: {reason}; choose another place or make room$"
    ):
        pack(source, manifest_of(), tmp_path / place)
    assert names_in(tmp_path) == ["source"]
    for name in (".", "a\0b"):
        with pytest.raises(BundleError, match="is no name for a file"):
            pack(source, manifest_of(), Path(name))


FULL = """
import resource, sys
from pathlib import Path
from edgeai.bundle.pack import pack
from edgeai.errors import BundleError
from tests.tiny_bundles import manifest_of
limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    pack(Path(sys.argv[1]), manifest_of(), Path(sys.argv[2]))
except BundleError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [0, 100, 20_000, 66_000])
def test_a_full_disk_leaves_the_old_file(source: Path, tmp_path: Path, limit: int) -> None:
    out = tmp_path / "x.edge"
    out.write_bytes(b"the old one")
    words = [sys.executable, "-c", FULL, str(source), str(out), str(limit)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == f"{out} cannot be written: File too large; choose another place or make room\n"
    assert out.read_bytes() == b"the old one"
    assert names_in(tmp_path) == ["source", "x.edge"]


@pytest.mark.long
def test_more_than_4_gib_are_packed_as_zip64_and_read_again(tmp_path: Path) -> None:
    """A sparse file, so that only the archive takes room."""
    size = (1 << 32) + 5
    large, small = tmp_path / "large", tmp_path / "small"
    with large.open("wb") as file:
        file.truncate(size)
    small.write_bytes(b"behind")
    # Printed by sha256sum.
    zeros = "sha256:709fc0b74f7c916cedccb212d681c035f36ffbb31ebfe806eb40c31592744eb5"
    manifest = manifest_of({"z.onnx": b"behind"}, assets={"m/large.bin": zeros})
    out = tmp_path / "x.edge"
    pack({"m/large.bin": large, "z.onnx": small}, manifest, out)
    with open_archive(out) as archive:
        assert archive.sizes == {"m/large.bin": size, "z.onnx": 6}
        archive.verify()
    with zipfile.ZipFile(out) as other:
        assert other.getinfo("m/large.bin").file_size == size
        assert other.read("z.onnx") == b"behind"
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert usage < 1 << 20, "in KiB: far from the size of the file"


def test_the_order_of_a_mapping_does_not_matter(source: Path, tmp_path: Path) -> None:
    names = list(FILES)
    packed = set()
    for turn in range(4):
        random.Random(turn).shuffle(names)
        out = tmp_path / f"{turn}.edge"
        pack({name: source / name for name in names}, manifest_of(), out)
        packed.add(out.read_bytes())
    assert len(packed) == 1
