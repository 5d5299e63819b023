"""Features of sound, in chunks of any size: against librosa."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeai.errors import InputError
from edgeai.pipeline.ops.features import LogMel, clip_range, mfcc
from edgeai.pipeline.values import Signal
from tests.chunking import SIZES, push


@pytest.fixture(scope="module")
def librosa() -> Any:
    import librosa  # takes seconds

    return librosa


def sound(count: int) -> NDArray[np.float32]:
    """A chirp in noise."""
    time_s = np.arange(count) / 16000
    chirp = np.sin(2 * np.pi * (200 + 600 * time_s) * time_s)
    return (0.3 * chirp + 0.05 * np.random.default_rng(4).standard_normal(count)).astype(np.float32)


SAMPLES = sound(20000)
SETTINGS: list[dict[str, Any]] = [
    {"n_fft": 512, "hop": 160, "n_mels": 40},
    {"n_fft": 400, "hop": 160, "n_mels": 80, "log": "log10"},
    {
        "n_fft": 512,
        "hop": 512,
        "n_mels": 26,
        "window": "hamming",
        "scale": "htk",
        "norm": "none",
        "power": 1.0,
    },
    {"n_fft": 1024, "hop": 256, "n_mels": 64, "fmin_hz": 50.0, "fmax_hz": 7000.0, "log": "db"},
    {"n_fft": 512, "hop": 160, "n_mels": 64, "win_length": 400, "scale": "htk", "offset": 0.01},
]


def expected_log_mel(librosa: Any, samples: NDArray[np.float32], settings: dict[str, Any]) -> NDArray[Any]:
    n_fft = settings["n_fft"]
    win_length = settings.get("win_length", n_fft)
    centred = (n_fft - win_length) // 2  # librosa's frames are n_fft long, the window in their middle
    energies = librosa.feature.melspectrogram(
        y=np.pad(samples, centred),
        sr=16000,
        n_fft=n_fft,
        hop_length=settings["hop"],
        win_length=win_length,
        window=settings.get("window", "hann"),
        center=False,
        power=settings.get("power", 2.0),
        n_mels=settings["n_mels"],
        fmin=settings.get("fmin_hz", 0.0),
        fmax=settings.get("fmax_hz"),
        htk=settings.get("scale") == "htk",
        norm=None if settings.get("norm") == "none" else "slaney",
    )
    log = {"ln": np.log, "log10": np.log10, "db": lambda values: librosa.power_to_db(values, top_db=None)}
    output: NDArray[Any] = log[settings.get("log", "ln")](
        np.maximum(energies + settings.get("offset", 0.0), 1e-10)
    ).T
    return output


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_log_mel_is_librosas(librosa: Any, settings: dict[str, Any]) -> None:
    output = push(LogMel(**settings), SAMPLES, 16000, (160,))
    expected = expected_log_mel(librosa, SAMPLES, settings)
    assert output.dtype == np.float32
    assert output.shape == expected.shape
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_log_mel_has_the_same_bits_for_chunks_of_any_size(settings: dict[str, Any]) -> None:
    whole = LogMel(**settings)(Signal(SAMPLES, 16000.0)).values
    for sizes in SIZES:
        np.testing.assert_array_equal(push(LogMel(**settings), SAMPLES, 16000, sizes, start_s=9.0), whole)


def test_a_long_chunk_is_worked_on_in_blocks() -> None:
    samples = sound(100_000)
    whole = LogMel(n_fft=512, hop=160, n_mels=40)(Signal(samples, 16000.0)).values
    assert len(whole) == (len(samples) - 512) // 160 + 1
    parts = push(LogMel(n_fft=512, hop=160, n_mels=40), samples, 16000.0, (160,))
    np.testing.assert_array_equal(parts, whole)


def test_frames_further_apart_than_they_are_long_skip_what_lies_between() -> None:
    output = push(LogMel(n_fft=256, hop=1000, n_mels=10), SAMPLES, 16000, (77,))
    alone = [
        LogMel(n_fft=256, hop=1000, n_mels=10)(Signal(SAMPLES[start : start + 256], 16000.0)).values
        for start in range(0, len(SAMPLES) - 255, 1000)
    ]
    np.testing.assert_array_equal(output, np.concatenate(alone))


def test_log_mel_frames_know_their_times() -> None:
    step = LogMel(n_fft=512, win_length=400, hop=160, n_mels=40)
    none = step(Signal(SAMPLES[:399], 16000.0, 2.0))
    assert (none.values.shape, none.start_s) == ((0, 40), 2.0)
    some = step(Signal(SAMPLES[399:1000], 16000.0, 2.0 + 399 / 16000))
    assert (some.values.shape, some.start_s) == ((4, 40), 2.0)
    assert (some.rate_hz, some.width_s) == (100.0, 0.025)
    one = step(Signal(SAMPLES[1000:1040], 16000.0, 2.0 + 1000 / 16000))
    assert (one.values.shape, one.start_s) == ((1, 40), 2.04)


def test_silence_is_the_logarithm_of_the_floor() -> None:
    output = LogMel(n_fft=512, hop=160, n_mels=40, floor=1e-5)(Signal(np.zeros(512, np.float32), 16000.0))
    np.testing.assert_allclose(output.values, np.log(1e-5), rtol=1e-6)


@pytest.mark.parametrize("lifter", [0.0, 22.0])
def test_mfccs_are_librosas(librosa: Any, lifter: float) -> None:
    frames = push(LogMel(n_fft=1024, hop=256, n_mels=40, log="db"), SAMPLES, 16000, (160,))
    output = mfcc(Signal(frames, 62.5, 1.5, 0.064), n_mfcc=20, lifter=lifter)
    mel = librosa.feature.melspectrogram(
        y=SAMPLES, sr=16000, n_fft=1024, hop_length=256, n_mels=40, center=False
    )
    expected = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=20, lifter=lifter).T
    np.testing.assert_allclose(output.values, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert (output.rate_hz, output.start_s, output.width_s) == (62.5, 1.5, 0.064)


def test_whispers_range_is_clipped_below_the_loudest_of_the_window() -> None:
    logs = np.log10(np.maximum(np.random.default_rng(1).random((30, 80)) ** 30, 1e-10)).astype(np.float32)
    output = clip_range(Signal(logs, 100.0), below_max=8.0, shift=4.0, scale=0.25).values
    expected = (np.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, expected, rtol=1e-6, atol=1e-7)
    assert output.min() == pytest.approx(output.max() - 2)


def test_no_frames_stay_no_frames() -> None:
    nothing = Signal(np.empty((0, 40), np.float32), 100.0)
    assert mfcc(nothing).values.shape == (0, 13)
    assert clip_range(nothing, below_max=8.0).values.shape == (0, 40)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hop": 0}, "hop is 0"),
        ({"n_mels": 0}, "n_mels is 0"),
        ({"power": 0.0}, "power is 0"),
        ({"win_length": 513}, "win_length is 513 and n_fft 512"),
        ({"n_fft": 0}, "win_length is 0"),
        ({"window": "flat"}, "known: hann, hamming"),
        ({"log": "log2"}, "known: ln, log10, db"),
        ({"floor": 0.0}, "floor is 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_at_once(changed: dict[str, Any], message: str) -> None:
    settings: dict[str, Any] = {"n_fft": 512, "hop": 160, "n_mels": 40, **changed}
    with pytest.raises(InputError, match=message):
        LogMel(**settings)


def test_bands_above_half_the_rate_are_refused_with_the_first_chunk() -> None:
    step = LogMel(n_fft=512, hop=160, n_mels=40, fmax_hz=8000.0)
    with pytest.raises(InputError, match="do not fit sound of 8000 Hz"):
        step(Signal(SAMPLES[:10], 8000.0))


def test_mfccs_and_ranges_say_what_they_want() -> None:
    frames = Signal(np.zeros((2, 12), np.float32), 100.0)
    with pytest.raises(InputError, match="give 1 to 12"):
        mfcc(frames, n_mfcc=13)
    with pytest.raises(InputError, match="lifter is -1"):
        mfcc(frames, n_mfcc=2, lifter=-1.0)
    with pytest.raises(InputError, match="below_max is 0"):
        clip_range(frames, below_max=0.0)
    with pytest.raises(InputError, match=r"frames \[n, bands\] are wanted"):
        mfcc(Signal(np.zeros(3, np.float32), 16000.0))
