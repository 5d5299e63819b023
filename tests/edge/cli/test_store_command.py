"""`edgeai store` as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeai.errors import StoreError
from edgeai.store import Store
from tests.command import Done, call
from tests.tiny_bundles import pack_files

DAY_S = 86400.0


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with acme/door, used now, and acme/gate, used 30 days ago."""
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    store = Store(tmp_path / "home")
    for name, age_s in (("door", 0.0), ("gate", 30 * DAY_S)):
        (tmp_path / name).mkdir()
        folder = store.add(pack_files(tmp_path / name, id=f"acme/{name}"))
        os.utime(folder, (time.time() - age_s, time.time() - age_s))
    return store


def run(*words: str) -> Done:
    return call("store", *words)


def printed(*words: str) -> str:
    result = run(*words)
    assert result.code == 0, result.err
    return result.out


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_bundles_are_listed_last_used_first(store: Store) -> None:
    door, gate = (each.identity for each in store.list())
    assert rows(printed("list")) == [
        ["bundle", "version", "identity", "size", "last used", "state"],
        ["acme/door", "1.4.0", door[:12], "4.8 kB", "within two days", "-"],
        ["acme/gate", "1.4.0", gate[:12], "4.8 kB", "4 weeks ago", "-"],
    ]
    assert printed("list", "-q").splitlines() == [door, gate]
    assert printed("list", "-v").splitlines()[1].endswith(str(store.folder / door))


def test_what_is_in_use_or_damaged_is_said(store: Store) -> None:
    door, gate = store.list()
    (gate.folder / "det/s8.onnx").unlink()
    with store.hold(door.folder), store.hold(gate.folder):
        states = [row[-1] for row in rows(printed("list"))[1:]]
    assert states == ["in use", "in use, damaged: s8.onnx: No such file or directory"]


def test_the_list_as_json(store: Store) -> None:
    document = json.loads(printed("list", "--json"))
    assert (document["schema"], document["kind"]) == (1, "edgeai.store.list")
    assert document["folder"] == str(store.folder)
    first = document["bundles"][0]
    assert {name: first[name] for name in ("id", "version", "in_use", "problem")} == {
        "id": "acme/door", "version": "1.4.0", "in_use": False, "problem": None,
    }  # fmt: skip
    assert first["folder"] == str(store.folder / first["identity"])
    assert first["size_bytes"] > 4000


def test_an_empty_store_is_said_aside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "none"))
    result = run("list")
    assert (result.code, result.out) == (0, "")
    assert result.err == f"no bundles in {tmp_path}/none/bundles\n"
    assert json.loads(printed("list", "--json"))["bundles"] == []
    assert printed("gc", "--all") == "freed 0 B; 0 bundles, 0 B stay\n"


def test_cleaning_tells_what_went_and_why(store: Store) -> None:
    gate = store.list()[1]
    assert printed("gc") == "freed 0 B; 2 bundles, 9.6 kB stay\n"
    planned = printed("gc", "--older-than", "20d", "--dry-run")
    assert rows(planned)[1:] == [
        ["acme/gate", "1.4.0", gate.identity[:20], "4.8 kB", "old"],
        ["would free 4.8 kB; 1 bundles, 4.8 kB stay"],
    ]
    assert len(store.list()) == 2
    assert printed("gc", "--older-than", "3w") == planned.replace("would free", "freed")
    assert [each.id for each in store.list()] == ["acme/door"]


@pytest.mark.parametrize(
    ("size", "left"),
    [("5kB", 1), ("5 KiB", 1), ("4000", 0), ("0.01MB", 2), ("1GB", 2), ("0", 0), ("9.7k", 2)],
)
def test_the_store_is_kept_below_a_size(store: Store, size: str, left: int) -> None:
    printed("gc", "--max-size", size)
    assert [each.id for each in store.list()] == ["acme/door", "acme/gate"][:left]


def test_cleaning_as_json_and_quietly(store: Store) -> None:
    door, gate = store.list()
    assert printed("gc", "--max-size", "5kB", "--dry-run", "-q") == f"{gate.identity}\n"
    document = json.loads(printed("gc", "--all", "--json"))
    assert (document["kind"], document["dry_run"], document["kept"]) == ("edgeai.store.gc", False, [])
    assert [each["id"] for each in document["removed"]] == ["acme/door", "acme/gate"]
    assert document["freed_bytes"] == door.size_bytes + gate.size_bytes


def test_what_is_in_use_is_kept_and_said(store: Store) -> None:
    with store.hold(store.list()[0].folder):
        result = run("gc", "--max-size", "0")
    assert result.code == 0
    assert result.err == "4.8 kB stay: what is in use is not removed\n"


@pytest.mark.parametrize(
    "words",
    [("--max-size", "much"), ("--max-size", "-1"), ("--max-size", "5 bananas"), ("--older-than", "30"),
     ("--older-than", "d"), ("--older-than", "1e9d"), ("--max-size", "9" * 5000)],
)  # fmt: skip
def test_values_that_cannot_be_read_are_refused(words: tuple[str, ...], store: Store) -> None:
    result = run("gc", *words)
    assert result.code == 2
    assert "no size like 500MB" in result.err or "no time like 12h" in result.err
    assert len(store.list()) == 2


def test_all_and_a_limit_do_not_go_together(store: Store) -> None:
    done = run("gc", "--all", "--max-size", "1GB")
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert len(store.list()) == 2


def test_a_store_that_cannot_be_read_ends_with_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = subprocess.run(
        [sys.executable, "-m", "edgeai", "store", "list"],
        env={**os.environ, "EDGEAI_HOME": str(tmp_path / "file")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"edgeai: the store cannot be read in {tmp_path}/file/bundles: Not a directory; "
        "a file stands where a folder belongs: remove it, or set EDGEAI_HOME\n"
    )
    assert isinstance(StoreError("x"), OSError)


def test_the_command_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['edgeai', 'store', 'gc']\n"
        "from edgeai.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'psutil', 'onnxruntime', 'importlib.metadata'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
