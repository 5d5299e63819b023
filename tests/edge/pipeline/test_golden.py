"""Tensors and results against golden samples."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeai
from edgeai.open_bundle import read_folder
from edgeai.pipeline.golden import compare_result, compare_tensors, run_tensors
from tests import real_bundles


def compared(got: Any, wanted: Any, tmp_path: Path, **tolerance: float) -> tuple[bool, str]:
    np.savez(tmp_path / "wanted.npz", y=wanted)
    found = compare_tensors({"y": np.asarray(got)}, tmp_path / "wanted.npz", tolerance)
    return found.passed, found.text


def test_the_same_tensors_are_the_same(tmp_path: Path) -> None:
    for array in ([1.5, math.nan, math.inf], [], [[1, 2]], [True], 3.0):
        assert compared(array, array, tmp_path) == (True, "the same")


def test_without_a_tolerance_sums_in_another_order_pass_and_wrong_weights_do_not(tmp_path: Path) -> None:
    assert compared([1000.5, 1e-5], [1000.0, 0.0], tmp_path) == (True, "off by at most 0.5")
    passed, text = compared([[1, 2], [3, 4]], [[1, 2], [3.5, 4.0]], tmp_path)
    assert not passed
    assert text == (
        "y is off at 1 of 4 places, first at [1, 0]: 3 instead of 3.5 (allowed: abs 0.0001, rel 0.001)"
    )


@pytest.mark.parametrize(
    ("got", "wanted", "tolerance", "passed"),
    [
        ([1.1, 2.0], [1.0, 2.0], {"abs": 0.1001}, True),
        ([1.1, 2.0], [1.0, 2.0], {"abs": 0.0999}, False),
        ([11.0], [10.0], {"rel": 0.1}, True),
        ([12.0], [10.0], {"rel": 0.1}, False),
        ([12.0], [10.0], {"rel": 0.1, "abs": 1.0}, True),
        ([2.0, 4.0], [1.0, 2.0], {"cosine": 0.999}, True),  # the same direction
        ([2.0, 0.0], [0.0, 2.0], {"cosine": 0.1}, False),
        ([0.0, 0.0], [0.0, 0.0], {"cosine": 1.0}, True),
        ([0.0, 0.0], [1.0, 0.0], {"cosine": 0.5}, False),
        ([math.nan], [1.0], {"cosine": 0.5}, False),
        ([math.nan], [1.0], {"abs": 100.0}, False),
        ([math.inf], [1.0], {"rel": 100.0}, False),
        ([1.0], [math.inf], {"abs": 1.0}, False),
        ([5000], [5001], {}, False),  # whole numbers: which class it is
        ([5000], [5001], {"rel": 0.5}, False),
        ([5000], [5001], {"abs": 1.0}, True),
        ([1.0, 2.0], [[1.0, 2.0]], {}, False),
    ],
)
def test_tolerances_of_tensors(
    got: list[float], wanted: list[float], tolerance: dict[str, float], passed: bool, tmp_path: Path
) -> None:
    assert compared(got, wanted, tmp_path, **tolerance)[0] is passed


def test_an_output_that_is_not_there_fails_and_one_more_does_not_count(tmp_path: Path) -> None:
    np.savez(tmp_path / "wanted.npz", y=np.zeros(2))
    assert not compare_tensors({"x": np.zeros(2)}, tmp_path / "wanted.npz").passed
    assert compare_tensors({"y": np.zeros(2), "x": np.zeros(3)}, tmp_path / "wanted.npz").passed


def test_texts_must_be_the_same(tmp_path: Path) -> None:
    assert compared(np.array(["a"], object), np.array(["a"]), tmp_path)[0]
    assert not compared(np.array(["b"], object), np.array(["a"]), tmp_path)[0]


def test_inputs_that_a_sample_leaves_out_are_those_of_a_new_stream(tmp_path: Path) -> None:
    folder = real_bundles.loudness(tmp_path / "loudness")
    model = read_folder(folder, shown=folder).models[0]
    np.savez(tmp_path / "some.npz", x=np.full((1, 160), 0.5, np.float32))
    np.savez(tmp_path / "all.npz", x=np.zeros((1, 160), np.float32), count=np.array([[7]], np.float32))
    with edgeai.load(folder, model="loud") as session:
        some = run_tensors(model, session, tmp_path / "some.npz")
        every = run_tensors(model, session, tmp_path / "all.npz")
    assert (some["y"].item(), some["next"].item()) == (0.5, 1)
    assert (every["y"].item(), every["next"].item()) == (0, 8)


@pytest.mark.parametrize(
    ("got", "wanted", "tolerance", "problem"),
    [
        ([{"box": [0, 0, 10.5, 10], "score": 0.9}], [{"box": [0, 0, 10, 10], "score": 0.905}], {}, None),
        (
            [{"box": [0, 0, 12, 10]}],
            [{"box": [0, 0, 10, 10]}],
            {},
            "[0].box[2] is 12 instead of 10 (allowed: 1 px)",
        ),
        ([{"box": [0, 0, 12, 10]}], [{"box": [0, 0, 10, 10]}], {"px": 2}, None),
        ({"polygon": [[0, 0], [1, 3]]}, {"polygon": [[0, 0], [1, 1]]}, {}, "polygon[1][1] is 3 instead of 1"),
        ({"start_s": 1.04, "score": 0.5}, {"start_s": 1.0, "score": 0.5}, {}, None),
        ({"start_s": 1.04}, {"start_s": 1.0}, {"s": 0.01}, "start_s is 1.04 instead of 1 (allowed: 0.01 s)"),
        ({"score": 0.5}, {"score": 0.52}, {}, "score is 0.5 instead of 0.52 (allowed: 0.01 abs)"),
        ({"text": "a"}, {"text": "b"}, {}, "text is 'a' instead of 'b'"),
        ({"text": "a", "new": 1}, {"text": "a"}, {}, None),
        ({"text": "a"}, {"text": "a", "score": 1}, {}, "score is missing"),
        ([1, 2], [1], {}, "the result has 2 entries instead of 1"),
        ([], [1], {}, "the result has 0 entries instead of 1"),
        (None, [1], {}, "the result is None instead of [1]"),
        (None, None, {}, None),
        (True, 1, {}, "the result is True instead of 1"),
        (1, 1.0, {}, None),
        ({"end_s": None}, {"end_s": 1.0}, {}, "end_s is None instead of 1.0"),
    ],
)
def test_results_are_compared_number_by_number(
    got: Any, wanted: Any, tolerance: dict[str, float], problem: str | None
) -> None:
    found = compare_result(got, wanted, tolerance)
    assert found.passed is (problem is None)
    if problem is not None:
        assert found.text.startswith(problem)


def test_how_far_a_result_was_off_is_told_in_its_units() -> None:
    got = [{"box": [0, 0, 10, 10.25], "score": 0.901, "start_s": 1.01}]
    wanted = [{"box": [0, 0, 10, 10], "score": 0.9, "start_s": 1.0}]
    assert compare_result(got, wanted).text == "off by at most 0.001, 0.25 px, 0.01 s"
    assert compare_result(wanted, wanted).text == "the same"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_whatever_a_result_is_it_equals_itself(value: Any) -> None:
    assert compare_result(value, value).passed
