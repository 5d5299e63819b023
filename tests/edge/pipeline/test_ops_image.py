"""Image steps as a manifest calls them: what they give, and the way back to the source through any chain."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from edgeai.errors import InputError
from edgeai.pipeline.ops import image as ops
from edgeai.pipeline.values import Image
from edgeai.steps import geometry

Array = NDArray[Any]
NO_PIXEL = -1e12


def picture(pixels: Array, color: str = "RGB") -> Image:
    return Image(pixels, geometry.identity(), (pixels.shape[1], pixels.shape[0]), color)


def noise(height: int, width: int, channels: int = 3) -> Image:
    color = "RGB" if channels == 3 else "GRAY"
    return picture(np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8), color)


def coordinates(height: int, width: int) -> Image:
    """Each pixel holds where its middle is, so whatever becomes of it says where it came from."""
    y, x = np.mgrid[:height, :width] + 0.5
    return picture(np.stack([x, y], axis=-1).astype(np.float32))


def places(image: Image) -> Array:
    """f64 [height, width, 2]: where the middle of each pixel lies in the source, by the way back."""
    height, width = image.pixels.shape[:2]
    middles = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1) + 0.5
    return geometry.apply_to_points(image.to_source, middles)


def call(step: Any, **params: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, dict[str, Any]]]:
    return st.tuples(st.just(step), st.fixed_dictionaries(params))


# Those that keep a straight ramp straight; the others bend it between pixels.
SMOOTH = st.sampled_from(["linear", "bilinear", "bicubic"])
SIDE = st.integers(12, 60)
SIZE = st.tuples(SIDE, SIDE).map(list)
ALIGN = st.sampled_from(["center", "topleft"])
FILL = st.just(NO_PIXEL)
STEP = st.one_of(
    call(ops.resize, size=SIZE, filter=SMOOTH),
    call(ops.resize, short=SIDE, filter=SMOOTH),
    call(ops.resize, long=SIDE, multiple=st.integers(1, 9)),
    call(ops.resize, height=SIDE, max_width=SIDE),
    call(ops.letterbox, size=SIZE, fill=FILL, align=ALIGN, filter=SMOOTH),
    call(ops.pad, square=st.just(True), fill=FILL, align=ALIGN),
    call(ops.pad, multiple=st.integers(1, 20), fill=FILL, align=ALIGN),
    call(ops.center_crop, size=st.just([12, 12])),
    call(ops.region, box=st.just([1, 2, 11, 12])),
    call(ops.rotate, clockwise=st.sampled_from([-90, 90, 180, 270, 360])),
    call(ops.flip, axis=st.sampled_from(["horizontal", "vertical"])),
    call(ops.scale),
)
CHAIN = st.lists(STEP, max_size=5)


def run(step: Any, image: Image, params: dict[str, Any]) -> Image:
    """What the step makes of the image; the image itself where it is too small for a crop."""
    try:
        result: Image = step(image, **params)
    except InputError:
        return image
    return result


@given(SIDE, SIDE, CHAIN)
@settings(max_examples=200, deadline=None)
def test_after_any_chain_of_steps_each_pixel_says_where_it_came_from(
    width: int, height: int, chain: list[tuple[Any, dict[str, Any]]]
) -> None:
    image = source = coordinates(height, width)
    spans = 1.0  # how many source pixels one pixel spanned, at most: what borders and interpolation may bend
    for step, params in chain:
        image = run(step, image, params)
        spans = max(spans, *np.abs(image.to_source[:, :2]).sum(0))
    assert image.source_size == (width, height)
    expected = places(image)
    inside = ((expected > 3 * spans) & (expected < np.array(source.source_size) - 3 * spans)).all(-1)
    seen = image.pixels
    untouched = inside & (seen > -1).all(-1) & (seen < 100).all(-1)  # margins and what mixes with them
    if untouched.any():
        errors = np.abs(seen - expected)[untouched]
        assert np.median(errors) < 0.1 * spans
        assert errors.max() < spans


@given(st.integers(0, 39), st.integers(0, 29), CHAIN)
@settings(max_examples=150, deadline=None)
def test_a_marked_pixel_is_found_again_in_the_source(
    x: int, y: int, chain: list[tuple[Any, dict[str, Any]]]
) -> None:
    pixels = np.zeros((90, 120, 3), np.uint8)
    pixels[3 * y : 3 * y + 3, 3 * x : 3 * x + 3] = 255
    image, spans = picture(pixels), 1.0
    for step, params in chain:
        if step is ops.scale:  # makes floats of the bytes
            continue
        # Margins must not outshine the mark, nor linear step over it where it shrinks.
        instead = {"fill": 0, "filter": "bilinear"}
        image = run(step, image, {key: instead.get(key, value) for key, value in params.items()})
        spans = max(spans, *np.abs(image.to_source[:, :2]).sum(0))
    if image.pixels.max() < 64:  # cropped away, or shrunk to almost nothing
        return
    rows, columns = image.pixels.shape[:2]
    top, left = np.unravel_index(image.pixels[..., 0].argmax(), (rows, columns))
    found = geometry.apply_to_points(image.to_source, np.array([left + 0.5, top + 0.5]))
    assert np.abs(found - [3 * x + 1.5, 3 * y + 1.5]).max() <= 1.5 + 1.5 * spans


def test_nearest_keeps_within_half_a_pixel() -> None:
    for size in ([20, 15], [77, 81], [40, 30]):
        image = ops.resize(coordinates(30, 40), size=size, filter="nearest")
        spans = np.abs(image.to_source[:, :2]).sum(0)
        assert (np.abs(image.pixels - places(image)) <= np.maximum(spans, 1) / 2 + 1e-4).all()


def test_decode_gives_an_image_in_source_pixels() -> None:
    pixels = noise(6, 8).pixels
    target = io.BytesIO()
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(pixels).save(target, "PNG", exif=exif)
    image = ops.decode(target.getvalue())
    np.testing.assert_array_equal(image.pixels, np.rot90(pixels, -1))
    assert (image.source_size, image.color) == ((6, 8), "RGB")
    assert ops.decode(image) is image


def test_a_jpeg_decoded_smaller_leads_back_to_the_whole_one() -> None:
    target = io.BytesIO()
    Pillow.fromarray(skimage.data.astronaut()).save(target, "JPEG")
    image = ops.resize(ops.decode(target.getvalue(), at_least=[128, 128]), size=[128, 64])
    assert image.source_size == (512, 512)
    assert image.to_source.tolist() == [[4, 0, 0], [0, 8, 0]]


def test_resize_by_each_of_its_ways() -> None:
    image = noise(100, 140)
    shapes = {
        (50, 60): {"size": [60, 50]},
        (50, 70): {"short": 50},
        (40, 56): {"long": 56},
        (100, 140): {"short": 80, "limit": "min"},
        (96, 128): {"long": 200, "limit": "max", "multiple": 32},
        (48, 68): {"height": 48},  # 67.2 rounded up
        (48, 60): {"height": 48, "max_width": 60},
    }
    for shape, params in shapes.items():
        resized = ops.resize(image, **params)  # type: ignore[arg-type]
        assert resized.pixels.shape[:2] == shape, params
        corner = geometry.apply_to_points(resized.to_source, np.array(shape[::-1]))
        np.testing.assert_allclose(corner, [140, 100])


def test_resize_wants_one_way_and_says_so() -> None:
    for params in ({}, {"size": [3, 3], "short": 4}, {"long": 3, "height": 4}):
        with pytest.raises(InputError, match="one of size, short, long and height"):
            ops.resize(noise(5, 5), **params)  # type: ignore[arg-type]
    for params in ({"short": 3, "max_width": 4}, {"size": [3, 3], "limit": "min"}):
        with pytest.raises(InputError, match="max_width with height only"):
            ops.resize(noise(5, 5), **params)  # type: ignore[arg-type]
    for params, name in (({"size": [3]}, "size"), ({"size": [0, 3]}, "size"), ({"height": 0}, "height")):
        with pytest.raises(InputError, match=f"{name}: "):
            ops.resize(noise(5, 5), **params)  # type: ignore[arg-type]
    for params, name in (
        ({"height": 3, "max_width": 0}, "max_width"),
        ({"long": -1}, "long"),
        ({"short": 0}, "short"),
    ):
        with pytest.raises(InputError, match=f"{name}: "):
            ops.resize(noise(5, 5), **params)


def test_a_letterbox_leads_back_past_its_margins() -> None:
    image = ops.letterbox(noise(100, 200), size=[64, 64], fill=114)
    assert image.pixels[:16].min() == image.pixels[48:].max() == 114
    corners = geometry.apply_to_points(image.to_source, np.array([[0, 16], [64, 48]]))
    np.testing.assert_allclose(corners, [[0, 0], [200, 100]])
    top = ops.letterbox(noise(100, 200), size=[64, 64], fill=114, align="topleft")
    np.testing.assert_array_equal(top.pixels[:32], image.pixels[16:48])
    np.testing.assert_allclose(geometry.apply_to_points(top.to_source, np.array([64, 32])), [200, 100])


def test_pad_by_each_of_its_ways() -> None:
    image = noise(5, 7)
    assert ops.pad(image, size=[8, 9]).pixels.shape == (9, 8, 3)
    assert ops.pad(image, multiple=4).pixels.shape == (8, 8, 3)
    square = ops.pad(image, square=True, align="center", fill=9)
    np.testing.assert_array_equal(square.pixels[1:6], image.pixels)
    assert square.pixels[0].max() == square.pixels[6].min() == 9
    assert geometry.apply_to_points(square.to_source, np.array([0, 1])).tolist() == [0, 0]
    for params in ({}, {"size": [8, 9], "square": True}):
        with pytest.raises(InputError, match="one of size, multiple and square"):
            ops.pad(image, **params)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="does not fit into 6 x 9"):
        ops.pad(image, size=[6, 9])
    with pytest.raises(InputError, match="multiple: 0"):
        ops.pad(image, multiple=0)


def test_crops_of_the_middle_and_of_a_box() -> None:
    image = noise(9, 12)
    middle = ops.center_crop(image, size=[5, 4])
    np.testing.assert_array_equal(middle.pixels, image.pixels[2:6, 3:8])
    assert middle.to_source.tolist() == [[1, 0, 3], [0, 1, 2]]
    part = ops.region(middle, box=[1, 0, 3, 4])
    np.testing.assert_array_equal(part.pixels, image.pixels[2:6, 4:6])
    assert part.to_source.tolist() == [[1, 0, 4], [0, 1, 2]]
    with pytest.raises(InputError, match="does not lie within an image of 12 x 9"):
        ops.center_crop(image, size=[5, 10])
    for box in ([0, 0, 13, 9], [-1, 0, 3, 3], [3, 3, 3, 4], [0, 0, 3]):
        with pytest.raises(InputError, match="box: "):
            ops.region(image, box=box)


def test_turns_and_flips_are_opencvs() -> None:
    image = noise(5, 8)
    for degrees, code in {
        90: cv2.ROTATE_90_CLOCKWISE,
        180: cv2.ROTATE_180,
        -90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    }.items():
        expected = cv2.rotate(image.pixels, code)
        np.testing.assert_array_equal(ops.rotate(image, clockwise=degrees).pixels, expected)
    np.testing.assert_array_equal(ops.flip(image).pixels, cv2.flip(image.pixels, 1))
    np.testing.assert_array_equal(ops.flip(image, axis="vertical").pixels, cv2.flip(image.pixels, 0))
    with pytest.raises(InputError, match="clockwise: 45 must be a multiple of 90"):
        ops.rotate(image, clockwise=45)
    with pytest.raises(InputError, match="axis: 'x' is not known"):
        ops.flip(image, axis="x")


def test_color_remembers_what_it_made() -> None:
    image = noise(5, 8)
    bgr = ops.color(image, to="BGR")
    assert bgr.color == "BGR"
    np.testing.assert_array_equal(bgr.pixels, image.pixels[..., ::-1])
    grey = ops.color(bgr, to="GRAY")
    assert (grey.color, grey.pixels.shape) == ("GRAY", (5, 8, 1))
    np.testing.assert_array_equal(grey.pixels, ops.color(image, to="GRAY").pixels)
    np.testing.assert_array_equal(ops.color(grey, to="RGB").pixels, np.repeat(grey.pixels, 3, axis=2))


def test_normalize_is_the_formula() -> None:
    image, mean, std = noise(13, 17), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    normal = ops.normalize(image, mean=mean, std=std)
    exact = (image.pixels.astype(np.float64) / 255 - mean) / std
    assert normal.pixels.dtype == np.float32
    np.testing.assert_allclose(normal.pixels, exact, atol=1e-6)
    half = ops.normalize(image, mean=[0.5], std=[0.5])
    np.testing.assert_allclose(half.pixels, image.pixels / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(ops.normalize(image).pixels, image.pixels / 255, atol=1e-6)
    np.testing.assert_allclose(ops.scale(image, multiply=2, offset=-1).pixels, image.pixels * 2.0 - 1)
    with pytest.raises(InputError, match=r"std: .* must not hold 0"):
        ops.normalize(image, std=[1, 0, 1])
    with pytest.raises(InputError, match="2 values for an image of 3 channels"):
        ops.normalize(image, mean=[1, 0])


def test_the_layout_comes_last() -> None:
    image = ops.layout(ops.normalize(noise(5, 8)), to="NCHW", dtype="f32")
    assert image.pixels.shape == (1, 3, 5, 8)
    assert image.source_size == (8, 5)
    for step in (ops.normalize, ops.scale, ops.flip):
        with pytest.raises(InputError, match="laid out already; put layout@1 last"):
            step(image)


def test_yuv_takes_arrays_bytes_and_images() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (12, 6), np.uint8)
    expected = cv2.cvtColor(frame, cv2.COLOR_YUV2RGB_NV12)
    for value in (frame, picture(frame, "YUV")):
        image = ops.yuv(value, format="NV12")
        assert (image.source_size, image.color) == ((6, 8), "RGB")
        assert np.abs(image.pixels.astype(int) - expected).max() <= 2
    same = ops.yuv(frame.tobytes(), format="NV12", size=[6, 8])
    np.testing.assert_array_equal(same.pixels, image.pixels)
    with pytest.raises(InputError, match="a NV12 frame is a u8 array or bytes, not str"):
        ops.yuv("frame", format="NV12")


def test_what_is_no_image_is_sent_to_decode() -> None:
    for step in (ops.normalize, ops.layout, ops.flip):
        with pytest.raises(InputError, match="an image is wanted, not ndarray; put decode@1 first"):
            step(np.zeros((2, 2, 3), np.uint8))  # type: ignore[arg-type]


@pytest.mark.parametrize(("keep", "left"), [("left", 0), ("center", 10), ("right", 20)])
def test_what_is_wider_than_the_aspect_loses_the_rest(keep: str, left: int) -> None:
    pixels = np.arange(10 * 40 * 3, dtype=np.uint16).astype(np.uint8).reshape(10, 40, 3)
    cut = ops.limit_aspect(ops.decode(pixels), ratio=2, keep=keep)
    np.testing.assert_array_equal(cut.pixels, pixels[:, left : left + 20])
    assert cut.to_source.tolist() == [[1, 0, left], [0, 1, 0]]
    whole = ops.limit_aspect(ops.decode(pixels), ratio=4, keep=keep)
    assert whole.pixels.shape == pixels.shape
    with pytest.raises(InputError, match="ratio is 0 and keep"):
        ops.limit_aspect(ops.decode(pixels), ratio=0)


def test_a_thin_picture_is_not_made_a_square_that_no_board_can_hold() -> None:
    thin = ops.decode(np.zeros((20000, 1, 3), np.uint8))
    with pytest.raises(
        InputError, match="20000 x 20000 would be 400,000,000 pixels; the most are 67,108,864"
    ):
        ops.pad(thin, square=True)
