"""The wake-word front end: bit for bit what the library gives when it is fed as its own users feed it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pymicro_features import MicroFrontend as Library

from edgeai.steps.micro_frontend import MicroFrontend
from tests.chunking import SIZES, cut


def sound(count: int) -> NDArray[np.int16]:
    rng = np.random.default_rng(2)
    loudness = 3000 * (1 + np.sin(np.arange(count) / 4000))
    return (rng.standard_normal(count) * loudness).clip(-32768, 32767).astype(np.int16)


def as_the_package_feeds_it(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """pymicro-wakeword's loop: 320 bytes a call, on by what was read."""
    library, data, rows, start = Library(), samples.tobytes(), [], 0
    while start + 320 <= len(data):
        result = library.process_samples(data[start : start + 320])
        start += 2 * result.samples_read
        if result.features:
            rows.append(result.features)
    return np.array(rows, np.float64).reshape(-1, 40)


@pytest.mark.parametrize("sizes", SIZES)
def test_features_are_the_librarys_in_any_cut(sizes: tuple[int, ...]) -> None:
    samples = sound(16000)
    frontend = MicroFrontend()
    rows = np.concatenate([frontend.push(chunk) for _, chunk in cut(samples, sizes)])
    expected = as_the_package_feeds_it(samples)
    assert rows.dtype == np.float32
    assert rows.shape == ((16000 - 480) // 160 + 1, 40)
    np.testing.assert_array_equal(rows.astype(np.float64), expected)


def test_the_first_features_come_with_the_480th_sample() -> None:
    frontend = MicroFrontend()
    assert frontend.push(sound(479)).shape == (0, 40)
    assert frontend.push(sound(1)).shape == (1, 40)


def test_two_streams_do_not_hear_each_other() -> None:
    first, second = MicroFrontend(), MicroFrontend()
    samples = sound(4800)
    rows = []
    for _, chunk in cut(samples, (160,)):
        rows.append(first.push(chunk))
        second.push(-chunk)
    np.testing.assert_array_equal(np.concatenate(rows), as_the_package_feeds_it(samples))
