"""A bundle opens with the variant that runs here, and says why; what cannot be opened says that too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai
from edgeai.bundle.pack import pack
from edgeai.errors import (
    BackendMissing,
    BundleDamaged,
    InputError,
    ManifestError,
    ModelError,
    SessionClosed,
    VariantSkipped,
)
from edgeai.store import Store
from tests.tiny_models import linear_onnx, linear_tflite

X = np.arange(4, dtype=np.float32).reshape(1, 4)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """y = 2 x + 1 as ONNX and as TFLite, and files that no backend opens."""
    folder = tmp_path / "linear.edge"
    folder.mkdir()
    linear_onnx(folder / "linear.onnx")
    linear_tflite(folder / "linear.tflite")
    (folder / "damaged.onnx").write_bytes(b"\x08\x08damaged")
    (folder / "linear.hef").write_bytes(b"HEF")
    return folder


def variant(folder: Path, name: str, **more: Any) -> dict[str, Any]:
    sha256 = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return {"id": name, "format": Path(name).suffix[1:], "files": {name: f"sha256:{sha256}"}, **more}


def write(folder: Path, *variants: dict[str, Any], **changes: Any) -> Path:
    tensor = {"dtype": "f32", "shape": ["N", 4]}
    model = {"inputs": {"x": tensor}, "outputs": {"y": tensor}, "variants": list(variants)}
    manifest = {"schema": 1, "id": "a/b", "version": "1", "models": {"m": model}} | changes
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_bundle_of_one_model_is_run_as_a_bare_model_is(folder: Path) -> None:
    with edgeai.load(write(folder, variant(folder, "linear.onnx"))) as session:
        assert session.run(X)["y"].tolist() == [[1, 3, 5, 7]]
        assert (session.variant, session.backend) == ("linear.onnx", "onnxruntime")
        assert session.why == ("m: linear.onnx on onnxruntime: the only one that runs here",)


def test_what_was_skipped_has_its_reason_in_why(folder: Path) -> None:
    needy = variant(folder, "linear.tflite", needs={"cpu": ["asimddp", "avx2"]})
    needy["needs"]["cpu"] = ["no_such_feature"]
    variants = (variant(folder, "linear.hef"), needy, variant(folder, "linear.onnx"))
    with edgeai.load(write(folder, *variants)) as session:
        assert session.why == (
            "m: linear.onnx on onnxruntime: the only one that runs here",
            "m: skipped linear.hef: no backend here reads the format hef",
            "m: skipped linear.tflite: needs no_such_feature, which this CPU lacks",
        )


def test_a_variant_that_should_open_and_does_not_is_skipped_aloud(folder: Path) -> None:
    write(folder, variant(folder, "damaged.onnx"), variant(folder, "linear.onnx"))
    with pytest.warns(
        VariantSkipped, match=r"damaged.onnx on onnxruntime: does not open: .*linear.onnx runs instead"
    ):
        session = edgeai.load(folder)
    assert session.variant == "linear.onnx"
    session.close()


def test_the_users_word_goes_before_the_profiles(folder: Path) -> None:
    write(folder, variant(folder, "linear.onnx"), variant(folder, "linear.tflite"))
    with edgeai.load(folder, variant="linear.tflite") as session:
        assert (session.variant, session.backend) == ("linear.tflite", "litert")
        assert session.why[0] == "m: linear.tflite on litert: as was asked for"
    with edgeai.load(folder, backend="litert") as session:
        assert session.variant == "linear.tflite"
    with edgeai.load(folder, device="raspberry-pi-zero-2-w") as session:
        assert session.backend == "litert"
        assert "raspberry-pi-zero-2-w's backends, before linear.onnx on onnxruntime" in session.why[0]


def test_where_nothing_runs_every_reason_is_told(folder: Path) -> None:
    write(folder, variant(folder, "linear.hef"), variant(folder, "linear.onnx", needs={"ort": ">=99"}))
    with pytest.raises(ModelError) as error:
        edgeai.load(folder)
    assert "no variant of model 'm' runs here: linear.hef: no backend here reads the format hef; " in str(
        error.value
    )
    assert "linear.onnx on onnxruntime: needs version >=99, here is 1." in str(error.value)


def test_where_only_a_library_is_missing_the_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeai.variants.is_installed", lambda name: False)
    with pytest.raises(BackendMissing, match=r"not installed: pip install 'edgeai\[onnx\]'"):
        edgeai.load(write(folder, variant(folder, "linear.onnx")))


def test_a_files_own_names_are_mapped_to_the_manifests(folder: Path) -> None:
    tensor = {"dtype": "f32", "shape": [1, 4]}
    mapped = variant(folder, "linear.onnx", names={"in": "x", "out": "y"})
    models = {"m": {"inputs": {"in": tensor}, "outputs": {"out": tensor}, "variants": [mapped]}}
    with edgeai.load(write(folder, models=models)) as session:
        assert [spec.name for spec in (*session.inputs, *session.outputs)] == ["in", "out"]
        assert session.run({"in": X})["out"].tolist() == [[1, 3, 5, 7]]
        out = np.empty((1, 4), np.float32)
        assert session.run(X, out={"out": out})["out"] is out
    mapped["names"] = {"in": "nosuch"}
    with pytest.raises(ManifestError, match=r"names.in is 'nosuch', which the file has not; it has: x, y"):
        edgeai.load(write(folder, models=models))


@pytest.mark.parametrize(
    ("key", "tensors", "message"),
    [
        (
            "inputs",
            {"q": {"dtype": "f32", "shape": [1, 4]}},
            r"models.m.inputs are q; the file has x: f32\[N, 4\]",
        ),
        (
            "inputs",
            {"x": {"dtype": "i64", "shape": [1, 4]}},
            r"models.m.inputs.x is declared as x: i64\[1, 4\]",
        ),
        (
            "outputs",
            {"y": {"dtype": "f32", "shape": [1, 5]}},
            r"models.m.outputs.y is declared as y: f32\[1, 5\]",
        ),
        ("outputs", {"y": {"dtype": "f32", "shape": [4]}}, r"models.m.outputs.y is declared as y: f32\[4\]"),
    ],
)
def test_a_signature_that_the_file_does_not_have_is_a_mistake_of_the_manifest(
    folder: Path, key: str, tensors: dict[str, Any], message: str
) -> None:
    model = {"variants": [variant(folder, "linear.onnx")], key: tensors}
    with pytest.raises(ManifestError, match=message):
        edgeai.load(write(folder, models={"m": model}))


def two_models(folder: Path) -> Path:
    one = {"variants": [variant(folder, "linear.onnx")]}
    other = {"variants": [variant(folder, "linear.tflite")]}
    return write(folder, models={"first": one, "second": other})


def test_of_several_models_one_is_chosen_by_name(folder: Path) -> None:
    with edgeai.load(two_models(folder), model="second") as session:
        assert session.backend == "litert"
        assert session.run(X)["y"].tolist() == [[1, 3, 5, 7]]
    with pytest.raises(InputError, match="has no model 'third'; it has: first, second"):
        edgeai.load(folder, model="third")


def test_several_models_take_tensors_by_name_only(folder: Path) -> None:
    with edgeai.load(two_models(folder)) as session:
        assert session.models["first"].run(X)["y"].tolist() == [[1, 3, 5, 7]]
        assert session.backend == "onnxruntime, litert"
        with pytest.raises(
            InputError, match=r"holds several models \(first, second\); use predict\(\), or open one"
        ):
            session.run({})
        with pytest.raises(InputError, match="has no pipeline; use run"):
            session.predict(X)
    with pytest.raises(SessionClosed):
        session.models["first"].run(X)


def test_a_bundle_without_a_pipeline_says_so(folder: Path) -> None:
    with edgeai.load(write(folder, variant(folder, "linear.onnx"))) as session:
        for call in (lambda: session.predict(X), session.stream):
            with pytest.raises(InputError, match=r"has no pipeline; use run\(\) with arrays: x: f32\[N, 4\]"):
                call()


def test_tensors_go_through_a_pipeline_of_tensors(folder: Path) -> None:
    steps: dict[str, Callable[..., Any]] = {"a.plus@1": lambda outputs, by: outputs.tensors["y"] + by}
    pipeline = [
        {"run": "m", "as": "once", "post": [{"op": "a.plus@1", "by": 100}]},
        {"run": "m", "from": "once", "as": "twice"},
    ]
    write(folder, variant(folder, "linear.onnx"), pipeline=pipeline)
    with edgeai.load(folder, steps=steps) as session:
        result = session.predict({"x": X})
        assert result.value.tensors["y"].tolist() == [[203, 207, 211, 215]]
        assert list(result.values) == ["source", "once", "twice"]
        assert result.to_json() == {"y": [[203.0, 207.0, 211.0, 215.0]]}
        with pytest.raises(
            InputError, match="this pipeline takes arrays, or a dict of arrays by name, and got a str"
        ):
            session.predict("x")
        with pytest.raises(
            InputError, match="rate is for sound, and this pipeline takes tensors; leave it out"
        ):
            session.predict(X, rate=8)
    with pytest.raises(
        ManifestError, match=r"pipeline\[0\].post\[0\]: calls the step a.plus@1, which is not built in"
    ):
        edgeai.load(folder)


def test_a_packed_bundle_is_unpacked_once_and_held_while_it_is_open(folder: Path, home: Path) -> None:
    write(folder, variant(folder, "linear.onnx"))
    manifest = json.loads((folder / "manifest.json").read_text())
    packed = folder.parent / "packed.edge"
    pack(folder, manifest, packed)
    store = Store(home)
    with edgeai.load(packed) as session:
        assert session.run(X)["y"].tolist() == [[1, 3, 5, 7]]
        assert store.gc(all=True).freed_bytes == 0
        with edgeai.load(packed) as again:
            assert again.run(X)["y"].tolist() == [[1, 3, 5, 7]]
        assert len(store.list()) == 1
    assert store.gc(all=True).freed_bytes > 0
    assert store.list() == ()


def test_a_session_that_goes_away_without_being_closed_lets_its_bundle_go(folder: Path, home: Path) -> None:
    write(folder, variant(folder, "linear.onnx"))
    packed = folder.parent / "packed.edge"
    pack(folder, json.loads((folder / "manifest.json").read_text()), packed)
    session = edgeai.load(packed)
    assert Store(home).gc(all=True).freed_bytes == 0
    del session
    assert Store(home).gc(all=True).freed_bytes > 0


def test_a_missing_file_of_an_unpacked_bundle_is_named(folder: Path) -> None:
    write(folder, variant(folder, "linear.onnx"))
    (folder / "linear.onnx").unlink()
    with pytest.raises(BundleDamaged, match=r"linear.onnx is missing; copy the bundle again"):
        edgeai.load(folder)


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"is a directory without a manifest.json; give a .edge, .onnx or .tflite file"
    ):
        edgeai.load(tmp_path)


@pytest.mark.parametrize("word", ["model", "variant"])
def test_a_bare_model_has_no_models_and_variants_to_choose(folder: Path, word: str) -> None:
    with pytest.raises(InputError, match=f"is a bare model file, which has no {word}; leave it out"):
        edgeai.load(folder / "linear.onnx", **{word: "x"})  # type: ignore[arg-type]


def test_a_bundle_names_signatures_itself(folder: Path) -> None:
    with pytest.raises(InputError, match="is a bundle, whose manifest names signatures; leave it out"):
        edgeai.load(write(folder, variant(folder, "linear.tflite")), signature="serving_default")
