"""Sound files: against the standard library's wave and libsndfile."""

from __future__ import annotations

import io
import os
import struct
import sys
import tracemalloc
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeai.errors import ExtraMissing, InputError
from edgeai.sources.sound import open_sound, read_sound


def tone(frames: int = 1000, channels: int = 1) -> NDArray[np.float64]:
    """Something different in each channel, up to full scale."""
    time = np.arange(frames)[:, None] / 8000
    return np.asarray(np.sin(2 * np.pi * (300 + 170 * np.arange(channels)) * time))


def written(samples: NDArray[Any], subtype: str, container: str = "WAV", rate_hz: int = 8000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, subtype, format=container)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def wav(
    samples: bytes, form: bytes = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16), *more: bytes
) -> bytes:
    body = b"WAVE" + b"".join(more) + chunk(b"fmt ", form) + chunk(b"data", samples)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_pcm_in_wav_is_what_libsndfile_reads(subtype: str, container: str, channels: int) -> None:
    content = written(tone(channels=channels), subtype, container)
    expected, _ = soundfile.read(io.BytesIO(content), dtype="float64", always_2d=True)
    samples, rate_hz = read_sound(content)
    assert (samples.dtype, samples.shape, rate_hz) == (np.float32, (1000,), 8000)
    np.testing.assert_allclose(samples, expected.mean(axis=1), rtol=0, atol=1.2e-7)


def test_16_bits_are_the_value_over_32768_as_python_writes_them(tmp_path: Path) -> None:
    values = np.array([-32768, -1, 0, 1, 32767], "<i2")
    with wave.open(os.fspath(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22050)
        file.writeframes(values.tobytes())
    samples, rate_hz = read_sound(tmp_path / "a.wav")
    assert rate_hz == 22050
    np.testing.assert_array_equal(samples.astype(np.float64) * 32768, values)


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "ULAW"),
     ("WAV", "IMA_ADPCM"), ("AIFF", "PCM_16")],
)  # fmt: skip
def test_other_formats_are_read_by_libsndfile(container: str, subtype: str) -> None:
    content = written(tone(5000, 2), subtype, container)
    expected, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    samples, rate_hz = read_sound(content)
    assert (samples.dtype, rate_hz) == (np.float32, 8000)
    # mpg123 rounds differently when it is asked for other numbers of samples.
    within = 5e-7 if container == "MP3" else 0
    np.testing.assert_allclose(samples, expected.mean(axis=1, dtype=np.float32), rtol=0, atol=within)


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16")])
def test_chunks_follow_each_other_without_a_seam(container: str, subtype: str, tmp_path: Path) -> None:
    path = tmp_path / "a.sound"
    path.write_bytes(written(tone(1001, 2), subtype, container))
    with open_sound(path, chunk_s=0.0125) as sound:
        chunks = list(sound)
    assert [len(part) for part in chunks] == [100] * 10 + [1]
    np.testing.assert_array_equal(np.concatenate(chunks), read_sound(path)[0])


def test_a_chunk_has_at_least_one_sample() -> None:
    with open_sound(wav(b"\1\0\2\0"), chunk_s=1e-9) as sound:
        assert [part.tolist() for part in sound] == [[1 / 32768], [2 / 32768]]


def test_a_long_file_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav(bytes(2 * 8000 * 600)))  # ten minutes, 9.6 MB
    tracemalloc.start()
    try:
        with open_sound(path) as sound:
            count = sum(len(part) for part in sound)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 8000 * 600
    assert peak_bytes < 200_000


def test_chunks_around_the_samples_are_passed_over() -> None:
    content = wav(b"\0\x40", struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16), chunk(b"LIST", b"odd"))
    content += chunk(b"id3 ", b"not sound")
    assert read_sound(content)[0].tolist() == [0.5]


@given(st.integers(0, 40))
@settings(max_examples=41)
def test_a_wav_file_that_is_cut_short_gives_what_is_there(cut: int) -> None:
    values = np.arange(1, 21, dtype="<i2")
    content = wav(values.tobytes())[: 44 + cut]
    if cut < 2:
        with pytest.raises(InputError, match="holds no samples"):
            read_sound(content)
    else:
        np.testing.assert_array_equal(read_sound(content)[0] * 32768, values[: cut // 2])


@given(st.integers(0, 43))
@settings(max_examples=44)
def test_a_wav_file_that_is_cut_in_its_header_is_refused(cut: int) -> None:
    with pytest.raises(InputError) as error:
        read_sound(wav(b"\0\0")[:cut])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("riff", [0, 36, 0xFFFFFFFF])
@pytest.mark.parametrize("data", [0, 0xFFFFFFFF])
def test_lengths_that_a_killed_recorder_left_open_do_not_matter(riff: int, data: int) -> None:
    content = bytearray(wav(b"\0\x40\0\xc0"))
    content[4:8], content[40:44] = struct.pack("<I", riff), struct.pack("<I", data)
    if riff == 0xFFFFFFFF and data == 0:
        return  # then the file says that something else follows its samples, of which there are none
    assert read_sound(bytes(content))[0].tolist() == [0.5, -0.5]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (struct.pack("<HHIIHH", 1, 0, 8000, 0, 0, 16), "damaged header: 0 channels"),
        (struct.pack("<HHIIHH", 1, 1, 0, 0, 2, 16), "damaged header.*0 Hz"),
        (
            struct.pack("<HHIIHH", 1, 2, 8000, 24000, 3, 16),
            "damaged header: 2 channels of 16 bits in 3 bytes",
        ),
        (struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 16), "damaged header"),
        (struct.pack("<HHIIHH", 1, 1, 8000, 40000, 5, 40), "damaged header"),
        (struct.pack("<HHIIHH", 3, 1, 8000, 16000, 2, 16), "damaged header"),
        (b"\1\0\1\0", "does not say what its samples are"),
    ],
)
def test_headers_that_make_no_sense_are_refused(form: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_sound(wav(b"\0" * 30, form))


def test_a_header_may_claim_anything_without_filling_the_memory() -> None:
    form = struct.pack("<HHIIHH", 1, 60000, 4_000_000_000, 0, 60000 * 4 % 65536, 32)
    with pytest.raises(InputError):
        read_sound(wav(b"\0" * 100, form))
    form = struct.pack("<HHIIHH", 1, 16000, 4_000_000_000, 0, 64000, 32)
    assert read_sound(wav(bytes(64000), form))[0].shape == (1,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (wav(b""), "holds no samples"),
        (b"\xff\xd8\xff\xe0 a picture that is no sound", "is no sound that can be read"),
        (b"some text\n" * 100, "is no sound that can be read"),
        (b"fLaC" + bytes(100), "is no sound that can be read"),
        (written(tone(), "PCM_16", "FLAC")[:60], "sound"),
    ],
)
def test_what_is_no_sound_is_refused_in_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    for source in (content, path):
        with pytest.raises(InputError, match=message) as error:
            read_sound(source)
        assert "\n" not in str(error.value)
    assert os.fspath(path) in str(error.value)


@given(st.binary(min_size=1, max_size=8), st.integers(0, 200), st.sampled_from(["WAV", "FLAC", "OGG"]))
@settings(max_examples=60, deadline=None)
def test_damage_is_an_input_error_or_other_sound_and_nothing_else(
    damage: bytes, at: int, container: str
) -> None:
    content = bytearray(written(tone(300), "VORBIS" if container == "OGG" else "PCM_16", container))
    content[at : at + len(damage)] = damage
    said = ""
    try:
        samples, _ = read_sound(bytes(content))
        assert samples.ndim == 1
    except InputError as error:
        said = str(error)
    assert "\n" not in said


def test_files_that_are_not_there_or_no_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_sound(tmp_path / "none.wav")
    with pytest.raises(InputError, match="is a folder"):
        open_sound(tmp_path)


def test_a_sound_can_be_left_half_read(tmp_path: Path) -> None:
    for container in ("WAV", "FLAC"):
        path = tmp_path / container
        path.write_bytes(written(tone(8000), "PCM_16", container))
        sound = open_sound(path, chunk_s=0.01)
        next(iter(sound))
        sound.close()
        sound.close()


def test_without_soundfile_wav_is_read_and_the_rest_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert len(read_sound(written(tone(), "PCM_16"))[0]) == 1000
    with pytest.raises(ExtraMissing, match=r"pip install 'edgeai\[audio\]'"):
        read_sound(written(tone(), "PCM_16", "FLAC"))
