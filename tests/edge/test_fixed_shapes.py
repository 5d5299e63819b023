"""A model that is compiled for one shape still takes every shape, with the right numbers."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

import edgeai
from edgeai.backends.tuning import Tuning
from edgeai.errors import SessionClosed
from edgeai.fixed_shapes import FixedShapes
from edgeai.opening import open_choice
from edgeai.prepared.choice import Choice

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed: the only one that fixes"
)

FIXED = (1, 3, 48, 192)


@pytest.fixture
def choice():
    return Choice("bare", "openvino", 1, tuning=Tuning(shapes={"x": FIXED}))


@pytest.fixture
def path(public_model):
    return public_model("ppocr-cls")


def picture(shape):
    return np.random.default_rng(0).random(shape, np.float32)


def raw(path, feed):
    with edgeai.load(path, prepared=False, backend="onnxruntime", threads=1) as session:
        return next(iter(session.run({"x": feed}).values()))


@pytest.mark.parametrize("shape", [FIXED, (1, 3, 48, 96), (2, 3, 48, 192)])
def test_every_shape_gives_the_numbers_of_the_model_as_it_came(path, choice, shape):
    with open_choice(path, choice) as session:
        got = next(iter(session.run({"x": picture(shape)}).values()))
    np.testing.assert_allclose(got, raw(path, picture(shape)), atol=2e-5)


def test_it_says_that_dimensions_are_open(path, choice):
    with open_choice(path, choice) as session, edgeai.load(path, prepared=False) as as_it_came:
        assert [replace(spec, shape=()) for spec in session.inputs] == [
            replace(spec, shape=()) for spec in as_it_came.inputs
        ]
        assert not session.inputs[0].is_static


def test_the_model_for_others_is_opened_when_they_first_come_and_once(path, choice):
    opened = []

    with open_choice(path, choice) as session, edgeai.load(path, prepared=False) as other:
        fixed = session._runner._fixed

        def general():
            opened.append(1)
            return other._runner

        runner = FixedShapes(fixed, {"x": FIXED}, general)
        runner.run({"x": picture(FIXED)})
        assert opened == []
        runner.run({"x": picture((1, 3, 48, 96))})
        runner.run({"x": picture((1, 3, 48, 64))})
        assert opened == [1]


def test_closed_it_opens_nothing(path, choice):
    session = open_choice(path, choice)
    runner = session._runner
    session.close()
    for shape in (FIXED, (1, 3, 48, 96)):
        with pytest.raises(SessionClosed):
            runner.run({"x": picture(shape)})
