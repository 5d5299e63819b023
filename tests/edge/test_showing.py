"""Descriptions of bundles and models, found without a backend and without the store."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from edgeai.errors import BundleDamaged, InputError, ModelError, ModelNotFound
from edgeai.graph import GraphSummary, read_graph
from edgeai.showing import describe, look
from tests import real_bundles


def test_a_packed_bundle_is_the_bundle_of_its_folder(tmp_path: Path) -> None:
    folder = real_bundles.linear(tmp_path / "linear")
    packed = describe(real_bundles.pack(folder, tmp_path / "linear.edge"))
    unpacked = describe(folder)
    assert (packed.form, unpacked.form) == ("packed", "folder")
    assert packed.bundle.identity == unpacked.bundle.identity
    assert packed.files == unpacked.files
    assert (
        packed.graphs
        == unpacked.graphs
        == {
            ("linear", "f32"): read_graph(folder / "linear.onnx"),
            ("linear", "lite"): read_graph(folder / "linear.tflite"),
        }
    )


def test_looking_into_a_packed_bundle_leaves_no_file_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = real_bundles.pack(real_bundles.linear(tmp_path / "linear"), tmp_path / "linear.edge")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert all(isinstance(graph, GraphSummary) for graph in describe(packed).graphs.values())
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_model_file_that_cannot_be_read_is_told_by_its_name_in_the_bundle(tmp_path: Path) -> None:
    def damage(manifest: dict[str, object]) -> None:
        (tmp_path / "linear/linear.onnx").write_bytes(b"\x08\x09\xff\xff\xff\xff")
        manifest["models"]["linear"]["variants"][0]["files"] = {  # type: ignore[index]
            "linear.onnx": real_bundles.sha256(tmp_path / "linear/linear.onnx")
        }

    folder = real_bundles.linear(tmp_path / "linear", damage)
    packed = real_bundles.pack(folder, tmp_path / "linear.edge")
    reason = describe(packed).graphs["linear", "f32"]
    assert isinstance(reason, str)
    assert reason.startswith("linear.onnx is damaged or no ONNX file")
    assert isinstance(describe(packed).graphs["linear", "lite"], GraphSummary)


def test_a_signature_is_seen_and_not_believed(tmp_path: Path) -> None:
    folder = real_bundles.linear(tmp_path / "linear")
    assert not describe(folder).is_signed
    (folder / "manifest.sig").write_bytes(bytes(64))
    assert describe(folder).is_signed
    assert describe(real_bundles.pack(folder, tmp_path / "linear.edge")).is_signed


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        describe(tmp_path / "nosuch")
    with pytest.raises(ModelError, match=r"without a manifest\.json"):
        describe(tmp_path)
    with pytest.raises(InputError, match="is no path"), look(None):  # type: ignore[arg-type]
        pass
    (tmp_path / "cut.edge").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(BundleDamaged):
        describe(tmp_path / "cut.edge")
