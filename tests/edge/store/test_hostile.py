"""More than 500 damaged or hostile bundles: each is refused by name, and the store is as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai.errors import BundleError
from edgeai.store import Store
from tests.hostile.case import Hostile
from tests.hostile_bundles import hostile_bundles
from tests.tiny_bundles import SIGNATURE, pack_files


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return pack_files(tmp_path_factory.mktemp("packed"), signature=SIGNATURE).read_bytes()


@pytest.fixture(scope="module")
def hostile(packed: bytes) -> list[Hostile]:
    return hostile_bundles(packed)


def everything_below(folder: Path) -> list[tuple[str, int, float]]:
    found = ((path, path.lstat()) for path in sorted(folder.rglob("*")))
    return [(str(path.relative_to(folder)), stat.st_ino, stat.st_mtime) for path, stat in found]


def test_each_is_refused_by_its_name_in_one_line_and_leaves_nothing(
    hostile: list[Hostile], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    store = Store(tmp_path / "home")
    folder = store.add(pack_files(tmp_path / "other", id="acme/other"))
    before = everything_below(folder)
    path = tmp_path / "x.edge"
    wrong: list[tuple[str, str, str]] = []
    for each in hostile:
        path.write_bytes(each.data)
        kind, said = outcome(store, path)
        is_right = kind in {error.__name__ for error in each.errors} and each.says in said
        is_one_line = said.isprintable() and len(said) <= 700 and said.startswith(f"{path}")
        if not (is_right and is_one_line and "Traceback" not in said):
            wrong.append((each.name, kind, said))
        left = [found.name for found in store.folder.iterdir() if found != folder]
        if left:
            wrong.append((each.name, "left", str(left)))
    assert wrong == []
    assert len(hostile) >= 500
    assert everything_below(folder) == before
    assert [found.name for found in store.home.iterdir()] == ["bundles"]


def outcome(store: Store, path: Path) -> tuple[str, str]:
    try:
        store.add(path)
    except BundleError as error:
        return type(error).__name__, str(error)
    return "accepted", ""


def test_the_same_seed_gives_the_same_bundles(packed: bytes, hostile: list[Hostile]) -> None:
    assert hostile_bundles.__wrapped__(packed) == hostile


def test_nothing_is_written_outside_the_store(packed: bytes, hostile: list[Hostile], tmp_path: Path) -> None:
    """The escaping names, unpacked by a store several folders deep."""
    store = Store(tmp_path / "a/b/c/home")
    escaping = [
        each for each in hostile if each.name.startswith(("name-", "folder-name-", "record-named", "link"))
    ]
    assert len(escaping) > 100
    for each in escaping:
        (tmp_path / "x.edge").write_bytes(each.data)
        assert outcome(store, tmp_path / "x.edge")[0] != "accepted"
    assert [path.name for path in tmp_path.rglob("*")] == ["x.edge"]
