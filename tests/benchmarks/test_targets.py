"""What of a path is measured, with which options, and what a manifest knows of a model's inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgeai.errors import InputError, ModelNotFound, UsageError
from edgeai.measure.protocol import InputRequest, ModelRequest
from edgeai_bench.suites import load_suite
from edgeai_bench.sweep import Sweep, jobs_for_files, jobs_for_suite
from edgeai_bench.targets import (
    Target,
    backends_here,
    check_inputs,
    chooses_sizes,
    completed,
    opened_target,
)
from tests import real_bundles
from tests.bench_bundles import FAKE, fake_bundle
from tests.tiny_models import linear_onnx

if TYPE_CHECKING:
    from edgeai_bench.sweep import Job

Manifest = dict[str, Any]


def target(path: Path, name: str | None = None) -> Target:
    with opened_target(path, name) as found:
        return found


def two_models(manifest: Manifest) -> None:
    manifest["models"]["second"] = manifest["models"]["linear"]


# --- which


def test_a_bare_file_is_measured_on_tensors(tmp_path: Path) -> None:
    path = linear_onnx(tmp_path / "a.onnx")
    found = target(path)
    assert found.bundle.is_bare
    assert found.model is not None
    with pytest.raises(InputError, match=r"a\.onnx is a bare model file, which has no model; leave it out"):
        target(path, "det")


def test_a_bundle_is_measured_as_a_whole_where_it_has_a_pipeline(tmp_path: Path) -> None:
    path = real_bundles.classifier(tmp_path)
    assert target(path).model is None
    named = target(path, "color").model
    assert named is not None
    assert named.name == "color"
    with pytest.raises(InputError, match="has no model 'det'; it has: color"):
        target(path, "det")


def test_a_bundle_of_one_model_without_a_pipeline_is_measured_as_that(tmp_path: Path) -> None:
    found = target(real_bundles.linear(tmp_path)).model
    assert found is not None
    assert found.name == "linear"


def test_of_several_models_without_a_pipeline_one_has_to_be_chosen(tmp_path: Path) -> None:
    path = real_bundles.linear(tmp_path, two_models)
    with pytest.raises(
        UsageError, match="has no pipeline, but models: linear, second; choose one with --model NAME"
    ):
        target(path)
    assert target(path, "second").model is not None


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        target(tmp_path / "absent.edge")


# --- with which options


@pytest.mark.parametrize(
    "inputs", [InputRequest(source="a.png"), InputRequest(chunk_s=0.02)], ids=["source", "chunk"]
)
def test_a_model_on_tensors_takes_no_source(inputs: InputRequest, tmp_path: Path) -> None:
    found = target(real_bundles.linear(tmp_path))
    with pytest.raises(UsageError, match="--source and --chunk go with a bundle's whole pipeline"):
        check_inputs(found, inputs)
    check_inputs(found, InputRequest(file="x.npy"))


@pytest.mark.parametrize(
    "inputs", [InputRequest(file="x.npy"), InputRequest(shapes={"x": (1,)}), InputRequest(batch=2)]
)
def test_a_pipeline_takes_no_tensors(inputs: InputRequest, tmp_path: Path) -> None:
    found = target(real_bundles.classifier(tmp_path))
    with pytest.raises(
        UsageError, match=r"go with a model; .* give --source, or choose a model with --model"
    ):
        check_inputs(found, inputs)
    check_inputs(found, InputRequest(source="a.png"))


def test_chunks_are_for_streams_and_of_a_length_that_makes_sense(tmp_path: Path) -> None:
    chunks = InputRequest(chunk_s=0.02)
    with pytest.raises(UsageError, match=r"--chunk is for streams of sound, and .* is none; leave it out"):
        check_inputs(target(real_bundles.classifier(tmp_path / "a")), chunks)
    stream = target(real_bundles.loudness(tmp_path / "b"))
    check_inputs(stream, chunks)
    for chunk_s in (0.0, 0.0009, 10.1):
        with pytest.raises(UsageError, match="give a time from 1ms to 10s"):
            check_inputs(stream, InputRequest(chunk_s=chunk_s))


# --- what the manifest knows


def test_constants_and_state_of_the_manifest_are_fed_as_it_says(tmp_path: Path) -> None:
    def constant(manifest: Manifest) -> None:
        model = manifest["models"]["loud"]
        model["inputs"]["sr"] = {"dtype": "i64", "shape": [], "value": 16000}
        model["state"][0]["initial"] = 0.5

    found = target(real_bundles.loudness(tmp_path, constant), "loud")
    inputs = completed(found, InputRequest())
    assert inputs.values == {"sr": 16000.0, "count": 0.5}
    assert inputs.loops == {"count": "next"}
    assert inputs.shapes == {"x": (1, 160), "count": (1, 1), "sr": ()}
    assert not chooses_sizes(found, InputRequest())


def ranged(manifest: Manifest) -> None:
    rows = manifest["models"]["linear"]["inputs"]["x"]
    rows["shape"] = ["N", "W"]
    rows["dims"] = {"W": {"min": 4, "opt": 8, "max": 16}}


def test_the_usual_sizes_are_taken_unless_the_user_gives_others(tmp_path: Path) -> None:
    found = target(real_bundles.linear(tmp_path, ranged))
    assert completed(found, InputRequest()).shapes == {"x": (1, 8)}
    assert completed(found, InputRequest(batch=3)).shapes == {"x": (3, 8)}
    assert completed(found, InputRequest(shapes={"x": (2, 4)})).shapes == {"x": (2, 4)}
    assert completed(found, InputRequest(shapes={"": (2, 4)})).shapes == {"": (2, 4)}
    assert completed(found, InputRequest(file="x.npy")).shapes == {}
    assert chooses_sizes(found, InputRequest())
    assert not chooses_sizes(found, InputRequest(shapes={"x": (2, 4)}))
    assert not chooses_sizes(found, InputRequest(file="x.npy"))


def test_sizes_that_the_manifest_leaves_open_are_tried_as_of_a_bare_model(tmp_path: Path) -> None:
    assert completed(target(real_bundles.linear(tmp_path)), InputRequest()).shapes == {}


def test_a_bare_models_inputs_stay_as_they_are(tmp_path: Path) -> None:
    asked = InputRequest(batch=2)
    assert completed(target(linear_onnx(tmp_path / "a.onnx")), asked) is asked


# --- jobs


def jobs(
    path: Path, name: str | None = None, **sweep: Any
) -> list[tuple[str | None, str | None, int | None]]:
    made = jobs_for_files([path], Sweep(**sweep), ModelRequest("", name=name), InputRequest())
    return [(job.model.variant, job.model.backend, job.model.threads) for job in made]


def test_variants_backends_and_threads_are_combined_where_they_fit(tmp_path: Path) -> None:
    path = real_bundles.linear(tmp_path)
    assert jobs(path) == [(None, "onnxruntime", None), (None, "litert", None)]
    assert jobs(path, variants=("f32", "lite"), threads=(1, 2)) == [
        ("f32", None, 1),
        ("f32", None, 2),
        ("lite", None, 1),
        ("lite", None, 2),
    ]
    assert jobs(path, backends=("onnxruntime", "litert")) == [
        (None, "onnxruntime", None),
        (None, "litert", None),
    ]
    assert jobs(path, backends=("onnxruntime", "litert", FAKE), variants=("lite",)) == [
        ("lite", "litert", None),
        ("lite", FAKE, None),
    ]


def test_the_default_is_each_backend_that_runs_the_bundle_here(tmp_path: Path) -> None:
    def needy(manifest: Manifest) -> None:
        for variant in manifest["models"]["linear"]["variants"]:
            if variant["format"] == "tflite":
                variant["needs"] = {"cpu": ["warp_drive"]}

    path = real_bundles.linear(tmp_path / "needy", needy)
    assert jobs(path) == [(None, None, None)]
    assert backends_here(target(path), ModelRequest("")) == ("onnxruntime",)
    with pytest.raises(InputError, match="has no variant 'nosuch'"):
        jobs(path, variants=("nosuch",))


def test_a_backend_has_to_read_every_model_of_a_pipeline(tmp_path: Path) -> None:
    def mixed(manifest: Manifest) -> None:
        linear = manifest["models"]["linear"]
        manifest["models"]["other"] = linear | {"variants": linear["variants"][:1]}
        manifest["pipeline"].append({"run": "other", "from": "source"})

    path = real_bundles.linear(tmp_path, mixed, pipeline=True)
    assert jobs(path, backends=("onnxruntime", "litert")) == [(None, "onnxruntime", None)]
    assert jobs(path, "linear", backends=("onnxruntime", "litert")) == [
        (None, "onnxruntime", None),
        (None, "litert", None),
    ]
    with pytest.raises(UsageError, match="none of the backends litert reads"):
        jobs(path, backends=("litert",))


def test_a_bare_file_has_no_variants(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.onnx is a bare model file, which has no variant; leave it out"):
        jobs(linear_onnx(tmp_path / "a.onnx"), variants=("f32",))


def test_jobs_are_called_by_what_of_the_bundle_runs(tmp_path: Path) -> None:
    path = real_bundles.linear(tmp_path / "door.edge", pipeline=True)

    def names(name: str | None, **sweep: Any) -> list[str]:
        made: list[Job] = jobs_for_files([path], Sweep(**sweep), ModelRequest("", name=name), InputRequest())
        return [job.name for job in made]

    assert names(None, backends=("onnxruntime",)) == ["door.edge"]
    assert names("linear", variants=("f32", "lite")) == ["door.edge:linear/f32", "door.edge:linear/lite"]


def test_a_suite_may_name_a_bundle_by_its_path(tmp_path: Path) -> None:
    real_bundles.classifier(tmp_path / "color.edge")
    linear_onnx(tmp_path / "a.onnx")
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'name = "mine"\n[[models]]\nid = "color"\npath = "color.edge"\n'
        '[[models]]\nid = "a"\npath = "a.onnx"\n'
    )
    made, skipped = jobs_for_suite(load_suite(suite), Sweep(), ModelRequest(""), InputRequest())
    assert [(job.name, job.model_id, job.backend) for job in made] == [
        ("color", "color", None),
        ("a", "a", "onnxruntime"),
    ]
    assert skipped == []


def test_a_fake_bundle_is_read_by_its_own_backend_alone(tmp_path: Path) -> None:
    path = fake_bundle(tmp_path, {"m": {}}, [{"run": "m"}])
    assert jobs(path, backends=(FAKE,)) == [(None, FAKE, None)]
