"""Where edgeai keeps things: the first place that is set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeai import home
from edgeai.home import home_folder

VARIABLES = ("EDGEAI_HOME", "STATE_DIRECTORY", "XDG_CACHE_HOME")


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, no variable set, and a system folder that is not there."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "user").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setattr(home, "SYSTEM_HOME", tmp_path / "var-lib-edgeai")
    return tmp_path / "user"


def test_a_user_has_a_cache(user: Path) -> None:
    assert home_folder() == user / ".cache/edgeai"
    assert list(user.iterdir()) == []


def test_edgeai_home_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edgeai")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.setenv("EDGEAI_HOME", "/data/edgeai")
    assert home_folder() == Path("/data/edgeai")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEAI_HOME", "here")
    assert home_folder() == tmp_path / "here"
    monkeypatch.setenv("EDGEAI_HOME", "")
    assert home_folder() == Path("/var/lib/edgeai")


@pytest.mark.parametrize(
    ("value", "folder"),
    [
        ("/var/lib/edgeai", "/var/lib/edgeai"),
        ("/var/lib/private/edgeai", "/var/lib/private/edgeai"),
        ("/var/lib/door", "/var/lib/door/edgeai"),
        ("/var/lib/door:/var/lib/edgeai", "/var/lib/edgeai"),
        ("/var/lib/door:/var/lib/gate", "/var/lib/door/edgeai"),
    ],
)
def test_a_service_keeps_things_in_its_state_folder(
    monkeypatch: pytest.MonkeyPatch, value: str, folder: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.setenv("STATE_DIRECTORY", value)
    assert home_folder() == Path(folder)


def test_xdg_moves_the_cache_unless_it_is_relative(monkeypatch: pytest.MonkeyPatch, user: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert home_folder() == Path("/cache/edgeai")
    for ignored in ("cache", "", "~/cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert home_folder() == user / ".cache/edgeai"


def test_a_user_without_a_home_takes_the_systems_folder_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    assert home_folder() == Path("/nonexistent/.cache/edgeai")
    home.SYSTEM_HOME.mkdir()
    assert home_folder() == home.SYSTEM_HOME


def test_a_user_who_does_not_exist_is_told_what_to_set() -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become a user that does not exist")
    code = (
        "import os, pathlib; from edgeai import errors, home; os.setuid(54321)\n"
        "home.SYSTEM_HOME = pathlib.Path('/nonexistent')\n"
        "try:\n    home.home_folder()\nexcept errors.StoreError as error:\n    print(error)"
    )
    environment = {name: value for name, value in os.environ.items() if name not in {*VARIABLES, "HOME"}}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "this user has no home folder to keep anything in; set EDGEAI_HOME to a folder\n"
