"""What a model is fed: sizes for open dimensions, synthetic values, and a user's own file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgeai.bundle import NUMPY_DTYPES, Quantization, TensorSpec
from edgeai.errors import InputError
from edgeai.measure.inputs import (
    COMMON_SIZES,
    candidate_shapes,
    named_shapes,
    open_dimensions,
    outputs_agree,
    read_inputs,
    synthetic_inputs,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgeai.measure.inputs import Shapes

FIXED = TensorSpec("x", "f32", (1, 3, 8, 8))
IMAGE = TensorSpec("x", "f32", ("N", 3, "H", "W"))
IDS, MASK = TensorSpec("ids", "i64", ("batch", "seq")), TensorSpec("mask", "i64", ("batch", "seq"))
FREE = TensorSpec("x", "f32", ("?", "?"))


def candidates(
    specs: Sequence[TensorSpec],
    given: dict[str, tuple[int, ...]] | None = None,
    batch: int | None = None,
) -> list[Shapes]:
    return list(candidate_shapes(specs, given or {}, batch))


# --- shapes


def test_a_fixed_shape_is_the_only_one_tried() -> None:
    assert candidates([FIXED]) == [{"x": (1, 3, 8, 8)}]
    assert open_dimensions([FIXED], {}, None) == []


def test_a_model_without_inputs_has_one_empty_set_of_shapes() -> None:
    assert candidates([]) == [{}]


def test_open_dimensions_try_the_common_sizes_in_order_with_a_batch_of_one() -> None:
    assert candidates([IMAGE]) == [{"x": (1, 3, size, size)} for size in COMMON_SIZES]
    assert candidates([IMAGE])[:3] == [{"x": (1, 3, 1, 1)}, {"x": (1, 3, 32, 32)}, {"x": (1, 3, 64, 64)}]
    assert open_dimensions([IMAGE], {}, None) == ["x[2] (H)", "x[3] (W)"]


def test_a_free_dimension_has_no_name_to_tell() -> None:
    assert open_dimensions([FREE], {}, None) == ["x[1]"]
    assert candidates([FREE])[1] == {"x": (1, 32)}


def test_a_shape_that_is_given_is_the_only_one_tried() -> None:
    given: Shapes = {"x": (2, 3, 640, 480)}
    assert candidates([IMAGE], given) == [{"x": (2, 3, 640, 480)}]
    assert open_dimensions([IMAGE], given, None) == []


def test_one_name_has_one_size_in_every_input() -> None:
    assert candidates([IDS, MASK], {"ids": (2, 128)}) == [{"ids": (2, 128), "mask": (2, 128)}]
    assert candidates([IDS, MASK])[3] == {"ids": (1, 128), "mask": (1, 128)}
    assert open_dimensions([IDS, MASK], {}, None) == ["ids[1] (seq)", "mask[1] (seq)"]


def test_a_batch_that_is_the_second_dimension_of_another_input_has_the_same_size_there() -> None:
    state = TensorSpec("state", "f32", (2, "batch", 64))
    assert candidates([TensorSpec("x", "f32", ("batch", 512)), state]) == [
        {"x": (1, 512), "state": (2, 1, 64)}
    ]
    assert candidates([TensorSpec("x", "f32", ("batch", 512)), state], batch=4) == [
        {"x": (4, 512), "state": (2, 4, 64)}
    ]


def test_a_batch_fills_the_first_dimension_where_it_is_open() -> None:
    assert candidates([IDS, FIXED], {"ids": (4, 16)}, batch=4) == [{"ids": (4, 16), "x": (1, 3, 8, 8)}]
    assert candidates([FREE], batch=8)[0] == {"x": (8, 1)}
    assert open_dimensions([FREE], {}, 8) == ["x[1]"]


def test_a_batch_that_the_model_has_anyway_is_accepted() -> None:
    assert candidates([FIXED], batch=1) == [{"x": (1, 3, 8, 8)}]


@pytest.mark.parametrize(
    ("specs", "given", "batch", "says"),
    [
        ([FIXED], {}, 4, r"x: f32\[1, 3, 8, 8\] has a fixed batch of 1; leave --batch out"),
        ([FIXED, TensorSpec("y", "f32", (1,))], {}, 4, r"--batch 4 fits no input.*y: f32\[1\]"),
        ([IMAGE], {"x": (1, 3, 8, 8)}, 4, "--batch 4 fits no input"),
        ([FREE], {"x": (1, 8)}, 4, "--batch 4 fits no input"),
        ([IDS, MASK], {"ids": (1, 8)}, 4, "the shapes given make batch 1"),
        ([TensorSpec("s", "f32", ())], {}, 2, "--batch 2 fits no input"),
    ],
)
def test_a_batch_that_no_input_would_run_with_is_refused(
    specs: list[TensorSpec], given: dict[str, tuple[int, ...]], batch: int, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        candidates(specs, given, batch)


def test_a_scalar_needs_no_size() -> None:
    scalar = TensorSpec("sr", "i64", ())
    assert candidates([scalar]) == [{"sr": ()}]
    assert candidates([scalar], {"sr": ()}) == [{"sr": ()}]


@pytest.mark.parametrize(
    "shape", [(1, 3, 8), (2, 3, 8, 8), (1, 3, 8, 8, 1)], ids=["too few", "other size", "too many"]
)
def test_a_shape_that_does_not_fit_is_refused_with_what_the_model_wants(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        candidates([FIXED], {"x": shape})
    assert str(caught.value) == f"shape {list(shape)} does not fit input x: f32[1, 3, 8, 8]"


@pytest.mark.parametrize("size", [0, -1])
def test_an_open_dimension_takes_positive_sizes_only(size: int) -> None:
    with pytest.raises(InputError, match="does not fit"):
        candidates([FREE], {"x": (1, size)})


def test_an_input_that_the_model_does_not_have_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(InputError) as caught:
        candidates([IDS, MASK], {"idz": (1, 8)})
    for words in ("'idz'", "ids: i64[batch, seq]", "mask: i64[batch, seq]"):
        assert words in str(caught.value)


def test_the_empty_name_stands_for_the_only_input() -> None:
    assert named_shapes([IMAGE], {"": (1, 3, 8, 8)}) == {"x": (1, 3, 8, 8)}
    assert named_shapes([IDS, MASK], {"ids": (1, 8)}) == {"ids": (1, 8)}


def test_the_empty_name_among_several_inputs_is_refused_with_their_names() -> None:
    with pytest.raises(InputError, match=r"NAME:SIZES.*ids.*mask"):
        named_shapes([IDS, MASK], {"": (1, 8)})


# --- synthetic values


def test_the_same_seed_gives_the_same_values_and_another_seed_others() -> None:
    shapes = {"x": (1, 3, 8, 8)}
    one = synthetic_inputs([FIXED], shapes, {}, seed=7)["x"]
    np.testing.assert_array_equal(one, synthetic_inputs([FIXED], shapes, {}, seed=7)["x"])
    assert not np.array_equal(one, synthetic_inputs([FIXED], shapes, {}, seed=8)["x"])


@pytest.mark.parametrize("dtype", sorted(NUMPY_DTYPES))
def test_every_dtype_gets_values_of_its_shape(dtype: str) -> None:
    array = synthetic_inputs([TensorSpec("x", dtype, (50, 40))], {"x": (50, 40)}, {}, seed=0)["x"]
    assert array.dtype == NUMPY_DTYPES[dtype]
    assert array.shape == (50, 40)
    if dtype in {"f32", "f64"}:
        assert array.min() >= 0
        assert array.max() < 1
        assert np.mean(array) == pytest.approx(0.5, abs=0.05)
    elif dtype in {"f16", "c64", "c128"}:  # rounding to 11 bits may reach 1
        assert np.abs(array).max() <= 1
    elif dtype == "str":
        assert set(array.ravel()) == {""}
    else:
        assert not array.any()


def test_float32_values_stay_below_one_though_they_are_rounded() -> None:
    spec = TensorSpec("x", "f32", (1000, 1000))
    array = synthetic_inputs([spec], {"x": (1000, 1000)}, {}, seed=0)["x"]
    assert array.max() < 1


def test_a_value_fills_its_input_and_leaves_the_others() -> None:
    specs = [FIXED, TensorSpec("sr", "i64", ())]
    shapes: Shapes = {"x": (1, 3, 8, 8), "sr": ()}
    arrays = synthetic_inputs(specs, shapes, {"sr": 16000}, seed=0)
    assert arrays["sr"].tolist() == 16000
    assert arrays["sr"].dtype == np.int64
    assert arrays["x"].max() > 0


def test_a_value_for_an_input_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match=r"'rate'.*x: f32\[1, 3, 8, 8\]"):
        synthetic_inputs([FIXED], {"x": (1, 3, 8, 8)}, {"rate": 1.0}, seed=0)


# --- a user's file


def test_a_npy_file_is_the_one_input(tmp_path: Path) -> None:
    image = np.arange(192, dtype=np.float32).reshape(1, 3, 8, 8)
    np.save(tmp_path / "image.npy", image)
    arrays = read_inputs(tmp_path / "image.npy", [FIXED])
    assert list(arrays) == ["x"]
    np.testing.assert_array_equal(arrays["x"], image)


def test_a_npz_file_holds_inputs_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "both.npz", ids=np.ones((1, 4), np.int64), mask=np.zeros((1, 4), np.int64))
    arrays = read_inputs(tmp_path / "both.npz", [IDS, MASK])
    assert arrays["ids"].tolist() == [[1, 1, 1, 1]]
    assert arrays["mask"].tolist() == [[0, 0, 0, 0]]


def test_real_values_for_a_quantized_input_are_quantized_once_here(tmp_path: Path) -> None:
    spec = TensorSpec("x", "i8", (4,), Quantization(scale=0.5, zero_point=-3))
    np.save(tmp_path / "real.npy", np.array([0.0, 1.0, -1.0, 1000.0], np.float32))
    array = read_inputs(tmp_path / "real.npy", [spec])["x"]
    assert array.dtype == np.int8
    assert array.tolist() == [-3, -1, -5, 127]
    np.save(tmp_path / "raw.npy", np.array([1, 2, 3, 4], np.int8))
    assert read_inputs(tmp_path / "raw.npy", [spec])["x"].tolist() == [1, 2, 3, 4]


def test_a_file_that_names_other_inputs_is_refused_with_both_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", pixels=np.zeros(1))
    with pytest.raises(InputError, match=r"other\.npz holds pixels; the model wants x: f32\[1, 3, 8, 8\]"):
        read_inputs(tmp_path / "other.npz", [FIXED])


def test_a_npy_file_is_not_enough_for_two_inputs(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros((1, 4), np.int64))
    with pytest.raises(InputError, match=r"the model wants ids.*mask"):
        read_inputs(tmp_path / "one.npy", [IDS, MASK])


class Payload:
    """Would tell on itself if it were unpickled."""

    opened = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Payload, "opened", True)


def test_pickles_are_refused_and_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "trap.npy", np.array([Payload()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "trap.npz", x=np.array([Payload()], dtype=object))
    for name in ("trap.npy", "trap.npz"):
        with pytest.raises(InputError, match=r"trap\.np. is no \.npy or \.npz file"):
            read_inputs(tmp_path / name, [FIXED])
    assert not Payload.opened


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.npy"):
        read_inputs(tmp_path / "absent.npy", [FIXED])


# --- comparing outputs


def compare(want: Sequence[float], have: Sequence[float], dtype: str = "float32") -> str | None:
    return outputs_agree({"y": np.array(want, dtype)}, {"y": np.array(have, dtype)})


def test_floats_agree_within_a_thousandth_of_the_largest() -> None:
    assert compare([100.0, 0.01], [100.0, 0.1]) is None  # small beside the largest
    assert compare([100.0, 0.0], [100.0, 0.2]) == "y differs by 0.2 where its largest magnitude is 100"
    assert compare([0.0, 0.0], [1e-7, 0.0]) is None


def test_integers_agree_within_one_step() -> None:
    assert compare([10, -128], [11, -127], "int8") is None
    assert compare([10, 0], [12, 0], "int8") == "y differs by 2 where its largest magnitude is 10"
    # No wrapping round: 255 and 0 are neighbours for uint8's arithmetic only.
    assert compare([255], [0], "uint8") == "y differs by 255 where its largest magnitude is 255"


def test_nan_and_infinity_agree_where_both_have_them() -> None:
    assert compare([np.nan, 1.0, np.inf], [np.nan, 1.0, np.inf]) is None
    assert compare([np.nan, np.nan], [np.nan, np.nan]) is None
    says = "y has NaN or infinity where it had none, or the other way round"
    assert compare([1.0, 1.0], [1.0, np.nan]) == says
    assert compare([1.0, np.inf], [1.0, 1.0]) == says


def test_shapes_must_be_equal() -> None:
    assert compare([1, 2, 3], [1, 2]) == "y has shape [2], first it was [3]"


def test_text_and_truth_must_be_equal() -> None:
    assert outputs_agree({"y": np.array(["a"])}, {"y": np.array(["a"])}) is None
    assert outputs_agree({"y": np.array(["a"])}, {"y": np.array(["b"])}) == "y differs"
    assert outputs_agree({"y": np.array([True])}, {"y": np.array([False])}) == "y differs"


def test_empty_outputs_agree() -> None:
    assert compare([], []) is None
