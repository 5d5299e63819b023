"""Tensors as JSON lines and as numpy's files."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.bundle import NUMPY_DTYPES
from edgeai.errors import InputError
from edgeai.sources.tensors import load_npy, load_npz, parse_tensors

NUMBERS = [short for short in NUMPY_DTYPES if short not in {"str", "bool", "c64", "c128"}]


def parse(document: Any, **dtypes: str) -> dict[str, np.ndarray]:
    return parse_tensors(json.dumps(document).encode(), "-:7", dtypes)


def refused(document: Any, **dtypes: str) -> str:
    with pytest.raises(InputError) as caught:
        parse(document, **dtypes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "dtype", "wanted"),
    [
        ([[1, 2], [3, 4]], "int64", [[1, 2], [3, 4]]),
        ([1.5, 2], "float32", [1.5, 2]),
        ([True, False], "bool", [True, False]),
        (["a", "b"], "object", ["a", "b"]),
        (3, "int64", 3),
        ([], "float32", []),
        ([[], []], "float32", [[], []]),
    ],
)
def test_lists_become_what_they_look_like(value: Any, dtype: str, wanted: Any) -> None:
    array = parse({"x": value})["x"]
    assert (array.dtype, array.tolist()) == (np.dtype(dtype), wanted)


@pytest.mark.parametrize("short", NUMBERS)
def test_lists_become_the_dtype_of_the_input(short: str) -> None:
    array = parse({"x": [[1, 2], [3, 4]]}, x=short)["x"]
    assert array.dtype == NUMPY_DTYPES[short]
    assert array.tolist() == [[1, 2], [3, 4]]


def test_several_inputs_each_have_their_own() -> None:
    arrays = parse({"x": [1], "sr": 16000, "t": ["a"]}, x="f32", sr="i64", t="str")
    assert {name: (array.dtype, array.shape) for name, array in arrays.items()} == {
        "x": (np.dtype("float32"), (1,)),
        "sr": (np.dtype("int64"), ()),
        "t": (np.dtype(object), (1,)),
    }


@pytest.mark.parametrize(
    ("value", "short", "said"),
    [
        ([256], "u8", "256 does not fit into u8"),
        ([-1, 3], "u64", "-1 does not fit into u64"),
        ([2**63], "i64", "9223372036854775808 does not fit into i64"),
        ([1e300], "f32", "a number in it does not fit into f32"),
        ([10**400], "f64", "a number in it does not fit into f64"),
        ([70000.0], "f16", "a number in it does not fit into f16"),
        ([1.5], "i32", "it holds fractions, the input is i32"),
        ([True], "f32", "it holds true or false, the input is f32"),
        ([1], "bool", "it holds whole numbers, the input is bool"),
        (["1"], "f32", "it holds text, the input is f32"),
        ([1], "str", "it holds whole numbers, the input is str"),
        ([None, 1], "f32", "it holds null and whole numbers, the input is f32"),
    ],
)
def test_what_does_not_fit_the_input_is_refused(value: Any, short: str, said: str) -> None:
    assert refused({"x": value}, x=short) == f"-:7: x: {said}"


def test_no_number_is_made_of_text_or_truth() -> None:
    assert "it holds true or false and whole numbers" in refused({"x": [1, True]})
    assert "it holds whole numbers and text" in refused({"x": [1, "1"]})
    assert "it holds null" in refused({"x": None})


@pytest.mark.parametrize("value", [[[1], [2, 3]], [1, [2]], [{"a": 1}]])
def test_ragged_lists_are_refused(value: Any) -> None:
    assert refused({"x": value}, x="f32").startswith("-:7: x: its lists differ in length or are nested")


@pytest.mark.parametrize("short", [short for short in NUMPY_DTYPES if short != "str"])
def test_packed_elements_are_read_as_they_were_written(short: str) -> None:
    little = np.arange(6).astype(NUMPY_DTYPES[short]).reshape(2, 3)
    data = base64.b64encode(little.astype(little.dtype.newbyteorder("<")).tobytes()).decode()
    array = parse({"x": {"data": data, "dtype": short, "shape": [2, 3]}})["x"]
    assert array.dtype == little.dtype
    assert array.dtype.isnative
    np.testing.assert_array_equal(array, little)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dtype": "float32"}, "dtype is 'float32'; give one of: bool, f16, f32,"),
        ({"dtype": "str"}, "dtype is 'str'; give one of:"),
        ({"dtype": ["f32"]}, "dtype is ['f32']; give one of:"),
        ({"shape": 2}, "shape is 2; give a list of sizes"),
        ({"shape": [-1]}, "shape is [-1]; give a list of sizes"),
        ({"shape": [True, 2]}, "shape is [True, 2]; give a list of sizes"),
        ({"shape": [3]}, "data has 8 bytes, f32[3] has 12"),
        ({"shape": [2**70]}, "data has 8 bytes, f32[1180591620717411303424] has 4,722,366"),
        ({"shape": [1] * 70 + [2]}, "maximum supported dimension"),
        ({"data": "AAA"}, "data is not base64: Incorrect padding"),
        ({"data": "é"}, "data is not base64"),
        ({"data": 3}, "data is not base64"),
        ({"more": 1}, "it has data, dtype, shape, more; give data, dtype and shape"),
    ],
)
def test_packed_elements_that_are_wrong_say_how(change: dict[str, Any], said: str) -> None:
    good = {"data": base64.b64encode(bytes(8)).decode(), "dtype": "f32", "shape": [2]}
    assert parse({"x": good})["x"].tolist() == [0, 0]
    message = refused({"x": {**good, **change}})
    assert message.startswith("-:7: x: ")
    assert said in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "-:7: not JSON: Expecting property name"),
        (b"\xff", "-:7: not JSON: "),
        (b"[1]", '-:7: give an object of arrays by input name, such as {"x": [1, 2]}'),
        (b"{}", "-:7: give an object of arrays by input name"),
        (b'{"x": ' + b"[" * 100_000, "-:7: it is nested too deeply; give lists of numbers"),
        (b'{"x": ' + b"[" * 70 + b"]" * 70 + b"}", "-:7: x: its lists differ in length or are nested"),
    ],
)
def test_a_line_that_is_no_set_of_tensors_says_so(line: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_tensors(line, "-:7")
    assert str(caught.value).startswith(said)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=3), documents, max_size=3), st.sampled_from([None, *NUMPY_DTYPES]))
@settings(max_examples=300, deadline=None)
def test_any_json_is_arrays_or_an_error_on_one_line(document: Any, short: str | None) -> None:
    try:
        arrays = parse(document, **({} if short is None else dict.fromkeys(document, short)))
    except InputError as error:
        said = str(error)
    else:
        said = ""
        assert all(isinstance(array, np.ndarray) for array in arrays.values())
    assert said.isprintable()


# --- numpy's own files -------------------------------------------------------------------------------------


def written(save: Any, *arrays: Any, **more: Any) -> io.BytesIO:
    file = io.BytesIO()
    save(file, *arrays, **more)
    file.seek(0)
    return file


@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">i8", "?", "u1"])
def test_a_file_of_one_array_comes_in_this_machines_order(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    found = load_npy(written(np.save, array), "x.npy")
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, array)


def test_a_file_of_several_arrays_comes_by_name() -> None:
    found = load_npz(written(np.savez, x=np.ones(2, ">f8"), t=np.array(["a", "bc"])), "x.npz")
    assert (found["x"].dtype, found["x"].tolist()) == (np.dtype(float), [1, 1])
    assert (found["t"].dtype, found["t"].tolist()) == (np.dtype(object), ["a", "bc"])


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    hostile = np.array([{"a": 1}], dtype=object)
    with pytest.raises(
        InputError, match=r"^x.npy is damaged or no plain array: Object arrays cannot be loaded"
    ):
        load_npy(written(np.save, hostile), "x.npy")
    with pytest.raises(InputError, match=r"^x.npz is damaged or holds more than plain arrays: Object arrays"):
        load_npz(written(np.savez, x=hostile), "x.npz")


@pytest.mark.parametrize("length", [0, 4, 6, 20, 128, 131])
def test_a_file_cut_short_is_an_error(length: int) -> None:
    content = written(np.save, np.ones(10)).read()[:length]
    with pytest.raises(InputError, match=r"^x.npy is damaged"):
        load_npy(io.BytesIO(content), "x.npy")


def test_an_archive_cut_short_is_an_error() -> None:
    whole = written(np.savez, x=np.ones(10), y=np.ones(3)).read()
    for length in range(4, len(whole), 25):
        with pytest.raises(InputError, match=r"^x.npz is damaged"):
            load_npz(io.BytesIO(whole[:length]), "x.npz")


def test_an_absurd_size_in_a_header_is_an_error() -> None:
    content = written(np.save, np.ones(1)).read().replace(b"(1,)", b"(9" + b"9" * 15 + b",)")
    with pytest.raises(InputError, match=r"^x.npy is damaged"):
        load_npy(io.BytesIO(content), "x.npy")


def test_an_archive_of_other_things_is_an_error() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "no array")
    file.seek(0)
    with pytest.raises(InputError, match=r"x.npz: readme.txt is no array; write the file with numpy.savez"):
        load_npz(file, "x.npz")
