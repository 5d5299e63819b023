"""PyTorch modules and programs as sources, and the mistakes that users make, each one line."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime", minversion="1.31")
onnx = pytest.importorskip("onnx")

import edgeai  # noqa: E402
from edgeai.errors import ExportError, ModelError, UsageError  # noqa: E402
from edgeai_exporters.exported import Exported  # noqa: E402
from edgeai_exporters.sources import SourceOptions, open_source  # noqa: E402

# torch.export warns of its own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

NET = Path(__file__).with_name("own_net.py")


def line_of(text: str) -> int:
    """Where a text stands in the user's file."""
    return 1 + [text in line for line in NET.read_text().splitlines()].index(True)


def factory(name: str) -> str:
    return f"{NET}:{name}"


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    options = SourceOptions(
        shapes={"image": ("batch", 3, "height", 8)}, dims={"batch": (1, 64), "height": (4, 32)}
    )
    options = SourceOptions(shapes={**options.shapes, "scale": ("batch", 4)}, dims=options.dims)
    return open_source(factory("with_examples"), tmp_path_factory.mktemp("out"), options)


def test_inputs_and_outputs_have_the_names_of_the_code_and_open_dimensions_theirs(pooled: Exported) -> None:
    assert (pooled.name, pooled.format) == ("own_net", "onnx")
    with edgeai.load(pooled.path) as session:
        assert [(spec.name, spec.shape) for spec in session.inputs] == [
            ("image", ("batch", 3, "height", 8)),
            ("scale", ("batch", 4)),
        ]
        assert [(spec.name, spec.shape) for spec in session.outputs] == [
            ("scores", ("batch", 5)),
            ("pooled", ("batch", 4)),
        ]


@pytest.mark.parametrize(("batch", "height"), [(1, 4), (3, 9), (7, 31), (64, 32)])
def test_the_file_gives_what_the_module_gives_in_evaluation(
    pooled: Exported, batch: int, height: int
) -> None:
    from tests.exporters.sources.own_net import with_examples

    module = with_examples()[0].eval()
    random = np.random.default_rng(batch)
    feed: dict[str, Any] = {
        "image": random.standard_normal((batch, 3, height, 8)).astype(np.float32),
        "scale": random.standard_normal((batch, 4)).astype(np.float32),
    }
    with torch.no_grad():
        want = module(*[torch.from_numpy(array) for array in feed.values()])
    assert pooled.reference is not None
    reference = pooled.reference(feed)
    with edgeai.load(pooled.path) as session:
        got = session.run(feed)
    for name, tensor in want.items():
        assert np.abs(got[name] - tensor.numpy()).max() <= 1e-6
        assert np.array_equal(reference[name], tensor.numpy())


def test_one_file_that_every_runtime_reads_without_paths_of_this_machine(pooled: Exported) -> None:
    model = onnx.load(pooled.path, load_external_data=False)
    assert (model.ir_version, model.opset_import[0].version) == (10, 18)
    assert [path.name for path in pooled.path.parent.iterdir()] == ["own_net.onnx"]
    assert b"own_net.py" not in pooled.path.read_bytes()
    assert [array.shape for array in pooled.examples[0].values()] == [(1, 3, 9, 8), (1, 4)]
    assert pooled.provenance["factory"] == "own_net.py:with_examples"


def test_the_batch_needs_no_place_and_shapes_make_examples(tmp_path: Path) -> None:
    options = SourceOptions(shapes={"input": (1, 4)}, opset=20)
    fixed = open_source(factory("without_examples"), tmp_path, options)
    with edgeai.load(fixed.path) as session:
        assert session.inputs[0].shape == (1, 4)
    assert onnx.load(fixed.path).opset_import[0].version == 20
    np.savez(tmp_path / "inputs.npz", input=np.ones((1, 4), np.float32))
    options = SourceOptions(example=tmp_path / "inputs.npz", dims={"batch": (1, 8)})
    with edgeai.load(open_source(factory("without_examples"), tmp_path / "out", options).path) as session:
        assert session.inputs[0].shape == ("batch", 4)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "raises",
            rf"own_net\.py:raises failed: 'weights' \(KeyError\) at own_net\.py:{line_of('return {}[')}$",
        ),
        ("absent", r"own_net\.py has no function 'absent' for a model"),
        (
            "nothing",
            r"returned nothing; return a torch\.nn\.Module, a keras\.Model, or \(module, example_inputs\)",
        ),
        ("the_class", "returned the class Pooled itself and no instance of it"),
        (
            "weights",
            r"returned a dict, perhaps of weights \(load them into the module with load_state_dict\)",
        ),
        ("without_examples", r"no example inputs; return \(module, example_inputs\).*--example.*--shape"),
        (
            "wrong_examples",
            rf"does not take its example inputs \(image float32\[1, 4, 9, 8\].*4 "
            rf"channels.*:{line_of('self.drop(self')}$",
        ),
        ("misspelt_examples", "example input 'picture' is no parameter of forward; it takes image, scale"),
        ("too_few_examples", "example inputs lack scale; the module's forward takes image, scale"),
        ("no_tensor", "example input 'scale' is a str; give a tensor"),
        (
            "one_path",
            rf"depends on values in a tensor at own_net\.py:{line_of('if x.sum()')}; use torch\.where",
        ),
        ("svd", r"operator aten\._linalg_svd\.default \(node %_linalg_svd\) has no ONNX form"),
        ("text_out", "the model returns a str as name; return tensors"),
    ],
)
def test_a_mistake_in_the_users_code_is_one_line_and_leaves_nothing(
    tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(ExportError, match=message) as caught:
        open_source(factory(name), tmp_path, SourceOptions())
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_dimension_that_the_model_fixes_is_named_and_not_fixed_in_silence(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"dimension 'batch' only works as 2.*; leave it fixed"):
        open_source(factory("two_rows"), tmp_path, SourceOptions(dims={"batch": (1, 8)}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            SourceOptions(dims={"height": (1, 8)}),
            "dimension 'height' has no place; say which axis it is in a shape",
        ),
        (SourceOptions(shapes={"picture": (1, 2)}), "no input is called 'picture'; inputs: image, scale"),
        (SourceOptions(shapes={"": (1, 2)}), "say which input a shape is for, as NAME:SIZES"),
        (
            SourceOptions(shapes={"scale": (1, 5)}),
            r"shape 1x5 does not fit the example of input 'scale', which is \[1, 4\]",
        ),
    ],
)
def test_options_that_do_not_fit_the_model_are_named(
    tmp_path: Path, options: SourceOptions, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        open_source(factory("with_examples"), tmp_path, options)


def test_a_file_that_does_not_load_says_where(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\nimport no_such_library\n")
    with pytest.raises(
        ExportError, match=r"No module named 'no_such_library' \(ModuleNotFoundError\) at broken\.py:2$"
    ):
        open_source(f"{tmp_path / 'broken.py'}:build", tmp_path / "out")
    (tmp_path / "odd.py").write_text("def build(:\n")
    with pytest.raises(ExportError, match=r"\(SyntaxError\) at odd\.py:1$"):
        open_source(f"{tmp_path / 'odd.py'}:build", tmp_path / "out")
    with pytest.raises(ExportError, match=r"absent\.py: no such file"):
        open_source(f"{tmp_path / 'absent.py'}:build", tmp_path / "out")
    with pytest.raises(ExportError, match="No module named 'no_such_package'"):
        open_source("no_such_package.net:build", tmp_path / "out")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program with an open batch and an open length, as a user saves it."""
    from tests.exporters.sources.own_net import with_examples

    module, _ = with_examples()
    batch, height = torch.export.Dim("b", min=1, max=16), torch.export.Dim("h", min=4, max=32)
    made = torch.export.export(
        module.eval(),
        (torch.ones(2, 3, 9, 8),),
        {"scale": torch.ones(2, 4)},
        dynamic_shapes={"image": {0: batch, 2: height}, "scale": {0: batch}},
    )
    path = tmp_path_factory.mktemp("program") / "pooled.pt2"
    torch.export.save(made, path)
    return path


def test_a_program_keeps_what_was_open_in_it(program: Path, tmp_path: Path) -> None:
    exported = open_source(str(program), tmp_path)
    assert exported.provenance["source"] == "torch"
    with edgeai.load(exported.path) as session:
        assert [(spec.name, spec.shape) for spec in session.inputs] == [
            ("image", ("batch", 3, "image_2", 8)),
            ("scale", ("batch", 4)),
        ]
        feed = {"image": np.ones((5, 3, 11, 8), np.float32), "scale": np.ones((5, 4), np.float32)}
        got = session.run(feed)
    from tests.exporters.sources.own_net import with_examples

    with torch.no_grad():
        want = with_examples()[0].eval()(*map(torch.from_numpy, feed.values()))
    assert np.abs(got["scores"] - want["scores"].numpy()).max() <= 1e-6
    with pytest.raises(
        ExportError, match="has the sizes that it was saved with; leave --shape and --dim out"
    ):
        open_source(str(program), tmp_path, SourceOptions(dims={"batch": (1, 2)}))


def rewritten(source: Path, out: Path, change: Callable[[str, bytes], bytes], more: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            after.writestr(name, change(name, before.read(name)))
        for name, content in more.items():
            after.writestr(name, content)
    return out


class _Runs:
    def __reduce__(self) -> Any:
        return (Path("it-ran").touch, ())


def test_a_program_with_a_pickle_that_could_run_code_is_not_opened(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = io.BytesIO()
    torch.save(_Runs(), hostile)

    def sample(name: str, content: bytes) -> bytes:
        return hostile.getvalue() if "sample_inputs" in name else content

    def weights(name: str, content: bytes) -> bytes:
        return content.replace(b'"use_pickle": false', b'"use_pickle": true')

    def same(name: str, content: bytes) -> bytes:
        return content

    evil = pickle.dumps(_Runs())
    cases = [
        rewritten(program, tmp_path / "a.pt2", sample, {}),
        rewritten(program, tmp_path / "b.pt2", weights, {}),
        rewritten(program, tmp_path / "c.pt2", same, {"pooled/data/weights/model.pt": evil}),
        rewritten(program, tmp_path / "d.pt2", same, {"pooled/data/constants/opaque_obj_0": evil}),
    ]
    for path in cases:
        with pytest.raises(ExportError, match="pickled, which can run any code and so is not opened"):
            open_source(str(path), tmp_path / "out")
    assert not Path("it-ran").exists()


def test_a_program_that_is_damaged_is_refused(program: Path, tmp_path: Path) -> None:
    def change(name: str, content: bytes) -> bytes:
        return json.dumps({"graph_module": {}}).encode() if name.endswith("models/model.json") else content

    path = rewritten(program, tmp_path / "a.pt2", change, {})
    with pytest.raises(ModelError, match=r"a\.pt2 is no program of torch\.export that PyTorch"):
        open_source(str(path), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
