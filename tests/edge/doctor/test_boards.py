"""What the doctor says of every captured board: exactly these findings, and never that it failed to look."""

from __future__ import annotations

import pytest

from edgeai.doctor import CHECKS, SEVERITIES, examine, gravest_first
from tests.edge.doctor.patients import TREES, board, severities

# Of any tree: nothing can be run there, it holds no packages, and its disk is this machine's.
CAPTURED = dict.fromkeys(["disk", "owners", "wheel", "numpy", "backends", "accelerators"], "unknown")
# Trees that hold neither /proc/cgroups, nor mountinfo, nor a clock source.
BARE = dict.fromkeys(["memory-cgroup", "clock", "store"], "unknown")
NO_LIMITS = {"temperature": "unknown"}
NO_CLOCKS = {"governor": "unknown"}
ONDEMAND = {"governor": "note"}
MOVING = {"pinned-clocks": "note"}
SMALL_MODE = {"power-mode": "warning"}
NO_DOT = {"dot-product": "note"}
OLD = {"board": "warning"}

EXPECTED: dict[str, dict[str, str]] = {
    "arm64": BARE | NO_LIMITS | NO_CLOCKS,
    "beaglebone-ai-64": BARE | NO_LIMITS | NO_CLOCKS | NO_DOT,
    "container-without-sys": BARE
    | NO_LIMITS
    | NO_CLOCKS
    | NO_DOT
    | {"under-voltage": "unknown", "throttling": "unknown"},
    "coral-dev-board": BARE | NO_LIMITS | ONDEMAND | NO_DOT | {"board": "note"},
    "imx8m-plus": BARE | NO_LIMITS | ONDEMAND | NO_DOT,
    "jetson-agx-orin": BARE | NO_LIMITS | MOVING,
    "jetson-agx-xavier": BARE | NO_LIMITS | MOVING | NO_DOT | OLD,
    "jetson-container": BARE
    | NO_LIMITS
    | NO_CLOCKS
    | OLD
    | {"power-mode": "unknown", "pinned-clocks": "unknown"},
    "jetson-nano": BARE | NO_LIMITS | MOVING | NO_DOT | OLD,
    "jetson-orin-nano": MOVING,
    "jetson-orin-nano-super": BARE | NO_LIMITS,
    "jetson-orin-nx": BARE | NO_LIMITS | MOVING | SMALL_MODE,
    "jetson-orin-nx-super": BARE | NO_LIMITS | MOVING | SMALL_MODE,
    "jetson-thor": BARE | NO_LIMITS | MOVING | SMALL_MODE,
    "jetson-tx2": BARE | NO_LIMITS | MOVING | NO_DOT | OLD,
    "jetson-xavier-nx": BARE | NO_LIMITS | MOVING | NO_DOT | OLD,
    # Bit 19 of get_throttled, and 61 °C where the 3B+ has a soft limit at 60 °C.
    "raspberry-pi-3-b-plus": BARE | ONDEMAND | NO_DOT | {"throttling": "warning", "temperature": "warning"},
    # Bits 16 and 18 latched, and the firmware's cgroup_disable=memory.
    "raspberry-pi-4": ONDEMAND
    | NO_DOT
    | {"under-voltage": "warning", "throttling": "warning", "memory-cgroup": "warning"},
    "raspberry-pi-4-32-bit": BARE | NO_CLOCKS | NO_DOT | {"userland": "warning"},
    "raspberry-pi-5": ONDEMAND,
    "raspberry-pi-cm4": BARE | ONDEMAND | NO_DOT,
    "raspberry-pi-cm5": BARE | ONDEMAND,
    "raspberry-pi-zero-2-w": BARE | ONDEMAND | NO_DOT,
    "rk3588": BARE | NO_LIMITS,
    "rk3588s-board": BARE | NO_LIMITS | NO_CLOCKS | {"board": "note"},
    "x86-64": NO_LIMITS | ONDEMAND,  # of intel_pstate: powersave that follows the load is a note too
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_board_gets_exactly_the_findings_it_deserves(name: str) -> None:
    found = [each for each in examine(board(name)) if each.check != "permissions"]
    assert severities(found) == CAPTURED | EXPECTED[name]


@pytest.mark.parametrize("name", TREES)
def test_every_board_can_be_looked_at(name: str) -> None:
    found = examine(board(name))
    assert [each.what for each in found if each.what.startswith("could not look")] == []
    assert {each.check for each in found} <= set(CHECKS)
    assert {each.severity for each in found} <= set(SEVERITIES)
    assert all(each.what and each.why and each.mend for each in found)
    assert [each.check for each in found] == sorted((each.check for each in found), key=list(CHECKS).index)


def test_the_gravest_findings_come_first() -> None:
    found = gravest_first(examine(board("raspberry-pi-4")))
    ranks = [SEVERITIES.index(each.severity) for each in found]
    assert ranks == sorted(ranks)
    assert [each.check for each in found[:3]] == ["under-voltage", "throttling", "memory-cgroup"]
