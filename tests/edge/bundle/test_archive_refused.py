"""What is not opened, and that every Python agrees: damage, claims, changed manifests."""

from __future__ import annotations

import json
import os
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeai.bundle.archive import Archive, open_archive
from edgeai.bundle.canonical import identity
from edgeai.errors import BundleDamaged, BundleError, ManifestError, ModelError, ModelNotFound
from tests.hostile.damage import says_nothing
from tests.hostile_bundles import hostile_bundles
from tests.raw_zip import Raw, places, zip_bytes
from tests.sound_archives import sound_variations
from tests.tiny_bundles import FILES, SIGNATURE, manifest_of, members, pack_files, spelt

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed bundle as edgeai packs it."""
    return pack_files(tmp_path_factory.mktemp("packed"), signature=SIGNATURE)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "x.edge"
    path.write_bytes(data)
    return path


def contents(archive: Archive) -> dict[str, bytes]:
    return {name: b"".join(archive.read(name)) for name in archive.files}


def files_in(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_what_is_no_file_is_named_as_such(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, kind, said in (
        (tmp_path / "nothing", ModelNotFound, "no such file; check the path"),
        (tmp_path, ModelError, "is no regular file; give a packed bundle (.edge)"),
        (tmp_path / "pipe", ModelError, "is no regular file; give a packed bundle (.edge)"),
        (tmp_path / "loop", ModelError, "cannot be read: Too many levels of symbolic links; check the path"),
        (tmp_path / "a\0b", ModelError, "cannot be read: a NUL in its name; check the path"),
    ):
        with pytest.raises(kind) as caught:
            open_archive(path)
        assert type(caught.value) is kind
        assert said in str(caught.value)


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, zip_bytes(members()))
    with open_archive(path) as archive:
        os.truncate(path, 3000)
        with pytest.raises(BundleDamaged, match="cut short"):
            archive.verify()


def test_a_closed_archive_leaves_no_descriptor(packed: Path, tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    open_archive(packed).close()
    for data in (b"", b"PK\3\4" * 10, zip_bytes(members(b"{}"))):
        with pytest.raises(BundleError):
            open_archive(written(tmp_path, data))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def flipped(data: bytes, at: int, bit: int) -> bytes:
    bad = bytearray(data)
    bad[at] ^= 1 << bit
    return bytes(bad)


def test_a_flip_in_a_field_that_says_nothing_changes_nothing(packed: Path, tmp_path: Path) -> None:
    data, read = packed.read_bytes(), 0
    for place in places(data):
        if says_nothing(place):
            for at in range(place.offset, place.offset + place.length):
                for bit in range(8):
                    try:
                        archive = open_archive(written(tmp_path, flipped(data, at, bit)))
                    except BundleError:  # the bits of the attributes that say what kind of file it is
                        assert place.field == "attributes"
                        continue
                    with archive:
                        assert contents(archive) == FILES
                        assert archive.identity == identity(manifest_of())
                    read += 1
    assert read == 5 * (16 + 16 + 32 - 4), "of 32 attribute bits, 4 make another kind of file"


@pytest.mark.long
def test_every_bit_of_every_record_and_of_the_data_is_guarded(packed: Path, tmp_path: Path) -> None:
    """All that is no padding: about 8,000 bytes."""
    data = packed.read_bytes()
    accepted = []
    for place in places(data):
        if says_nothing(place):
            continue
        for at in range(place.offset, place.offset + min(place.length, 4000)):
            for bit in range(8) if place.field != "data" else (at % 8,):
                try:
                    with open_archive(written(tmp_path, flipped(data, at, bit))) as archive:
                        archive.verify()
                except BundleError:
                    continue
                accepted.append((place, at, bit))
    assert accepted == []


def test_an_archive_cut_anywhere_is_refused(tmp_path: Path) -> None:
    data = zip_bytes(members(deflate=True))
    for length in range(0, len(data), 7):
        with pytest.raises(BundleDamaged):
            open_archive(written(tmp_path, data[:length]))


def test_claims_take_no_memory(packed: Path, tmp_path: Path) -> None:
    words = ("claim", "bomb", "zip64", "end-with", "too-many", "depth", "overlap")
    claims = [
        each for each in hostile_bundles(packed.read_bytes()) if any(word in each.name for word in words)
    ]
    assert len(claims) > 50
    peaks = {}
    for each in claims:
        path = written(tmp_path, each.data)
        tracemalloc.start()
        try:
            open_archive(path).verify()
        except BundleError:
            peaks[each.name] = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert len(peaks) == len(claims)
    # The largest directory that is read is one of 10,006 members (8 MB); of a claim nothing is taken.
    assert max(peaks.values()) < 20 << 20, max(peaks.items(), key=lambda each: each[1])


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "onnx", "f32", "x", "../x", "sha256:0"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "files"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def all_paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*path, key)
        yield from all_paths(value[key], (*path, key))


PATHS = sorted(all_paths(manifest_of()), key=str)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PATHS), st.none() | VALUES), min_size=1, max_size=3))
def test_any_change_of_a_manifest_is_another_bundle_or_refused_by_name(
    tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    manifest = manifest_of()
    for path, value in changes:
        above: Any = manifest
        for key in path[:-1]:
            above = above[key] if isinstance(above, dict) and key in above else {}
        above = above if isinstance(above, dict) else {}
        above[str(path[-1])] = value  # an index, where an earlier change put an object in a list's place
    file = written(tmp_path, zip_bytes(members(spelt(manifest))))
    said = str(file)
    try:
        with open_archive(file) as archive:
            archive.verify()
            assert archive.manifest == manifest
    except BundleError as error:
        said = str(error)
    assert said.startswith(str(file))
    assert said.isprintable()


def test_what_pythons_own_reader_takes_for_the_same_is_refused(tmp_path: Path) -> None:
    """Why there is a reader of our own: zipfile reads each of these without a word."""
    good, sound = members(), zip_bytes(members())
    spoilt: dict[str, Callable[[], bytes]] = {
        "in front": lambda: b"#!/bin/sh\n" + sound,
        "behind": lambda: sound + b"\n" * 100,
        "between": lambda: zip_bytes([good[0].with_(tail=b"hidden"), *good[1:]]),
        "twice by case": lambda: zip_bytes([*good, Raw("MANIFEST.JSON", b"{}")]),
    }
    for name, make in spoilt.items():
        path = written(tmp_path, make())
        with zipfile.ZipFile(path) as other:
            assert other.read("manifest.json") == spelt(manifest_of()), name
        with pytest.raises(BundleError):
            open_archive(path)


def test_manifest_errors_name_the_archive_and_the_path_inside(tmp_path: Path) -> None:
    for manifest, said in (
        (b'{"schema":1', "x.edge: manifest.json is no JSON: Expecting ',' delimiter at line 1, column 12"),
        (b'{"schema":1,"a":[1e999]}', "x.edge: manifest.json: a[0]: is inf, which JSON cannot say"),
        (spelt(manifest_of(version=3)), "x.edge: version: is a whole number, 3; give a text"),
    ):
        with pytest.raises(ManifestError) as caught:
            open_archive(written(tmp_path, zip_bytes(members(manifest))))
        assert said in str(caught.value)


CHILD = """
import json, sys
from pathlib import Path
from edgeai.bundle.archive import open_archive
from edgeai.errors import BundleError
outcomes = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        with open_archive(path) as archive:
            archive.verify()
            outcomes[path.name] = archive.identity
    except BundleError as error:
        outcomes[path.name] = type(error).__name__
json.dump(outcomes, sys.stdout)
"""


@pytest.fixture(scope="module")
def corpus(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, set[str]]]:
    """A folder of hostile and sound archives, and what each may come to."""
    folder = tmp_path_factory.mktemp("corpus")
    expected: dict[str, set[str]] = {}
    for index, each in enumerate(hostile_bundles(packed.read_bytes())):
        (folder / f"hostile-{index}").write_bytes(each.data)
        expected[f"hostile-{index}"] = {kind.__name__ for kind in each.errors}
    for name, data in (*sound_variations(), ("packed", packed.read_bytes())):
        (folder / name).write_bytes(data)
        expected[name] = {identity(manifest_of())}
    return folder, expected


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_every_python_refuses_the_same_and_reads_the_same(
    version: str, corpus: tuple[Path, dict[str, set[str]]]
) -> None:
    find = [str(ROOT / "packaging/find-python"), version]
    found = subprocess.run(find, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(found.stderr.strip())
    folder, expected = corpus
    done = subprocess.run(
        [found.stdout.strip(), "-S", "-c", CHILD, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "edge")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    outcomes = json.loads(done.stdout)
    assert outcomes.keys() == expected.keys()
    assert [name for name, outcome in outcomes.items() if outcome not in expected[name]] == []
