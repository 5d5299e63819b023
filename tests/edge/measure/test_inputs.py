"""What a model is fed: sizes for open dimensions, synthetic values, and a user's own file."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgeai.bundle import NUMPY_DTYPES, Quantization, TensorSpec
from edgeai.errors import InputError
from edgeai.measure.inputs import (
    COMMON_SIZES,
    batch_of,
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
VOICE = [TensorSpec("input", "f32", ("?", "?")), TensorSpec("state", "f32", (2, "?", 128))]  # as silero's


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
    assert open_dimensions([IMAGE], {}, None) == ["x[0] (N)", "x[2] (H)", "x[3] (W)"]
    assert open_dimensions([IMAGE], {}, 1) == ["x[2] (H)", "x[3] (W)"]


def test_an_open_batch_alone_is_listed_and_only_one_is_tried() -> None:
    spec = TensorSpec("x", "f32", ("N", 3, 8, 8))
    assert candidates([spec]) == [{"x": (1, 3, 8, 8)}]
    assert open_dimensions([spec], {}, None) == ["x[0] (N)"]
    assert open_dimensions([spec], {}, 1) == []


def test_a_free_dimension_has_no_name_to_tell() -> None:
    assert open_dimensions([FREE], {}, None) == ["x[0]", "x[1]"]
    assert candidates([FREE])[1] == {"x": (1, 32)}


def test_a_shape_that_is_given_is_the_only_one_tried() -> None:
    given: Shapes = {"x": (2, 3, 640, 480)}
    assert candidates([IMAGE], given) == [{"x": (2, 3, 640, 480)}]
    assert open_dimensions([IMAGE], given, None) == []


def test_one_name_has_one_size_in_every_input() -> None:
    assert candidates([IDS, MASK], {"ids": (2, 128)}) == [{"ids": (2, 128), "mask": (2, 128)}]
    assert candidates([IDS, MASK])[3] == {"ids": (1, 128), "mask": (1, 128)}
    assert open_dimensions([IDS, MASK], {"ids": (2, 128)}, None) == []
    assert open_dimensions([IDS, MASK], {}, None) == [
        "ids[0] (batch)",
        "ids[1] (seq)",
        "mask[0] (batch)",
        "mask[1] (seq)",
    ]
    assert open_dimensions([IDS, MASK], {}, 1) == ["ids[1] (seq)", "mask[1] (seq)"]


def test_a_batch_that_is_the_second_dimension_of_another_input_has_the_same_size_there() -> None:
    state = TensorSpec("state", "f32", (2, "batch", 64))
    specs = [TensorSpec("x", "f32", ("batch", 512)), state]
    assert candidates(specs) == [{"x": (1, 512), "state": (2, 1, 64)}]
    assert open_dimensions(specs, {}, None) == ["x[0] (batch)", "state[1] (batch)"]
    assert candidates(specs, batch=4) == [{"x": (4, 512), "state": (2, 4, 64)}]
    assert open_dimensions(specs, {}, 4) == []


def test_a_batch_fills_the_first_dimension_where_it_is_open() -> None:
    assert candidates([IDS, FIXED], {"ids": (4, 16)}, batch=4) == [{"ids": (4, 16), "x": (1, 3, 8, 8)}]
    assert candidates([FREE], batch=8)[0] == {"x": (8, 1)}
    assert open_dimensions([FREE], {}, 8) == ["x[1]"]


def test_a_batch_that_the_model_has_anyway_is_accepted() -> None:
    assert candidates([FIXED], batch=1) == [{"x": (1, 3, 8, 8)}]
    assert candidates([FIXED], {"x": (1, 3, 8, 8)}, batch=1) == [{"x": (1, 3, 8, 8)}]


def test_a_batch_that_a_shape_gives_already_is_accepted_and_fills_the_others() -> None:
    assert candidates(VOICE, {"input": (1, 576)}, batch=1)[:2] == [
        {"input": (1, 576), "state": (2, 1, 128)},
        {"input": (1, 576), "state": (2, 32, 128)},
    ]
    free = TensorSpec("y", "f32", ("?", 8))
    assert candidates([FREE, free], {"x": (1, 8)}, batch=4) == [{"x": (1, 8), "y": (4, 8)}]


@pytest.mark.parametrize(
    ("specs", "given", "batch", "says"),
    [
        ([FIXED], {}, 4, r"x: f32\[1, 3, 8, 8\] has a fixed batch of 1; leave --batch out"),
        ([FIXED, TensorSpec("y", "f32", (1,))], {}, 4, r"--batch 4 fits no input.*y: f32\[1\]"),
        ([FIXED], {"x": (1, 3, 8, 8)}, 4, "has a fixed batch of 1; leave --batch out"),
        ([FIXED, TensorSpec("y", "f32", (1,))], {}, 1, "--batch 1 fits no input"),
        (VOICE, {"input": (1, 576)}, 2, "--batch 2 fits no input"),  # the state's fixed 2 is no batch
        (VOICE[1:], {"state": (2, 1, 128)}, 1, "has a fixed batch of 2; leave --batch out"),
        ([], {}, 1, "--batch 1 fits no input"),
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


@pytest.mark.parametrize(
    ("specs", "shapes", "batch", "samples"),
    [
        ([IMAGE], {"x": (1, 3, 8, 8)}, None, 1),
        ([IMAGE], {"x": (4, 3, 8, 8)}, 4, 4),
        ([IDS, MASK], {"ids": (2, 8), "mask": (2, 8)}, None, 2),
        (VOICE, {"input": (3, 576), "state": (2, 3, 128)}, None, 3),
        ([IMAGE, TensorSpec("sr", "i64", ())], {"x": (4, 3, 8, 8), "sr": ()}, None, 4),
        ([FREE, TensorSpec("y", "f32", ("M",))], {"x": (1, 8), "y": (300,)}, 1, None),  # which of them?
        ([FIXED], {"x": (1, 3, 8, 8)}, None, None),  # nothing says that it is a batch
        ([FIXED], {"x": (1, 3, 8, 8)}, 1, 1),
        ([FIXED, VOICE[1]], {"x": (1, 3, 8, 8), "state": (2, 1, 128)}, None, None),
        ([TensorSpec("s", "f32", ())], {"s": ()}, None, None),
        ([], {}, None, None),
    ],
)
def test_samples_per_call_are_what_the_open_first_dimension_ran_with(
    specs: list[TensorSpec], shapes: Shapes, batch: int | None, samples: int | None
) -> None:
    assert batch_of(specs, shapes, {}, batch) == samples
    assert batch_of(specs, shapes, shapes, batch) == samples


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


@pytest.mark.parametrize(
    "spec", [TensorSpec("x", "f32", (4,)), TensorSpec("x", "i8", (4,), Quantization(scale=0.5, zero_point=0))]
)
def test_float64_where_the_model_takes_float32_is_refused(spec: TensorSpec, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.zeros(4))
    with pytest.raises(InputError, match=r"wide\.npy holds float64 for input x: .*; save it as float32"):
        read_inputs(tmp_path / "wide.npy", [spec])


def test_float64_where_the_model_takes_it_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.ones(4))
    assert read_inputs(tmp_path / "wide.npy", [TensorSpec("x", "f64", (4,))])["x"].dtype == np.float64


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


def compare(
    want: Sequence[complex], have: Sequence[complex], dtype: str = "float32", *quantized: str
) -> str | None:
    return outputs_agree({"y": np.array(want, dtype)}, {"y": np.array(have, dtype)}, quantized)


def test_floats_agree_within_a_thousandth_of_the_largest() -> None:
    assert compare([100.0, 0.01], [100.0, 0.1]) is None  # small beside the largest
    assert compare([100.0, 0.0], [100.0, 0.2]) == "y differs by 0.2 where its largest magnitude is 100"
    assert compare([-100.0, 0.0], [-100.0, 0.0625]) is None
    assert compare([0.0, 0.0], [1e-7, 0.0]) is None


def test_wide_and_narrow_floats_are_compared_without_overflow() -> None:
    half = compare([65504, -65504], [65504, 65504], "float16")
    assert half == "y differs by 1.31e+05 where its largest magnitude is 6.55e+04"
    assert compare([65504, 1], [65504, 60], "float16") is None
    double = compare([1.7e308], [-1.7e308], "float64")
    assert double == "y differs by inf where its largest magnitude is 1.7e+308"


def test_complex_numbers_agree_in_each_part() -> None:
    assert compare([100 + 1j], [100 + 1.0625j], "complex64") is None
    assert compare([3 + 4j], [3 - 4j], "complex64") == "y differs by 8 where its largest magnitude is 4"
    assert compare([complex(1, np.nan)], [complex(1, np.nan)], "complex128") is None
    assert compare([complex(1, np.nan)], [complex(2, np.nan)], "complex128") is not None
    assert compare([complex(1, np.inf)], [complex(1, -np.inf)], "complex128") is not None


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_quantized_integers_agree_within_one_step(dtype: str) -> None:
    assert compare([10, 100], [11, 99], dtype, "y") is None
    assert compare([10, 0], [12, 0], dtype, "y") == "y differs by 2 where its largest magnitude is 10"
    says = "y differs by 1 where its largest magnitude is 10"
    assert compare([10, 0], [11, 0], dtype) == says
    assert compare([10, 0], [11, 0], dtype, "z") == says


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
def test_wide_integers_are_equal_or_differ(dtype: str) -> None:
    assert compare([3], [3], dtype) is None
    assert compare([3], [4], dtype, "y") == "y differs by 1 where its largest magnitude is 3"


def test_integers_at_the_ends_of_their_range_do_not_wrap_round() -> None:
    # 255 and 0 are neighbours for uint8's arithmetic only.
    assert compare([255], [0], "uint8", "y") == "y differs by 255 where its largest magnitude is 255"
    assert compare([-128], [127], "int8", "y") == "y differs by 255 where its largest magnitude is 128"
    low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    wide = outputs_agree({"y": np.array([low])}, {"y": np.array([high])})
    assert wide == "y differs by 1.84e+19 where its largest magnitude is 9.22e+18"
    # One step that float64 cannot tell.
    near = outputs_agree({"y": np.array([high])}, {"y": np.array([high - 1])})
    assert near == "y differs by 1 where its largest magnitude is 9.22e+18"


def test_nan_and_infinity_agree_where_both_have_them() -> None:
    assert compare([np.nan, 1.0, np.inf], [np.nan, 1.0, np.inf]) is None
    assert compare([np.nan, np.nan], [np.nan, np.nan]) is None
    says = "y has NaN or infinity where it had none, or the other way round"
    assert compare([1.0, 1.0], [1.0, np.nan]) == says
    assert compare([1.0, np.inf], [1.0, 1.0]) == says


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("pair", [(np.nan, np.inf), (-np.inf, np.nan), (np.inf, -np.inf)])
def test_nan_and_each_infinity_differ(pair: tuple[float, float], dtype: str) -> None:
    want, have = pair
    assert compare([1, want], [1, have], dtype) == "y has NaN or an infinity where it had another of them"


def test_shapes_and_types_must_be_equal() -> None:
    assert compare([1, 2, 3], [1, 2]) == "y has shape [2], first it was [3]"
    other = outputs_agree({"y": np.zeros(1, np.float32)}, {"y": np.zeros(1, np.int64)})
    assert other == "y is int64, first it was float32"


def test_text_and_truth_must_be_equal() -> None:
    assert outputs_agree({"y": np.array(["a"])}, {"y": np.array(["a"])}) is None
    assert outputs_agree({"y": np.array(["a"])}, {"y": np.array(["b"])}) == "y differs"
    assert outputs_agree({"y": np.array(["a"], object)}, {"y": np.array(["a"], object)}) is None
    assert outputs_agree({"y": np.array(["a"], object)}, {"y": np.array(["b"], object)}) == "y differs"
    assert outputs_agree({"y": np.array([True])}, {"y": np.array([True])}) is None
    assert outputs_agree({"y": np.array([True])}, {"y": np.array([False])}) == "y differs"


@pytest.mark.parametrize("dtype", sorted(NUMPY_DTYPES.values()))
def test_empty_outputs_and_scalars_agree(dtype: str) -> None:
    for array in (np.zeros((0, 3), dtype), np.zeros((), dtype)):
        assert outputs_agree({"y": array}, {"y": array.copy()}) is None


@pytest.mark.parametrize("dtype", sorted(set(NUMPY_DTYPES.values()) - {"object"}))
def test_every_place_of_a_large_output_is_compared_whatever_the_layout(dtype: str) -> None:
    want = np.zeros((3, 70_000, 2), dtype)  # several slices
    for place in ((0, 0, 0), (1, 35_000, 1), (2, 69_999, 1)):
        have = np.asfortranarray(want)
        assert outputs_agree({"y": want}, {"y": have}) is None
        have[place] = 1
        for one, other in ((want, have), (have, want), (want[:, ::-1], have[:, ::-1])):
            assert outputs_agree({"y": one}, {"y": other}) is not None


def test_the_largest_magnitude_counts_in_all_slices() -> None:
    want, have = np.zeros(400_000, np.float32), np.zeros(400_000, np.float32)
    want[-1] = have[-1] = 100
    have[0] = 0.0625
    assert outputs_agree({"y": want}, {"y": have}) is None


PEAK_OF_COMPARING = """
import sys
import numpy as np
from edgeai.measure.inputs import outputs_agree
from edgeai.measure.memory import read_memory, reset_peak
from edgeai.sysroot import SysRoot

dtype, path = sys.argv[1:]
root = SysRoot()
have = np.ones(100_000_000 // np.dtype(dtype).itemsize, dtype)
if path:
    np.save(path, have)
want = np.load(path, mmap_mode="r") if path else have.copy()
outputs_agree({"y": want[:9]}, {"y": have[:9]})  # numpy's own first-time costs
if not reset_peak(root):
    sys.exit("refused")
before = read_memory(root).peak_bytes
assert outputs_agree({"y": want}, {"y": have}, ["y"]) is None
print(read_memory(root).peak_bytes - before)
"""


@pytest.mark.parametrize(
    ("dtype", "mapped"), [("float32", True), ("float16", False), ("int8", False), ("complex64", False)]
)
def test_comparing_100_mb_takes_under_10_mb(dtype: str, mapped: bool, tmp_path: Path) -> None:
    path = str(tmp_path / "want.npy") if mapped else ""
    ran = subprocess.run(
        [sys.executable, "-c", PEAK_OF_COMPARING, dtype, path], capture_output=True, text=True, check=False
    )
    if ran.stderr.strip() == "refused":
        pytest.skip("the kernel does not reset the peak")
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 10e6


def test_a_map_that_may_be_written_keeps_what_was_written(tmp_path: Path) -> None:
    np.save(tmp_path / "want.npy", np.zeros(300_000, np.float32))
    want = np.load(tmp_path / "want.npy", mmap_mode="c")
    want[:] = 1
    assert outputs_agree({"y": want}, {"y": np.ones(300_000, np.float32)}) is None
    assert want.min() == 1
