"""What is worth trying can be tried: forms are in the table, and settings open and change no output."""

from __future__ import annotations

import numpy as np
import pytest

from edgeai.backends import BACKENDS, RunOptions, is_installed, load_backend
from edgeai.backends.forms import FORMS
from edgeai.backends.tuning import Tuning
from edgeai.backends.worth_trying import forms_worth_trying, tunings
from edgeai.included import included_path
from edgeai.measure.inputs import candidate_shapes, synthetic_inputs
from edgeai.open_bundle import open_bundle

FORMATS = [(name, format_) for name, entry in BACKENDS.items() for format_ in entry.formats]


@pytest.mark.parametrize(("backend", "format_"), FORMATS)
def test_forms_worth_trying_are_those_of_the_backend(backend: str, format_: str) -> None:
    found = forms_worth_trying(backend, format_)
    assert {kind for kind, _ in found} == {kind for kind, each in FORMS.items() if each.backend == backend}
    assert len(found) == len({(kind, str(tuning)) for kind, tuning in found})


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_settings_open_and_change_no_output(backend: str, threads: int) -> None:
    if not is_installed(backend):
        pytest.skip(f"{backend} is not installed")
    opener, format_ = load_backend(backend), BACKENDS[backend].formats[0]
    bundle, _ = open_bundle(included_path("digits"))
    variant = next(each for each in bundle.models[0].variants if each.id == f"{format_}-f32")
    original = opener.open(variant, RunOptions(threads=threads))
    inputs = synthetic_inputs(original.inputs, next(iter(candidate_shapes(original.inputs, {}, None))), {}, 0)
    expected = original.run(inputs)
    for tuning in tunings(backend, threads):
        runner = opener.open(variant, RunOptions(threads=threads, tuning=tuning))
        for name, array in runner.run(inputs).items():
            np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("backend", BACKENDS)
def test_settings_differ_from_each_other_and_from_none(backend: str, threads: int) -> None:
    found = tunings(backend, threads, big_cpus=(4, 5, 6, 7))
    assert Tuning() not in found
    assert len({str(each) for each in found}) == len(found)


def test_one_thread_has_nobody_to_spin() -> None:
    assert all(each.spinning is None and not each.affinities for each in tunings("onnxruntime", 1, (4, 5)))


def test_threads_beyond_the_callers_are_put_on_big_cpus_where_those_are_enough() -> None:
    def placed(threads: int) -> list[tuple[tuple[int, ...], ...]]:
        return [each.affinities for each in tunings("onnxruntime", threads, (4, 5, 6)) if each.affinities]

    assert placed(3) == [((5,), (6,))]
    assert placed(4) == []
