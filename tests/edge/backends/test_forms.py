"""A form gives what the model gives: all of the table with a small model, ONNX Runtime's with public ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edgeai.backends import BACKENDS, Runner, RunOptions, is_installed, load_backend
from edgeai.backends.forms import FORMS, make_form
from edgeai.backends.tuning import Tuning
from edgeai.backends.worth_trying import forms_worth_trying
from edgeai.bundle import Variant
from edgeai.errors import InputError, ModelError
from edgeai.included import included_path
from edgeai.measure.inputs import candidate_shapes, synthetic_inputs
from edgeai.open_bundle import open_bundle
from tests.tiny_models import linear_onnx

ONNX_FORMS = [kind for kind, entry in FORMS.items() if entry.backend == "onnxruntime"]
AS_SAVED = Tuning(optimize="none")

# Forms are made in a child, because a library may crash over them.
MAKE = """
import sys
from pathlib import Path
from edgeai.backends import RunOptions
from edgeai.backends.forms import make_form
from edgeai.backends.tuning import Tuning
from edgeai.bundle import Variant
path, folder, size, *kinds = sys.argv[1:]
options = RunOptions(tuning=Tuning(sizes={"N": int(size)}))
for kind in kinds:
    (Path(folder) / kind).mkdir()
    make_form(kind, Variant("bare", "onnx", Path(path)), options, Path(folder) / kind)
"""
Made = Callable[[Path], dict[str, Path]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What to open of each form of ONNX Runtime by its kind, N fixed to 3; made once a model."""

    @cache
    def forms(path: Path) -> dict[str, Path]:
        folder = tmp_path_factory.mktemp("forms")
        subprocess.run(
            [sys.executable, "-c", MAKE, str(path), str(folder), "3", *ONNX_FORMS],
            check=True,
            timeout=300,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        return {kind: folder / kind / "model.onnx" for kind in ONNX_FORMS}

    return forms


def opened(path: Path, tuning: Tuning = AS_SAVED) -> Runner:
    return load_backend("onnxruntime").open(Variant("bare", "onnx", path), RunOptions(tuning=tuning))


def feed(runner: Runner, shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, np.ndarray]:
    chosen = next(iter(candidate_shapes(runner.inputs, shapes, None)))
    return synthetic_inputs(runner.inputs, chosen, {"sr": 16000} if len(shapes) > 1 else {}, seed)


PUBLIC: dict[str, list[dict[str, tuple[int, ...]]]] = {
    "face-onnx": [{}],  # convolutions in blocked layout
    "ppocr-rec": [{"x": (1, 3, 48, 160)}, {"x": (2, 3, 48, 96)}],  # dynamic dimensions
    "silero-vad": [{"input": (1, 576), "state": (2, 1, 128)}],  # weights in the bodies of If
}


@pytest.mark.parametrize("kind", ONNX_FORMS)
@pytest.mark.parametrize("model", PUBLIC)
def test_a_public_models_form_gives_the_same(
    kind: str, model: str, public_model: Callable[[str], Path], made: Made
) -> None:
    source = public_model(model)
    form, original = opened(made(source)[kind]), opened(source, Tuning())
    assert (form.inputs, form.outputs) == (original.inputs, original.outputs)
    for shapes in PUBLIC[model]:
        inputs = feed(original, shapes)
        expected, outputs = original.run(inputs), form.run(inputs)
        for name, array in expected.items():
            np.testing.assert_allclose(outputs[name], array, rtol=1e-5, atol=1e-6)


def bundled(name: str, variant: str) -> Path:
    bundle, _ = open_bundle(included_path(name))
    return next(each.path for each in bundle.models[0].variants if each.id == variant)


@pytest.mark.parametrize("kind", ONNX_FORMS)
def test_a_quantized_models_form_gives_the_same(kind: str, made: Made) -> None:
    source = bundled("digits", "onnx-int8-static")
    form, original = opened(made(source)[kind]), opened(source, Tuning())
    for seed in range(3):
        inputs = feed(original, {}, seed)
        for name, array in original.run(inputs).items():
            np.testing.assert_array_equal(form.run(inputs)[name], array)


@pytest.mark.parametrize("kind", ONNX_FORMS)
def test_a_form_of_fixed_sizes_has_them_and_refuses_others(kind: str, made: Made, tmp_path: Path) -> None:
    source = linear_onnx(tmp_path / "linear.onnx")
    form = opened(made(source)[kind], Tuning(optimize="none", sizes={"N": 3}))
    assert form.inputs[0].shape == (3, 4)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(form.run({"x": x})["y"], 2 * x + 1)
    with pytest.raises(InputError):
        form.run({"x": x[:2]})


@pytest.mark.parametrize("kind", ONNX_FORMS)
def test_weights_lie_beside_the_graph_wherever_it_is_moved(
    kind: str, public_model: Callable[[str], Path], made: Made, tmp_path: Path
) -> None:
    source = public_model("face-onnx")
    moved = shutil.copytree(made(source)[kind].parent, tmp_path / "moved")
    files = {path.name: path.stat().st_size for path in moved.iterdir()}
    assert files.keys() == {"model.onnx", "weights.bin"}
    assert files["weights.bin"] > source.stat().st_size // 2 > files["model.onnx"]
    opened(moved / "model.onnx")
    (moved / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx cannot be loaded"):
        opened(moved / "model.onnx")


def test_prepacked_weights_are_kept_in_their_own_layout(
    public_model: Callable[[str], Path], made: Made
) -> None:
    forms = made(public_model("ppocr-rec"))
    sizes = {kind: main.with_name("weights.bin").stat().st_size for kind, main in forms.items()}
    assert sizes["prepacked"] > sizes["optimized"]


@pytest.mark.parametrize("kind", ONNX_FORMS)
def test_a_damaged_file_is_said_to_be(kind: str, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x07no model")
    with pytest.raises(ModelError, match=r"bad\.onnx cannot be saved by ONNX Runtime"):
        make_form(kind, Variant("bare", "onnx", tmp_path / "bad.onnx"), RunOptions(), tmp_path)


@pytest.mark.parametrize("kind", ONNX_FORMS)
def test_only_graphs_for_the_cpu_are_saved(kind: str, tmp_path: Path) -> None:
    variant = Variant("bare", "onnx", linear_onnx(tmp_path / "linear.onnx"))
    with pytest.raises(ModelError, match="only graphs for the CPU"):
        make_form(kind, variant, RunOptions(providers=("cuda", "cpu")), tmp_path)


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    variant = Variant("bare", "onnx", tmp_path / "any.onnx")
    with pytest.raises(InputError, match="no form is called 'faster'; known: optimized"):
        make_form("faster", variant, RunOptions(), tmp_path)


@pytest.mark.parametrize("kind", FORMS)
def test_every_form_of_the_table_gives_what_its_backend_gives(kind: str, tmp_path: Path) -> None:
    entry = FORMS[kind]
    if not is_installed(entry.backend):
        pytest.skip(f"{entry.backend} is not installed")
    backend, format_ = load_backend(entry.backend), BACKENDS[entry.backend].formats[0]
    variant = Variant("bare", format_, bundled("digits", f"{format_}-f32"))
    folder = tmp_path / "form"
    folder.mkdir()
    main = make_form(kind, variant, RunOptions(), folder)
    assert main.parent == folder
    tuning = dict(forms_worth_trying(entry.backend, format_))[kind]
    if entry.is_model:
        form = backend.open(Variant("bare", format_, main), RunOptions(tuning=tuning))
    else:
        form = backend.open(variant, RunOptions(tuning=tuning, cache=main))
    original = backend.open(variant, RunOptions())
    inputs = feed(original, {})
    for name, array in original.run(inputs).items():
        np.testing.assert_allclose(form.run(inputs)[name], array, rtol=1e-5, atol=1e-6)
