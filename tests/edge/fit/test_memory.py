"""Whether a need fits a room, exactly at the edges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeai.device import Figure, load_profile
from edgeai.device.free_memory import FreeMemory
from edgeai.fit.memory import (
    NO,
    PROCESS_BYTES,
    TIGHT,
    UNKNOWN,
    YES,
    Need,
    Room,
    need,
    room_here,
    rooms,
    verdict,
)
from edgeai.graph.runtime_memory import PEAK_ERROR


def test_a_need_has_the_process_and_the_error_of_the_prediction() -> None:
    found = need(10_000_000, 100_000_000)
    error = round(PEAK_ERROR * 100_000_000)
    likely = PROCESS_BYTES + 100_000_000
    assert found == Need(likely, likely - error, likely + error)


def test_a_need_is_never_below_the_weights() -> None:
    assert need(90_000_000, 100_000_000).least_bytes == PROCESS_BYTES + 90_000_000


def test_unknown_activations_leave_the_weights() -> None:
    assert need(5, None) == Need(None, PROCESS_BYTES + 5, None)


@pytest.mark.parametrize(
    ("room", "answer"), [(150, YES), (149, TIGHT), (50, TIGHT), (49, NO), (None, UNKNOWN)]
)
def test_the_error_decides_between_yes_perhaps_and_no(room: int | None, answer: str) -> None:
    assert verdict(Need(100, 50, 150), Room(room, "")) == answer


def test_unknown_activations_can_still_be_too_large() -> None:
    assert verdict(Need(None, 100, None), Room(99, "")) == NO
    assert verdict(Need(None, 100, None), Room(10**12, "")) == UNKNOWN


def test_a_board_has_a_room_for_each_size_less_what_the_system_takes() -> None:
    profile = replace(load_profile("raspberry-pi-4"), memory_bytes=(1000, 2000))
    assert [(room.bytes, room.ram_bytes, room.is_all) for room in rooms(
        replace(profile, memory_taken_bytes=Figure(300, "s"))
    )] == [(700, 1000, False), (1700, 2000, False)]  # fmt: skip
    assert [(room.bytes, room.is_all) for room in rooms(replace(profile, memory_taken_bytes=None))] == [
        (1000, True),
        (2000, True),
    ]
    (unknown,) = rooms(replace(profile, memory_bytes=()))
    assert unknown.bytes is None


def test_here_it_is_what_is_free() -> None:
    assert room_here(FreeMemory(7, "MemAvailable")) == Room(7, "free now by MemAvailable")
    assert room_here(None).bytes is None
