"""Samples that MLPerf's queries draw from: how a file is read, and what is made up."""

from __future__ import annotations

import numpy as np
import pytest

from edgeai.bundle import TensorSpec
from edgeai.errors import InputError
from edgeai.measure.sample_pool import first_batch, made_up_pool, open_batches, pool_of_file

OPEN = TensorSpec("x", "f32", ("N", 3))
ONE = TensorSpec("x", "f32", (1, 3))
BARE = TensorSpec("x", "f32", (3,))
FIXED = TensorSpec("x", "f32", (4, 3))
RATE = TensorSpec("sr", "i64", ())


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize(
    ("spec", "array", "shape"),
    [
        (OPEN, numbered(5, 3), (1, 3)),
        (ONE, numbered(5, 3), (1, 3)),
        (OPEN, numbered(5, 2, 3), (2, 3)),
        (BARE, numbered(5, 3), (3,)),
        (FIXED, numbered(5, 4, 3), (4, 3)),
    ],
)
def test_the_first_axis_of_a_file_is_its_samples(
    spec: TensorSpec, array: np.ndarray, shape: tuple[int, ...]
) -> None:
    pool = pool_of_file({"x": array}, [spec], "samples.npz")
    assert len(pool.feeds) == 5
    assert (pool.told, pool.origin) == ("5 of samples.npz", "file")
    for number, feed in enumerate(pool.feeds):
        assert feed["x"].shape == shape
        assert np.array_equal(feed["x"].ravel(), array[number].ravel())


def test_what_has_no_samples_of_its_own_is_the_same_for_all() -> None:
    rate = np.array(16_000)
    pool = pool_of_file({"x": numbered(2, 3), "sr": rate}, [ONE, RATE], "samples.npz")
    assert [feed["sr"] for feed in pool.feeds] == [rate, rate]
    alone = pool_of_file({"x": numbered(4, 3)}, [FIXED], "samples.npz")
    assert len(alone.feeds) == 1


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x": numbered(5, 4)}, r"holds x as \[5, 4\], which is no list of samples for input x"),
        ({"x": numbered(0, 3)}, "holds no sample"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(arrays: dict[str, np.ndarray], told: str) -> None:
    with pytest.raises(InputError, match=told):
        pool_of_file(arrays, [ONE], "samples.npz")


def test_as_many_samples_of_each_input_are_needed() -> None:
    other = TensorSpec("y", "f32", (1, 2))
    with pytest.raises(InputError, match=r"different numbers of samples \(x 5, y 4\)"):
        pool_of_file({"x": numbered(5, 3), "y": numbered(4, 2)}, [ONE, other], "samples.npz")


def test_a_batch_joins_samples_along_the_open_dimension_only() -> None:
    pool = pool_of_file({"x": numbered(5, 3), "sr": np.array(8_000)}, [OPEN, RATE], "samples.npz")
    assert open_batches([OPEN, RATE]) == ("x",)
    feed = pool.batch([4, 0, 4], ("x",))
    assert feed["x"].tolist() == [[12, 13, 14], [0, 1, 2], [12, 13, 14]]
    assert feed["sr"] == 8_000


def test_the_first_batch_goes_round_where_there_are_too_few_samples() -> None:
    pool = pool_of_file({"x": numbered(2, 3)}, [OPEN], "samples.npz")
    feed, count = first_batch(pool, [OPEN], 3)
    assert (feed["x"].tolist(), count) == ([[0, 1, 2], [3, 4, 5], [0, 1, 2]], 3)
    assert first_batch(pool, [OPEN], None) == (pool.feeds[0], None)
    assert first_batch(pool, [ONE], 3) == (pool.feeds[0], None)


def test_made_up_samples_differ_by_their_seed_and_have_a_batch_of_one() -> None:
    probed = {"x": numbered(8, 3), "state": numbered(8, 2)}
    state = TensorSpec("state", "f32", ("N", 2))
    pool = made_up_pool([OPEN, state], probed, {}, ("state",), batch=8, seed=3)
    assert len(pool.feeds) == 64
    assert pool.told.startswith("64 synthetic: floats uniform in [0, 1) from seed 3 to 66")
    assert {feed["x"].shape for feed in pool.feeds} == {(1, 3)}
    assert len({feed["x"].tobytes() for feed in pool.feeds}) == 64
    assert not any(feed["state"].any() for feed in pool.feeds)


def test_made_up_samples_that_are_large_are_few() -> None:
    large = TensorSpec("x", "f32", (1, 1 << 22))  # 16 MB
    pool = made_up_pool([large], {"x": np.empty((1, 1 << 22), np.float32)}, {}, (), batch=None, seed=0)
    assert len(pool.feeds) == 2
