"""Bundles made of manifests written by hand: hashes filled in, reproducible, nothing replaced by mistake."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgeai.building import build, fill_hashes
from edgeai.bundle.archive import open_archive
from edgeai.errors import BundleDamaged, EdgeError, InputError, ManifestError, UsageError
from tests import real_bundles


def edited(folder: Path, change: Any) -> Path:
    """The manifest of a bundle in a folder, changed, as a file beside its own."""
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    path = folder / "by-hand.json"
    path.write_text(json.dumps(manifest))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return real_bundles.classifier(tmp_path / "color")


@pytest.mark.parametrize("unknown", ["", None, "sha256:", "sha256:..."])
def test_hashes_that_are_left_open_are_filled_in(unknown: object, folder: Path) -> None:
    stated = json.loads((folder / "manifest.json").read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["assets"] = dict.fromkeys(manifest["assets"], unknown)
    manifest["models"]["color"]["variants"][0]["files"] = {"color.onnx": unknown}
    assert fill_hashes(manifest, folder, folder / "m.json") == stated


def test_files_may_be_a_mere_list_and_the_manifest_itself_is_not_changed(folder: Path) -> None:
    stated = json.loads((folder / "manifest.json").read_text())
    manifest = {**stated, "assets": list(stated["assets"])}
    assert fill_hashes(manifest, folder, folder / "m.json") == stated
    assert isinstance(manifest["assets"], list)


def test_the_same_inputs_make_the_same_bytes_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    manifest = edited(folder, lambda m: m.update(assets=list(m["assets"])))
    first = build(manifest, tmp_path / "a.edge")
    shutil.copytree(folder, tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere").rglob("*"):
        os.utime(path, (1e9, 1e9))
    (tmp_path / "elsewhere/labels.txt").chmod(0o600)
    second = build(tmp_path / "elsewhere/by-hand.json", tmp_path / "b.edge")
    assert first.identity == second.identity
    assert (tmp_path / "a.edge").read_bytes() == (tmp_path / "b.edge").read_bytes()


def test_a_folder_has_the_identity_and_the_files_of_the_packed_bundle(folder: Path, tmp_path: Path) -> None:
    manifest = edited(folder, lambda m: None)
    packed = build(manifest, tmp_path / "a.edge")
    built = build(manifest, tmp_path / "a", unpacked=True)
    assert built.identity == packed.identity
    found = {path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*.*")}
    assert found == {"manifest.json", "color.onnx", "labels.txt", "golden/red.png"}
    assert built.size_bytes == sum(path.stat().st_size for path in (tmp_path / "a").rglob("*.*"))


def test_files_may_lie_elsewhere(folder: Path, tmp_path: Path) -> None:
    manifest = edited(folder, lambda m: m.update(assets=list(m["assets"])))
    alone = manifest.rename(tmp_path / "alone.json")
    assert build(alone, tmp_path / "a.edge", files=folder).files.keys() == {
        "color.onnx",
        "labels.txt",
        "golden/red.png",
    }


def test_a_signature_of_another_manifest_that_lies_there_is_left_out(folder: Path, tmp_path: Path) -> None:
    (folder / "manifest.sig").write_bytes(b"of something else")
    build(edited(folder, lambda m: m.update(version="2")), tmp_path / "a.edge")
    with open_archive(tmp_path / "a.edge") as archive:
        assert archive.signature is None


def test_a_hash_that_is_wrong_names_the_file(folder: Path, tmp_path: Path) -> None:
    manifest = edited(folder, lambda m: m["assets"].update({"labels.txt": "sha256:" + "0" * 64}))
    with pytest.raises(BundleDamaged, match=r"labels\.txt has the sha256 .*, the manifest says 0000"):
        build(manifest, tmp_path / "a.edge")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["color"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.update(assets={"nosuch.txt": ""}), r"assets: .*nosuch\.txt: no such file"),
        (lambda m: m.update(assets={"../../etc/passwd": ""}), r"assets: the file name .* leads out"),
        (lambda m: m.update(assets=["/etc/passwd"]), r"assets: the file name .* is an absolute path"),
        (lambda m: m.update(assets={"golden": ""}), r"assets: .*golden is a folder"),
        (lambda m: m.update(assets=[1]), r"assets: is a list"),
        (lambda m: m.update(assets={"labels.txt": 7}), r"assets\.labels\.txt: is a whole number, 7"),
        (lambda m: m.update(models=[]), r"models: is a list"),
        (lambda m: m.update(models={"a": {"variants": {}}}), r"models\.a\.variants: is an object"),
        (lambda m: m.pop("id"), r"id: is missing"),
        (
            lambda m: m["pipeline"][0]["post"][0].update(op="nosuch@1"),
            r"pipeline\[0\]\.post\[0\]: calls the step",
        ),
        (lambda m: m["pipeline"][0]["post"][0].update(k="3"), r"pipeline\[0\]\.post\[0\]\.k: is '3'"),
        (lambda m: m["pipeline"][0]["post"][0].update(labels="x"), r"labels: is 'x', which is not among"),
    ],
)
def test_what_is_wrong_with_a_manifest_names_the_place(
    change: Any, said: str, folder: Path, tmp_path: Path
) -> None:
    manifest = edited(folder, change)
    with pytest.raises((ManifestError, InputError), match=said) as caught:
        build(manifest, tmp_path / "a.edge")
    assert str(caught.value).startswith(str(manifest))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.edge").exists()


def test_an_applications_own_step_may_be_called(folder: Path, tmp_path: Path) -> None:
    manifest = edited(folder, lambda m: m["pipeline"][0]["post"].append({"op": "acme.mark@1", "loud": True}))
    assert build(manifest, tmp_path / "a.edge").id == "tiny/color"


def test_a_folder_is_replaced_only_where_it_holds_a_bundle_and_nothing_else(
    folder: Path, tmp_path: Path
) -> None:
    manifest, out = edited(folder, lambda m: None), tmp_path / "out"
    build(manifest, out, unpacked=True)
    with pytest.raises(UsageError, match="is there already; give -f"):
        build(manifest, out, unpacked=True)
    build(edited(folder, lambda m: m.update(version="2")), out, unpacked=True, force=True)
    assert json.loads((out / "manifest.json").read_text())["version"] == "2"
    (out / "thesis.doc").write_text("years of work")
    with pytest.raises(UsageError, match=r"is not replaced: it holds thesis\.doc"):
        build(manifest, out, unpacked=True, force=True)
    assert (out / "thesis.doc").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["color", "out"]


def test_the_folder_of_the_sources_is_not_replaced(folder: Path) -> None:
    manifest = edited(folder, lambda m: None)
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError):
        build(manifest, folder, unpacked=True, force=True)
    assert sorted(folder.rglob("*")) == before


def test_a_source_is_not_overwritten(folder: Path) -> None:
    manifest = edited(folder, lambda m: None)
    for out in (manifest, folder / "color.onnx"):
        with pytest.raises(UsageError, match="is what the bundle is made of"):
            build(manifest, out, force=True)


def test_a_place_that_cannot_be_written_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    manifest = edited(folder, lambda m: None)
    for unpacked in (False, True):
        with pytest.raises(EdgeError, match="cannot be written: No such file"):
            build(manifest, tmp_path / "no/such/a.edge", unpacked=unpacked)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["color"]
