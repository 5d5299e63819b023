"""`edgeai bundle` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import real_bundles
from tests.command import call


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))


def by_hand(folder: Path) -> Path:
    """A manifest without a single hash, as one writes it; returns its path."""

    def change(manifest: dict[str, Any]) -> None:
        manifest["models"]["color"]["variants"][0]["files"] = ["color.onnx"]
        manifest["assets"] = {"labels.txt": "", "golden/red.png": "sha256:..."}

    real_bundles.classifier(folder, change)
    return (folder / "manifest.json").rename(folder / "color.json")


def size(path: Path) -> int:
    return path.stat().st_size


def test_a_bundle_made_by_hand_is_told_checked_and_run(tmp_path: Path) -> None:
    manifest, out = by_hand(tmp_path / "color"), tmp_path / "color.edge"
    done = call("bundle", "--manifest", manifest, "-o", out)
    assert (done.code, done.err) == (0, "")
    identity = call("show", out, "-q").out.split()[2]
    assert done.out.splitlines() == [
        f"{out}  tiny/color 1.0.0",
        f"  identity  {identity}",
        "  file             bytes",
        "  labels.txt          15",
        f"  golden/red.png  {size(tmp_path / 'color/golden/red.png'):6,}",
        f"  color.onnx      {size(tmp_path / 'color/color.onnx'):6,}",
        f"  packed          {size(out):6,}",
    ]
    assert (
        real_bundles.sha256(tmp_path / "color/color.onnx")[7:]
        in call("bundle", "--manifest", manifest, "-o", out, "-f", "-v").out
    )
    assert call("check", out).code == 0
    done = call("run", out, real_bundles.picture(tmp_path / "blue.png", "blue"), "--top", "1")
    assert done.lines[0]["result"] == [{"label": "blue", "score": 0.9993}]


def test_json_and_quiet_give_the_identity(tmp_path: Path) -> None:
    manifest = by_hand(tmp_path / "color")
    document = call("bundle", "--manifest", manifest, "-o", tmp_path / "a.edge", "--json").document
    assert (document["kind"], document["id"], document["version"]) == ("edgeai.bundle", "tiny/color", "1.0.0")
    quiet = call("bundle", "--manifest", manifest, "-o", tmp_path / "b.edge", "-q")
    assert quiet.out == document["identity"] + "\n"


def test_an_unpacked_bundle_has_the_same_identity(tmp_path: Path) -> None:
    manifest = by_hand(tmp_path / "color")
    packed = call("bundle", "--manifest", manifest, "-o", tmp_path / "a.edge", "-q").out
    folder = call("bundle", "--manifest", manifest, "-o", tmp_path / "a", "--unpacked", "-q").out
    assert folder == packed
    assert call("show", tmp_path / "a", "-q").out.split()[2] == packed.strip()


def test_what_is_there_is_replaced_with_force_only(tmp_path: Path) -> None:
    manifest, out = by_hand(tmp_path / "color"), tmp_path / "a.edge"
    out.write_text("mine")
    done = call("bundle", "--manifest", manifest, "-o", out)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"edgeai: {out} is there already; give -f to replace it\n"
    assert out.read_text() == "mine"
    assert call("bundle", "--manifest", manifest, "-o", out, "-f").code == 0


def test_unknown_keys_are_noted_on_standard_error(tmp_path: Path) -> None:
    manifest = by_hand(tmp_path / "color")
    declared = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**declared, "licenze": "MIT"}))
    done = call("bundle", "--manifest", manifest, "-o", tmp_path / "a.edge")
    assert done.code == 0
    assert done.err == "note: licenze is not read by this edgeai: newer than it, or misspelt\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--manifest", "nosuch.json", "-o", "a.edge"], "nosuch.json: no such file"),
        (["--manifest", "color/color.json", "-o", "no/such/a.edge"], "cannot be written: No such file"),
        (
            ["--manifest", "color/color.json", "-o", "a.edge", "--files", "."],
            "assets: labels.txt: no such file",
        ),
        (["--manifest", "color/labels.txt", "-o", "a.edge"], "labels.txt is no JSON"),
        (["--manifest", "color/color.json", "-o", "color"], "color is a folder"),
        (["--manifest", "color/color.json", "-o", "color/color.json", "-f"], "is what the bundle is made of"),
        (["-o", "a.edge"], "--manifest"),
    ],
)
def test_what_is_wrong_is_said_and_exit_code_2(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand(tmp_path / "color")
    monkeypatch.chdir(tmp_path)
    done = call("bundle", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "a.edge").exists()
