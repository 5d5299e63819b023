"""The fit of a unit's watts: exact where readings are, and refused where they make no sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped,unused-ignore]

from edgeai.errors import UsageError
from edgeai.measure.calibration import fit, levels
from edgeai.measure.calibration_csv import read_samples
from edgeai.power.unit import Reading


def readings(*pairs: tuple[float, float]) -> tuple[Reading, ...]:
    """(busy cores, watts); loaded is what busy rounds to."""
    return tuple(Reading(round(busy), busy, power_w) for busy, power_w in pairs)


def test_readings_on_a_line_give_that_line() -> None:
    found = fit(readings((0, 2.7), (0, 2.7), (2, 4.55), (2, 4.55), (4, 6.4), (4, 6.4)))
    assert found.idle_w.value == pytest.approx(2.7)
    assert found.core_active_w.value == pytest.approx(0.925)
    assert found.fitted_w == pytest.approx((2.7, 2.7, 4.55, 4.55, 6.4, 6.4))
    assert found.error == 0.10


def test_the_fit_and_its_interval_are_those_of_scipy() -> None:
    lot = np.random.default_rng(7)
    pairs = [(busy + 0.1 * lot.random(), 3 + 1.2 * busy + 0.1 * lot.normal()) for busy in (0, 1, 2, 3) * 3]
    found = fit(readings(*pairs))
    theirs = stats.linregress(*np.array(pairs).T)
    t = stats.t.ppf(0.975, len(pairs) - 2)
    assert found.core_active_w.value == pytest.approx(theirs.slope)
    assert found.core_active_w.low == pytest.approx(theirs.slope - t * theirs.stderr)
    assert found.idle_w.value == pytest.approx(theirs.intercept)
    assert found.idle_w.high == pytest.approx(theirs.intercept + t * theirs.intercept_stderr)


def test_intervals_hold_the_true_watts_in_95_of_100_calibrations() -> None:
    lot = np.random.default_rng(1)
    held = 0
    for _ in range(1000):
        pairs = [(busy, 2.7 + 0.925 * busy + 0.05 * lot.normal()) for busy in (0, 1, 2, 3, 4) * 2]
        found = fit(readings(*pairs)).core_active_w
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.925 <= found.high
    assert 930 <= held <= 970


def test_a_cpu_that_was_busier_than_meant_moves_the_point_and_not_the_line() -> None:
    found = fit(readings((0.5, 3.5), (0.1, 3.1), (2, 5.0), (1.9, 4.9)))
    assert found.idle_w.value == pytest.approx(3.0)
    assert found.core_active_w.value == pytest.approx(1.0)


def test_a_line_that_fits_badly_widens_the_error_of_estimates() -> None:
    pairs = [(0, 2.0), (0, 2.0), (1, 4.2), (1, 4.2), (2, 4.6), (2, 4.6)]
    found = fit(readings(*pairs))
    shares = np.array(found.residuals_w) / [power_w for _, power_w in pairs]
    assert found.error == pytest.approx(np.sqrt(np.mean(shares**2)))
    assert 0.10 < found.error < 0.20


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([(0, 2.7), (0, 2.8)], "of one load only"),
        ([(0, 2.7), (0, 2.8), (4, 6.4)], "one reading with 4 cores loaded; give at least 2"),
        ([(0, 6.4), (0, 6.3), (4, 2.7), (4, 2.8)], "do not rise with load: -0.9"),
        ([(0, 2.7), (0, 2.7), (4, 2.7), (4, 2.7)], "do not rise with load"),
        ([(0, -2.7), (0, 2.7), (4, 6.4), (4, 6.4)], "reading 1 is -2.7 W"),
        ([(0, 2.7), (0, 0), (4, 6.4), (4, 6.4)], "reading 2 is 0 W"),
        ([(1, 0.5), (1, 0.5), (4, 6.0), (4, 6.0)], "-1.33 W at rest"),
        ([(0, 2.7), (0, 2.7), (2, 9.0), (2, 9.0), (4, 6.4), (4, 6.4)],
         "up to 55 % off a line"),
        ([(0, 2.7), (0, 2.7), (2, 45.5), (2, 4.55), (4, 6.4), (4, 6.4)],
         "furthest away is reading 3 (2 cores loaded, 45.5 W"),
        ([(0, 60), (0, 66), (1, 66), (1, 62)], "scatter too much to tell what a busy core draws"),
    ],
)  # fmt: skip
def test_readings_that_make_no_sense_are_refused(pairs: list[tuple[float, float]], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        fit(readings(*pairs))
    assert says in str(caught.value)


def test_loads_that_were_none_are_refused() -> None:
    held_back = tuple(Reading(loaded, 0.3, 3.0 + loaded) for loaded in (0, 0, 4, 4))
    with pytest.raises(UsageError, match=r"as busy as 0\.30 to 0\.30 cores.*CPU quota"):
        fit(held_back)


@pytest.mark.parametrize(
    ("cpus", "wanted"),
    [(1, (0, 1)), (2, (0, 1, 2)), (4, (0, 1, 2, 3, 4)), (8, (0, 2, 4, 6, 8)), (6, (0, 2, 3, 4, 6))],
)
def test_loads_go_from_none_to_all(cpus: int, wanted: tuple[int, ...]) -> None:
    assert levels(cpus) == wanted


def test_samples_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    file = tmp_path / "readings.csv"
    file.write_text("\ufeffpower_w, loaded,busy\n2.7,0,0.03\n\n6.4,4,3.98\n", "utf-8")
    assert read_samples(file) == (Reading(0, 0.03, 2.7), Reading(4, 3.98, 6.4))
    file.write_text("loaded,power_w\n0,2.7\n4,6.4\n")
    assert read_samples(file) == (Reading(0, 0.0, 2.7), Reading(4, 4.0, 6.4))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "line 1 has the columns none; give loaded (cores), power_w (watts)"),
        (b"cores,watts\n0,1\n", "line 1 has the columns cores, watts"),
        (b"loaded,power_w\n0,2.7,3\n", "line 2 has 3 values for 2 columns"),
        (b"loaded,power_w\n0,2.7\nzero,2.7\n", "line 3 loaded is 'zero'; give a number"),
        (b"loaded,power_w\n0.5,2.7\n", "line 2 loaded is 0.5; give a whole number"),
        (b"loaded,power_w\n0,-1\n", "line 2 power_w is -1"),
        (b"loaded,power_w\n0,nan\n", "line 2 power_w is 'nan'"),
        (b"loaded,power_w,busy\n0,3,-1\n", "line 2 busy is -1"),
        (b"loaded,loaded,power_w\n0,0,3\n", "line 1 has the columns loaded, loaded, power_w"),
        (b"\xff\xfe", "is no text"),
        (b"loaded,power_w\n" + b"1" * 200_000 + b",2\n", "is no CSV: field larger than field limit"),
    ],
)
def test_a_mistake_in_samples_is_named_with_its_line(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "readings.csv"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_samples(file)
    assert says in str(caught.value)
    assert str(file) in str(caught.value)


def test_samples_that_are_not_there_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv cannot be read: No such file"):
        read_samples(tmp_path / "none.csv")
