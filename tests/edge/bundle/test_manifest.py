"""A manifest is read into types; every mistake names the file and the path inside it."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.bundle.declared import (
    Batch,
    Condition,
    Context,
    Internal,
    Loop,
    RunStage,
    SizeRange,
    Source,
    StepCall,
    StepStage,
    Window,
)
from edgeai.bundle.manifest import named_files, parse_manifest, unknown_keys
from edgeai.bundle.types import Bundle
from edgeai.errors import BundleTooNew, ManifestError
from tests.manifests import DROP, changed, full_manifest, sha

FOLDER = Path("/bundles/door")
SCHEMA = json.loads(resources.files("edgeai.bundle").joinpath("manifest.schema.json").read_text("utf-8"))


def read(manifest: dict[str, Any]) -> Bundle:
    return parse_manifest(manifest, FOLDER, Path("door.edge"))


def test_every_key_arrives_in_its_type() -> None:
    bundle = read(full_manifest())
    vad, det = bundle.models
    assert (bundle.id, bundle.version, bundle.licence) == ("acme/door", "1.4.0", "Apache-2.0")
    assert bundle.source == Source("audio", 16000)
    assert vad.state == (Loop("state", "next", 0.5), Context("x", 64), Internal())
    assert vad.window == Window("x", 512, 256, 16000.0, 10, 0.0)
    assert vad.inputs["sr"].value == 16000
    assert det.window is None
    assert det.inputs["x"].ranges == {"H": SizeRange(160, 320, 640, 32), "W": SizeRange(160, 320, 640, 32)}
    s8, f32 = vad.variants
    assert s8.path == FOLDER / "vad/s8.onnx"
    assert s8.needs.versions == {"onnxruntime": ">=1.20,<2"}
    assert (s8.needs.ir, s8.needs.cpu, s8.needs.providers) == (10, ("asimddp",), ("cpu",))
    assert (s8.names, s8.tolerance) == ({"x": "input:0"}, {"cosine": 0.99})
    assert s8.cost == {"multiply_accumulates": 679552, "inputs": {"x": [1, 576]}}
    assert f32.cost == {}
    assert (f32.path, f32.signature) == (FOLDER / "vad/f32.tflite", "serving_default")
    first, second, third = bundle.stages
    assert isinstance(first, RunStage)
    assert first.pre == (StepCall("resample@1", {"rate": 16000}, "pipeline[0].pre[0]"),)
    assert isinstance(second, StepStage)
    assert second.step == StepCall("acme.mark@2", {"loud": True}, "pipeline[1]")
    assert isinstance(third, RunStage)
    assert (third.batch, third.only_if) == (Batch(4, 0.0), Condition("speech", 0.5, 1.0, 0.5))
    assert bundle.result == "speech"
    assert bundle.golden[0].inputs == FOLDER / "golden/in.npz"
    assert bundle.golden[1].tolerance == {"abs": 0.01}
    assert unknown_keys(full_manifest()) == []


def test_the_files_of_models_and_assets_are_named_with_their_hashes() -> None:
    assert named_files(full_manifest()) == {
        "vad/s8.onnx": "1" * 64,
        "vad/s8.data": "2" * 64,
        "vad/f32.tflite": "3" * 64,
        "det.onnx": "4" * 64,
        "golden/in.npz": "5" * 64,
        "golden/out.npz": "6" * 64,
        "golden/a.wav": "7" * 64,
    }


MISTAKES: list[tuple[str, Any, str]] = [
    ("schema", DROP, "schema: is missing"),
    ("schema", 0, "schema: is 0; give a whole number from 1"),
    ("id", "../x", "id: is '../x'; give a name such as acme/door"),
    ("version", "", "version: is empty"),
    ("models", {}, "models: is missing or empty"),
    ("models", [], "models: is a list, []; give an object"),
    ("models.vad.variants", [], "models.vad.variants: is missing or empty"),
    ("models.vad.variants.1.id", "s8", "models.vad.variants[1].id: is 's8', which an earlier variant"),
    ("models.vad.variants.0.files", {}, "models.vad.variants[0].files: is missing or empty"),
    (
        "models.vad.variants.0.entry",
        "x.onnx",
        "variants[0].entry: is 'x.onnx'; give one of the variant's files",
    ),
    (
        "models.vad.variants.0.files",
        {"a.onnx": sha(1), "b.onnx": sha(2)},
        "variants[0].entry: is 'vad/s8.onnx'",
    ),
    ("models.vad.variants.0.files", {"../a": sha(1)}, "models.vad.variants[0].files.../a: is no path inside"),
    (
        "models.vad.variants.0.files",
        {"manifest.sig": sha(1)},
        "files.manifest.sig: is a name that a bundle's own",
    ),
    (
        "models.vad.variants.0.files",
        {"a": "sha256:12"},
        "variants[0].files.a: is 'sha256:12'; give sha256: and 64",
    ),
    ("models.vad.variants.0.needs.ort", "1.20", "variants[0].needs.ort: is '1.20'; give a version range"),
    ("models.vad.variants.0.cost", 12, "variants[0].cost: is no object"),
    ("models.vad.variants.0.needs.ir", True, "variants[0].needs.ir: is true or false, True"),
    ("models.vad.variants.0.tolerance", {"cosine": "x"}, "variants[0].tolerance.cosine: is a text, 'x'"),
    ("models.vad.inputs.x.dtype", "float", "models.vad.inputs.x.dtype: is 'float'; give one of: bool, f16"),
    ("models.vad.inputs.x.shape", DROP, "models.vad.inputs.x.shape: is missing or no list"),
    ("models.vad.inputs.x.shape", [1, -1], "models.vad.inputs.x.shape[1]: is -1; give a size"),
    ("models.vad.inputs.x.shape", [1, 1.5], "models.vad.inputs.x.shape[1]: is 1.5; give a size"),
    ("models.det.inputs.x.layout", "NHW", "models.det.inputs.x.layout: is 'NHW', which has not as many"),
    ("models.det.inputs.x.color", "rgb", "models.det.inputs.x.color: is 'rgb'; give one of: RGB"),
    ("models.det.inputs.x.dims.Q", "=H", "models.det.inputs.x.dims.Q: is no dimension"),
    ("models.det.inputs.x.dims.W", "=Z", "models.det.inputs.x.dims.W: is '=Z'"),
    ("models.det.inputs.x.dims.H.opt", 900, "models.det.inputs.x.dims.H: must have min <= opt <= max"),
    ("models.vad.state.0.kind", "lstm", "models.vad.state[0].kind: is 'lstm'; give one of: loop"),
    ("models.vad.state.0.input", "q", "models.vad.state[0].input: is 'q'; give one of: x, state, sr"),
    ("models.vad.state.0.output", "q", "models.vad.state[0].output: is 'q'; give one of: y, next"),
    ("models.vad.state.1.size", 0, "models.vad.state[1].size: is 0; give a whole number from 1"),
    (
        "models.vad.inputs.state.shape",
        [2, "N", 128],
        "models.vad.state[0].input: is state: f32[2, N, 128]; state needs",
    ),
    ("models.vad.state.0.input", "sr", "models.vad.state[0].input: is 'sr', which is filled already"),
    ("models.vad.state.0.output", "y", "state[0].output: is y: f32[1, 1], which does not fit input"),
    ("models.vad.state.1.input", "sr", "state: gives a context to 'sr', which the caller does not fill"),
    ("models.vad.state.1.size", 10**9, "models.vad.state[1].size: is 1,000,000,000; the most are"),
    ("models.vad.window.input", "state", "window.input: is 'state', which the caller does not fill"),
    ("models.vad.window.size", 10**9, "models.vad.window: has more than 16,777,216 elements"),
    ("models.vad.window.lead", 513, "has more than 16,777,216 elements, or a lead that is longer"),
    ("models.vad.window.rate", 0, "models.vad.window.rate: is 0; give a number above 0"),
    ("models.vad.window.input", "q", "models.vad.window.input: is 'q'"),
    ("models.vad.window", 5, "models.vad.window: is neither an object nor null"),
    ("source.kind", "smell", "source.kind: is 'smell'; give one of: image, audio"),
    ("source", {"kind": "audio"}, "source.rate: is missing; say at how many samples"),
    ("pipeline.0.from", "later", "pipeline[0].from: is 'later'; give one of: source"),
    ("pipeline.0.run", "nosuch", "pipeline[0].run: is 'nosuch'; give one of: vad, det"),
    ("pipeline.0.pre.0.op", "resample", "pipeline[0].pre[0].op: is 'resample'; give a step with its version"),
    ("pipeline.0.prre", [], "pipeline[0].prre: is no key of a stage that runs a model"),
    ("pipeline.1.op", DROP, "pipeline[1]: has neither `run` nor `op`"),
    ("pipeline.1.as", "speech", "pipeline[1].as: is 'speech', which an earlier value is called too"),
    ("pipeline.1.as", "source", "pipeline[1].as: is 'source', which an earlier value"),
    ("pipeline.2.batch", "yes", "pipeline[2].batch: is neither true, false nor an object"),
    (
        "pipeline.2.only_if.from",
        "source",
        "pipeline[2].only_if.from: is 'source'; give one of: marked, speech",
    ),
    ("pipeline.2.only_if.abov", 1, "pipeline[2].only_if.abov: is not a key"),
    ("result", "nosuch", "result: is 'nosuch'; give one of: speech, marked, found"),
    ("golden.0.outputs", DROP, "golden[0]: names a model, so it needs `inputs` and `outputs`"),
    ("golden.0.inputs", "x.npz", "golden[0].inputs: is 'x.npz'; give one of: golden/in.npz"),
    ("golden.1.source", DROP, "golden[1]: needs a `source`"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES)
def test_a_mistake_names_the_file_and_the_path_inside_it(path: str, value: Any, message: str) -> None:
    with pytest.raises(ManifestError) as error:
        read(changed(path, value))
    assert str(error.value).startswith("door.edge: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_one_path_has_one_hash() -> None:
    with pytest.raises(ManifestError, match=r"files\.det\.onnx: has another sha256 elsewhere"):
        read(changed("assets", {**full_manifest()["assets"], "det.onnx": sha(9)}))


def test_a_golden_source_needs_a_pipeline() -> None:
    manifest = changed("pipeline", [])
    del manifest["result"]
    with pytest.raises(ManifestError, match=r"golden\[1\]: has a source, but the bundle has no pipeline"):
        read(manifest)


def test_a_newer_schema_and_an_unknown_requirement_are_refused_by_name() -> None:
    with pytest.raises(BundleTooNew, match="has schema 2, this edgeai reads 1; update edgeai"):
        read(changed("schema", 2))
    with pytest.raises(BundleTooNew, match=r"requires teleport, .* \(it knows: pipeline, state, window\)"):
        read(changed("requires", ["pipeline", "teleport"]))


def test_unknown_optional_keys_are_kept_and_named() -> None:
    manifest = changed("models.vad.varaints", [1])
    manifest["models"]["vad"]["variants"][0]["hef"] = {"a": 1}
    manifest["future"] = {"deep": [1, 2]}
    manifest["models"]["vad"]["inputs"]["x"]["unit"] = "V"
    bundle = read(manifest)
    assert bundle.manifest == manifest
    assert unknown_keys(manifest) == [
        "models.vad.inputs.x.unit",
        "models.vad.variants[0].hef",
        "models.vad.varaints",
        "future",
    ]


def test_a_need_that_is_not_known_is_kept_as_such() -> None:
    bundle = read(changed("models.vad.variants.0.needs.npu_driver", ">=2"))
    assert bundle.models[0].variants[0].needs.unknown == ("npu_driver",)


def test_the_source_follows_from_the_first_model_that_runs_where_none_is_declared() -> None:
    assert read(changed("source", DROP)).source == Source("audio", 16000)
    image = changed("source", DROP)
    image["pipeline"] = [{"run": "det", "as": "found"}]
    del image["result"], image["golden"]
    assert read(image).source == Source("image")
    image["models"]["det"]["inputs"]["x"] = {"dtype": "f32", "shape": [1]}
    assert read(image).source == Source("tensors")


def test_the_full_manifest_fits_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(full_manifest(), SCHEMA)


# What only a reader can say, since it depends on other places of the manifest.
BEYOND_A_SCHEMA = (
    "earlier", "entry", "is no dimension", "'=Z'", "min <= opt", "'q'", "state needs",
    "which has not as many", "'later'", "filled already", "does not fit",
    "the caller does not fill", "the most are", "16,777,216", "'nosuch'", "'x.npz'", "give one of: marked",
)  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES)
def test_the_schema_refuses_what_the_reader_refuses(path: str, value: Any, message: str) -> None:
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(changed(path, value))
    assert valid == any(word in message for word in BEYOND_A_SCHEMA)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 20000) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[str, ...] = ()) -> list[str]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [".".join(path)] if path else []
    # A key with a dot cannot be written as a path here.
    return found + [p for key, each in inner if "." not in str(key) for p in places(each, (*path, str(key)))]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(places(full_manifest())), JSON | st.just(DROP))
def test_whatever_is_changed_is_an_error_of_ours_or_a_bundle(path: str, value: Any) -> None:
    manifest = changed(path, value)
    try:
        bundle = read(manifest)
    except (ManifestError, BundleTooNew):
        return
    assert bundle.manifest == manifest
