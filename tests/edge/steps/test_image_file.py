"""Decoding: every mode and orientation against Pillow, and files that lie."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from edgeai.errors import InputError
from edgeai.steps import geometry
from edgeai.steps.image_file import MAX_PIXELS, decode

Array = NDArray[Any]


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def file_of(image: Pillow.Image, kind: str = "PNG", **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def oriented(image: Pillow.Image, orientation: int, kind: str = "PNG", **options: Any) -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return file_of(image, kind, exif=exif, **options)


PICTURE = Pillow.fromarray(noise(13, 17, 3))


def test_a_path_its_bytes_and_pillows_image_are_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(file_of(PICTURE))
    with Pillow.open(path) as opened:
        for source in (path, str(path), path.read_bytes(), memoryview(path.read_bytes()), opened):
            decoded = decode(source)
            np.testing.assert_array_equal(decoded.pixels, np.asarray(PICTURE))
            assert decoded.pixels.dtype == np.uint8
            assert decoded.size == (17, 13)
            assert decoded.to_source.tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP", "TIFF", "MPO"])
def test_each_kind_of_file_is_as_pillow_reads_it(kind: str) -> None:
    data = file_of(PICTURE, kind)
    expected = np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(decode(data).pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_orientation_in_exif_is_applied(orientation: int, kind: str) -> None:
    data = oriented(PICTURE, orientation, kind)
    expected = ImageOps.exif_transpose(Pillow.open(io.BytesIO(data)))
    decoded = decode(data)
    np.testing.assert_array_equal(decoded.pixels, np.asarray(expected))
    assert decoded.size == expected.size
    assert decoded.to_source.tolist() == [[1, 0, 0], [0, 1, 0]]
    np.testing.assert_array_equal(decode(Pillow.open(io.BytesIO(data))).pixels, np.asarray(expected))


def test_an_orientation_that_is_none_is_left_alone() -> None:
    for orientation in (0, 9, 65535):
        pixels = decode(oriented(PICTURE, orientation)).pixels
        np.testing.assert_array_equal(pixels, np.asarray(PICTURE))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("at_least", "factor"), [((1, 1), 8), ((75, 70), 4), ((150, 110), 2), ((300, 200), 1)]
)
def test_a_jpeg_decoded_smaller_knows_its_way_back(
    orientation: int, at_least: tuple[int, int], factor: int
) -> None:
    y, x = np.mgrid[:301, :403]
    picture = Pillow.fromarray(np.stack([x // 2, y // 2, x * 0 + 9], axis=-1).astype(np.uint8))
    whole = decode(oriented(picture, orientation, "JPEG", quality=95))
    decoded = decode(oriented(picture, orientation, "JPEG", quality=95), at_least=at_least)
    height, width = decoded.pixels.shape[:2]
    assert width >= at_least[0]
    assert height >= at_least[1]
    assert (width, height) == tuple(-(-side // factor) for side in whole.size)
    assert decoded.size == whole.size
    inner = np.moveaxis(np.mgrid[1 : width - 1, 1 : height - 1], 0, -1) + 0.5
    places = geometry.apply_to_points(decoded.to_source, inner)
    # Both hold a ramp, so a pixel's colour says where it was.
    np.testing.assert_allclose(
        decoded.pixels[1:-1, 1:-1].swapaxes(0, 1)[..., :2],
        whole.pixels[places[..., 1].astype(int), places[..., 0].astype(int)][..., :2],
        atol=3,
    )


def test_the_least_size_is_that_of_the_upright_picture() -> None:
    data = oriented(Pillow.new("RGB", (400, 200)), 6, "JPEG")
    assert decode(data, at_least=(100, 200)).pixels.shape == (200, 100, 3)
    assert decode(data, at_least=(100, 201)).pixels.shape == (400, 200, 3)


def test_files_that_cannot_be_decoded_smaller_come_whole() -> None:
    data = file_of(PICTURE)
    np.testing.assert_array_equal(decode(data, at_least=(1, 1)).pixels, np.asarray(PICTURE))


def test_a_photo_decoded_smaller_looks_like_itself() -> None:
    photo = skimage.data.astronaut()
    decoded = decode(file_of(Pillow.fromarray(photo), "JPEG", quality=95), at_least=(128, 128))
    means = photo.reshape(128, 4, 128, 4, 3).mean((1, 3))
    assert decoded.pixels.shape == (128, 128, 3)
    assert np.abs(decoded.pixels - means).mean() < 3


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB", "HSV"])
def test_modes_without_alpha_are_as_pillow_converts_them(mode: str) -> None:
    image = (
        PICTURE.convert("RGB").convert(mode) if mode != "LAB" else Pillow.new("LAB", (3, 2), (90, 130, 120))
    )
    np.testing.assert_array_equal(decode(image).pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_files_are_as_pillow_converts_them(kind: str) -> None:
    data = file_of(PICTURE.convert("CMYK"), kind)
    expected = Pillow.open(io.BytesIO(data)).convert("RGB")
    np.testing.assert_array_equal(decode(data).pixels, np.asarray(expected))


def test_transparent_parts_become_white() -> None:
    rgba = noise(20, 20, 4)
    rgba[0, 0], rgba[0, 1] = (0, 0, 0, 0), (10, 20, 30, 255)
    exact = rgba[..., :3] * (rgba[..., 3:] / 255) + 255 * (1 - rgba[..., 3:] / 255)
    for source in (rgba, Pillow.fromarray(rgba), file_of(Pillow.fromarray(rgba))):
        pixels = decode(source).pixels
        np.testing.assert_array_equal(pixels, np.floor(exact + 0.5 - 1e-9))
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert pixels[0, 1].tolist() == [10, 20, 30]


def test_grey_with_alpha_and_palettes_with_a_transparent_colour_become_white_too() -> None:
    grey = np.zeros((1, 2, 2), np.uint8)
    grey[0, 1] = (80, 255)
    assert decode(file_of(Pillow.fromarray(grey))).pixels.tolist() == [[[255] * 3, [80] * 3]]
    palette = Pillow.new("P", (2, 1))
    palette.putpixel((1, 0), 1)
    palette.putpalette([1, 2, 3, 4, 5, 6])
    for transparency in (0, b"\0\xff"):
        pixels = decode(file_of(palette, transparency=transparency)).pixels
        assert pixels.tolist() == [[[255, 255, 255], [4, 5, 6]]]
    assert decode(file_of(palette)).pixels.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    solid = Pillow.fromarray(np.array([[[9, 9, 9], [1, 2, 3]]], np.uint8))
    pixels = decode(file_of(solid, transparency=(9, 9, 9))).pixels
    assert pixels.tolist() == [[[255, 255, 255], [1, 2, 3]]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_become_eight(kind: str) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    pixels = decode(file_of(Pillow.fromarray(values), kind)).pixels
    assert pixels[0, :, 0].tolist() == [round(int(value) / 257) for value in values[0]]
    assert pixels.shape == (1, 6, 3)


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(InputError, match="floating-point pixels"):
        decode(file_of(Pillow.fromarray(np.ones((2, 2), np.float32)), "TIFF"))


def test_arrays_are_grey_rgb_or_rgba() -> None:
    rgb = noise(4, 5, 3)
    assert decode(rgb).pixels is rgb
    grey = noise(4, 5)
    for array in (grey, grey[..., None]):
        np.testing.assert_array_equal(decode(array).pixels, np.dstack([grey] * 3))
    opaque = np.dstack([rgb, np.full((4, 5), 255, np.uint8)])
    np.testing.assert_array_equal(decode(opaque).pixels, rgb)
    for wrong in (noise(4, 5, 2), noise(1, 4, 5, 3), noise(7), rgb.astype(np.float32), rgb.astype(np.int64)):
        with pytest.raises(InputError, match=r"no image: .* give uint8 \[height, width\]"):
            decode(wrong)
    with pytest.raises(InputError, match="has no pixels"):
        decode(np.empty((0, 5, 3), np.uint8))


def test_an_animation_gives_its_first_picture() -> None:
    frames = [Pillow.new("RGB", (3, 3), color) for color in ("red", "blue")]
    data = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data).pixels[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF"])
def test_a_file_cut_short_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    data = file_of(Pillow.fromarray(noise(64, 64, 3)), kind)
    for length in (1, 10, len(data) // 3, len(data) // 2):
        path = tmp_path / f"cut-{length}"
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match=rf"cut-{length} is (damaged|no image or damaged)") as caught:
            decode(path)
        assert "\n" not in str(caught.value)


def test_what_is_no_image_is_refused_in_one_line(tmp_path: Path) -> None:
    for data in (b"", b"\0" * 100, b"hello\n" * 20, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        with pytest.raises(
            InputError, match=f"the image of {len(data)} bytes is no image or damaged"
        ) as caught:
            decode(data)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="No such file or directory; check the path"):
        decode(tmp_path / "absent.jpg")
    with pytest.raises(InputError, match="Is a directory"):
        decode(tmp_path)
    with pytest.raises(InputError, match=r"cannot be read: .*null"):
        decode("a\0b")
    with pytest.raises(InputError, match="no image: int; give a path"):
        decode(5)


def png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def test_a_small_file_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    for side in (MAX_PIXELS // 8000 + 1, 12_000, 30_000):  # ours, where Pillow warns, where it refuses
        with pytest.raises(InputError, match=r"pixels.*; shrink it first"):
            decode(png_that_claims(side, 8000 if side < 10_000 else side))


def test_a_damaged_exif_block_does_not_spoil_a_picture() -> None:
    data = file_of(PICTURE, "JPEG", exif=b"Exif\0\0garbage!")
    expected = np.asarray(Pillow.open(io.BytesIO(data)))
    np.testing.assert_array_equal(decode(data).pixels, expected)


FILES = [
    oriented(Pillow.fromarray(noise(24, 24, 3)), 6, kind, **options)
    for kind, options in [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ]
] + [file_of(Pillow.fromarray(noise(24, 24, 3)), kind) for kind in ("BMP", "GIF", "PPM")]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of broken EXIF and goes on
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=6),
    st.floats(0.2, 1),
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_file_is_decoded_or_refused_in_one_line(
    data: bytes, changes: list[tuple[int, int]], kept: float
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    del damaged[int(len(damaged) * kept) :]
    try:
        decoded = decode(bytes(damaged))
    except InputError as error:
        message = str(error)
    else:
        message = f"{decoded.pixels.dtype} {decoded.pixels.ndim}"
    assert "\n" not in message
    assert message == "uint8 3" or message.startswith("the image of ")
