"""What every row of SCHEMES keeps: it loads, is smaller and close, leaves alone what it is told to, and
repeats."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai
from edgeai.device import cpu_flags
from edgeai.errors import ExportError, ModelError
from edgeai.sysroot import SysRoot
from edgeai_exporters.schemes import SCHEMES, Prepared, Scheme
from edgeai_exporters.schemes.targets import VNNI

pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnx_ir", reason="the exporters' environment has it")
if sys.version_info < (3, 11):
    pytest.skip("the exporters run on Python 3.11 and later", allow_module_level=True)

from tests.exporters.schemes import small_models, small_tflite

Feeds = Sequence[dict[str, Any]]
# What makes the model in a folder, and what makes feeds for it.
MODELS: dict[str, dict[str, tuple[Callable[[Path], Path], Callable[..., Feeds]]]] = {
    "onnx": {
        "cnn": (lambda out: small_models.save(small_models.cnn(), out), small_models.images),
        "feed_forward": (
            lambda out: small_models.save(small_models.feed_forward(), out),
            small_models.sequences,
        ),
    },
    "tflite": {"cnn": (small_tflite.cnn, small_tflite.images)},
}
PAIRS = [(scheme, model) for scheme in SCHEMES for model in MODELS[scheme.format]]
CASES = [
    pytest.param((scheme, model), id=f"{scheme.format}-{scheme.name}-{model}") for scheme, model in PAIRS
]
FLOAT_KEPT = [case for case, (scheme, _) in zip(CASES, PAIRS, strict=True) if scheme.kept == "f32"]
every = pytest.mark.parametrize("case", CASES, indirect=True)
every_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: f"{s.format}-{s.name}")


class Case:
    def __init__(self, scheme: Scheme, model: str, folder: Path) -> None:
        if scheme.format == "tflite":
            pytest.importorskip("litert_quantizer")
        make, feeds = MODELS[scheme.format][model]
        self.scheme, self.folder = scheme, folder
        self.source = make(folder / f"float.{scheme.format}")
        self.calibration, self.held_out = feeds(12, seed=1), feeds(6, seed=2)

    def out(self, name: str = "out") -> Path:
        return self.folder / f"{name}.{self.scheme.format}"

    def prepare(self) -> Prepared:
        return self.scheme.load_prepare()(self.source, self.calibration)

    def outputs(self, path: Path) -> list[dict[str, Any]]:
        with edgeai.load(path, threads=1) as session:
            return [dict(session.run(feed)) for feed in self.held_out]


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    scheme, model = request.param
    return Case(scheme, model, tmp_path)


def vector(outputs: Sequence[dict[str, Any]]) -> Any:
    """All outputs of all samples, f64."""
    return np.concatenate([np.ravel(array) for each in outputs for array in each.values()]).astype(np.float64)


def cosine(one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]) -> float:
    a, b = vector(one), vector(other)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def float_weights(path: Path) -> dict[str, Any]:
    """The weights of each layer by its name, sorted, where they are f32 constants."""
    found = small_tflite.weights(path) if path.suffix == ".tflite" else small_models.weights(path)
    return {name: np.sort(array, axis=None) for name, array in found.items() if array.dtype == np.float32}


@every
def test_a_variant_loads_is_smaller_and_close_to_the_source(case: Case) -> None:
    case.prepare().write(case.out())
    assert case.out().stat().st_size < 0.75 * case.source.stat().st_size
    saturates = case.scheme.saturates and VNNI not in (cpu_flags(SysRoot()) or ())
    least = 0.98 if case.scheme.precision == "w4" or saturates else 0.995
    assert cosine(case.outputs(case.out()), case.outputs(case.source)) > least


@every
def test_inputs_and_outputs_keep_names_types_and_open_sizes(case: Case) -> None:
    case.prepare().write(case.out())
    with edgeai.load(case.out()) as variant, edgeai.load(case.source) as source:
        assert (variant.inputs, variant.outputs) == (source.inputs, source.outputs)
        is_float = all(spec.quantization is None for spec in (*variant.raw_inputs, *variant.raw_outputs))
        assert is_float == case.scheme.float_io


@every
def test_keeping_all_layers_gives_the_source_back(case: Case) -> None:
    prepared = case.prepare()
    prepared.write(case.out(), prepared.layers)
    kept, source = case.outputs(case.out()), case.outputs(case.source)
    if case.scheme.kept == "f32":
        np.testing.assert_allclose(vector(kept), vector(source), rtol=1e-5, atol=1e-5)
    else:
        assert cosine(kept, source) > 0.9995


@pytest.mark.parametrize("case", FLOAT_KEPT, indirect=True)
def test_a_kept_layer_has_its_float_weights_and_the_others_have_not(case: Case) -> None:
    prepared, source = case.prepare(), float_weights(case.source)
    assert len(prepared.layers) > 0
    for layer in prepared.layers:
        prepared.write(case.out(), {layer})
        found = float_weights(case.out())
        assert set(found).intersection(prepared.layers) == {layer}
        np.testing.assert_array_equal(found[layer], source[layer])
        assert np.isfinite(vector(case.outputs(case.out()))).all()


@every
def test_writing_twice_gives_the_same_bytes(case: Case) -> None:
    one, other = case.out("one"), case.out("other")
    prepared = case.prepare()
    prepared.write(one, prepared.layers[:1])
    prepared = case.prepare()
    prepared.write(other)
    prepared.write(other, prepared.layers[:1])
    assert one.read_bytes() == other.read_bytes()


@every
def test_the_source_is_left_alone_and_nothing_else_is_written_or_said(
    case: Case, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(case.folder)
    before = case.source.read_bytes()
    case.prepare().write(case.out())
    assert case.source.read_bytes() == before
    assert {path.name for path in case.folder.iterdir()} == {case.source.name, case.out().name}
    said = capfd.readouterr()
    assert [line for line in _lines(said.out + said.err) if "XNNPACK" not in line] == []  # LiteRT's own


@every
def test_a_layer_that_is_not_there_is_refused(case: Case) -> None:
    with pytest.raises(ExportError, match="no layer 'nonsense'"):
        case.prepare().write(case.out(), {"nonsense"})
    assert not case.out().exists()


@pytest.mark.parametrize(
    "case",
    [c for c, (s, m) in zip(CASES, PAIRS, strict=True) if s.needs_calibration and m == "cnn"],
    indirect=True,
)
def test_calibration_that_does_not_fit_is_one_clear_error(case: Case) -> None:
    good = case.calibration[0]["x"]
    for bad, told in (
        ([], "needs calibration data"),
        ([{"x": np.concatenate([good, good], axis=1)}], r"sample 0 has float32\[1, .*takes float32\["),
        ([{"x": good}, {"x": good[0]}], r"sample 1 has float32\["),
        ([{"x": good.astype(np.uint8)}], "uint8"),
        ([{"z": good}], "'z', which is no input"),
        ([{}], "lacks the input 'x'"),
        ([{"x": np.full_like(good, np.nan)}], "NaN"),
    ):
        with pytest.raises(ExportError, match=told) as error:
            case.scheme.load_prepare()(case.source, bad)
        assert "\n" not in str(error.value)


@every_scheme
def test_what_is_no_model_is_one_clear_error(scheme: Scheme, tmp_path: Path) -> None:
    if scheme.format == "tflite":
        pytest.importorskip("litert_quantizer")
    source = tmp_path / f"float.{scheme.format}"
    source.write_bytes(b"this is no model")
    with pytest.raises((ExportError, ModelError), match=r"float\.") as error:
        scheme.load_prepare()(source, small_models.images(1))
    assert "\n" not in str(error.value)


def test_names_of_schemes_are_unique_within_a_format() -> None:
    names = [(scheme.format, scheme.name) for scheme in SCHEMES]
    assert len(set(names)) == len(names)


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.strip())
