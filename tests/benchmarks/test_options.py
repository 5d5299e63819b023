"""Words on the command line and the values they stand for."""

from __future__ import annotations

import click
import pytest

from edgeai.errors import UsageError
from edgeai_bench.options import duration, names, numbers, parse_shapes, rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("10s", 10.0), ("10", 10.0), ("2m", 120.0), ("1.5h", 5400.0), (" 0.1s ", 0.1), ("0", 0)],
)
def test_a_duration_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "10 s", "-1s", "1e3", "10sec", "1m30s", "nan", "inf", ".5s", "1."])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no duration like 500ms, 10s or 2m"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "hertz"),
    [("10/s", 10.0), ("10", 10.0), ("6/m", 0.1), ("36/h", 0.01), ("30hz", 30.0), ("0.5 Hz", 0.5), ("2/S", 2)],
)
def test_a_rate_is_per_second_minute_or_hour_or_in_hertz(text: str, hertz: float) -> None:
    assert rate(text) == pytest.approx(hertz)


@pytest.mark.parametrize("text", ["", "0/s", "0.0", "-1/s", "10/d", "10/", "/s", "10 s", "10/ms"])
def test_what_is_no_rate_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no rate like 10/s or 6/m"):
        rate(text)


def test_numbers_come_as_a_list_in_the_order_given() -> None:
    assert numbers("4,1, 2") == (4, 1, 2)
    assert numbers("8") == (8,)


@pytest.mark.parametrize("text", ["", "0", "1,0", "1,,2", "1;2", "-1", "1.5", "two", "²"])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no list of whole numbers from 1"):
        numbers(text)


def test_names_come_as_a_list_without_white_space_and_empty_parts() -> None:
    assert names("onnxruntime, litert,") == ("onnxruntime", "litert")
    assert names("") == ()


@pytest.mark.parametrize(
    ("text", "name", "shape"),
    [
        ("x:1x3x640x640", "x", (1, 3, 640, 640)),
        ("x:1,3,640,640", "x", (1, 3, 640, 640)),
        ("1x3x640x640", "", (1, 3, 640, 640)),
        ("8", "", (8,)),
        ("serving_default_x:0:1x16000", "serving_default_x:0", (1, 16000)),
        ("a::b:7", "a::b", (7,)),
        ("sr:", "sr", ()),
        ("max x:2x2", "max x", (2, 2)),
        ("images/ä:1x2", "images/ä", (1, 2)),
    ],
)
def test_a_shape_belongs_to_the_name_before_the_last_colon(
    text: str, name: str, shape: tuple[int, ...]
) -> None:
    assert parse_shapes([text]) == {name: shape}


def test_each_input_has_its_shape() -> None:
    assert parse_shapes(["a:1x2", "b:3"]) == {"a": (1, 2), "b": (3,)}
    assert parse_shapes([]) == {}


@pytest.mark.parametrize(
    "text", ["x", "x:0", "x:1x-1", "x:1xN", "x:1x", "x:1 x 3", "serving_default_x:0", "x:1.5", "x:1x²"]
)
def test_what_is_no_shape_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_shapes([text])
    assert str(caught.value) == f"--input-shape {text!r} is not like x:1x3x640x640 or 1x3x640x640"
