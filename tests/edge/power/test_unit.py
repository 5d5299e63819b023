"""The overlay of one unit: which file counts, what is refused, and that it reads back as it was saved."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai.device import Device, detect
from edgeai.errors import ConfigError, OtherUnit, StoreError
from edgeai.power.identity import difference, serials
from edgeai.power.unit import (
    Calibration,
    Reading,
    Unit,
    file_to_save,
    load_unit,
    read_unit,
    save_unit,
    unit_file,
)
from edgeai.sysroot import SysRoot

BOARDS = Path(__file__).parents[2] / "boards"
PI = {"cpuinfo": "10000000deadbeef"}
READINGS = (Reading(0, 0.02, 2.7), Reading(0, 0.02, 2.8), Reading(4, 4.0, 6.4), Reading(4, 4.0, 6.5))
CALIBRATED = Unit(
    profile="raspberry-pi-4",
    serials=PI,
    idle_w=2.75,
    core_active_w=0.925,
    shunts_ohm={"ina219": 0.1},
    calibration=Calibration("2026-11-30", 'plug of the "lab"\t\x7f', 0.1, READINGS),
)


def tree(tmp_path: Path, board: str = "raspberry-pi-4") -> tuple[SysRoot, Device]:
    shutil.copytree(BOARDS / board, tmp_path / "tree", symlinks=True)
    root = SysRoot(tmp_path / "tree")
    return root, detect(root)


def overlay(root: SysRoot, text: str) -> Path:
    file = root.at("/etc/edgeai/unit.toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_board_without_an_overlay_has_no_unit(tmp_path: Path) -> None:
    assert load_unit(*tree(tmp_path)) is None


def test_what_is_saved_reads_back_the_same(tmp_path: Path) -> None:
    root, device = tree(tmp_path)
    file = file_to_save(root)
    save_unit(CALIBRATED, file)
    assert load_unit(root, device) == replace(CALIBRATED, file=file)
    assert [path.name for path in file.parent.iterdir()] == ["unit.toml"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_hand_written_overlay_may_only_state_shunts(tmp_path: Path) -> None:
    root, device = tree(tmp_path)
    file = overlay(root, "[power.shunts_ohm]\nina219 = 0.1\nina226 = 0.002\n")
    assert load_unit(root, device) == Unit(shunts_ohm={"ina219": 0.1, "ina226": 0.002}, file=file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("power = ", "is not valid TOML"),
        ("watts = 3", "watts: is not a key that is read here"),
        ("[power]\nidle_w = 2.7", "power.core_active_w: is missing"),
        ("[power]\nidle_w = -1\ncore_active_w = 1", "power.idle_w: is -1; give a number above 0"),
        ("[power]\nidle_w = 2.7\ncore_active_w = 0.9", "serial: is missing; watts are of one unit"),
        (
            "[serial]\ncpuinfo = '10000000deadbeef'\n[power]\nidle_w = 2.7\ncore_active_w = 0.9",
            "calibration: is missing; say how the watts were had",
        ),
        ("[power.shunts_ohm]\nina219 = 100", "power.shunts_ohm.ina219: is 100; give ohms"),
        ("[power.shunts_ohm]\nina219 = 'R100'", "power.shunts_ohm.ina219: is a text"),
        ("[serial]\ncpu = '1'", "serial.cpu: is not a key"),
        ("[calibration]\ndate='d'\nmeter='m'\nerror=0.1", "power.idle_w: is missing"),
        ("[calibration]\ndate='d'\nmeter='m'\nerror=10", "calibration.error: is 10; give a share below 1"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    root, device = tree(tmp_path)
    file = overlay(root, text)
    with pytest.raises(ConfigError) as caught:
        load_unit(root, device)
    assert says in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_card_that_moved_to_another_pi_is_refused(tmp_path: Path) -> None:
    root, device = tree(tmp_path)
    save_unit(replace(CALIBRATED, serials={"cpuinfo": "10000000cafecafe"}), file_to_save(root))
    with pytest.raises(OtherUnit) as caught:
        load_unit(root, device)
    assert "its cpuinfo serial is 10000000cafecafe, and this unit's is 10000000deadbeef" in str(caught.value)
    assert "edgeai calibrate --remove" in str(caught.value)


def test_an_overlay_of_another_board_is_refused(tmp_path: Path) -> None:
    root, device = tree(tmp_path, "raspberry-pi-5")
    save_unit(Unit(profile="raspberry-pi-4", shunts_ohm={"ina219": 0.1}), file_to_save(root))
    with pytest.raises(OtherUnit, match="for a raspberry-pi-4, and this is a raspberry-pi-5"):
        load_unit(root, device)


def test_serials_come_from_the_device_tree_first(tmp_path: Path) -> None:
    root, _ = tree(tmp_path)
    root.at("/proc/device-tree/serial-number").write_bytes(b"10000000deadbeef\0")
    root.at("/etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    found = serials(root)
    assert list(found) == ["device-tree", "cpuinfo", "machine-id"]
    assert found["device-tree"] == found["cpuinfo"] == "10000000deadbeef"
    assert "0123456789abcdef" not in found["machine-id"]


@pytest.mark.parametrize("text", ["0000000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "None", "  "])
def test_what_makers_leave_in_place_of_a_serial_is_none(tmp_path: Path, text: str) -> None:
    for file in ("proc/device-tree/serial-number", "sys/class/dmi/id/product_uuid"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(text + "\n")
    assert serials(SysRoot(tmp_path)) == {}


@pytest.mark.parametrize(
    ("made_on", "here", "is_same"),
    [
        ({"device-tree": "1A"}, {"device-tree": "1a"}, True),
        # The card with its machine-id in another board: the hardware decides.
        ({"cpuinfo": "1", "machine-id": "m"}, {"cpuinfo": "2", "machine-id": "m"}, False),
        # The same board, installed anew.
        ({"cpuinfo": "1", "machine-id": "m"}, {"cpuinfo": "1", "machine-id": "n"}, True),
        # Made by root, who may read DMI; read by a user.
        ({"dmi": "u", "machine-id": "m"}, {"machine-id": "m"}, True),
        ({"machine-id": "m"}, {"dmi": "u", "machine-id": "m"}, True),
        ({"cpuinfo": "1"}, {"machine-id": "m"}, False),
        ({"cpuinfo": "1"}, {}, False),
    ],
)
def test_the_first_serial_that_both_know_decides(
    made_on: dict[str, str], here: dict[str, str], is_same: bool
) -> None:
    assert (difference(made_on, here) is None) == is_same


def test_the_environment_wins_over_the_users_file_and_that_over_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("EDGEAI_UNIT", raising=False)
    here = SysRoot()
    if Path("/etc/edgeai/unit.toml").exists():
        pytest.skip("this machine is calibrated")
    assert unit_file(here) is None
    save_unit(Unit(shunts_ohm={"ina219": 0.1}), tmp_path / "edgeai/unit.toml")
    assert unit_file(here) == tmp_path / "edgeai/unit.toml"
    unit = load_unit(here, detect(here))
    assert unit is not None
    assert unit.shunts_ohm == {"ina219": 0.1}
    assert file_to_save(here) == tmp_path / "edgeai/unit.toml"
    monkeypatch.setenv("EDGEAI_UNIT", str(tmp_path / "missing.toml"))
    with pytest.raises(ConfigError, match=r"missing\.toml cannot be read"):
        load_unit(here, detect(here))
    assert file_to_save(here) == tmp_path / "missing.toml"


def test_this_machines_overlays_say_nothing_of_a_captured_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEAI_UNIT", str(tmp_path / "mine.toml"))
    save_unit(Unit(shunts_ohm={"ina219": 0.1}), tmp_path / "mine.toml")
    root, device = tree(tmp_path)
    assert load_unit(root, device) is None
    assert file_to_save(root) == root.at("/etc/edgeai/unit.toml")


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"unit\.toml cannot be written: .*; choose another file with -o"):
        save_unit(CALIBRATED, tmp_path / "file/unit.toml")


def test_a_key_that_needs_quotes_survives(tmp_path: Path) -> None:
    file = tmp_path / "unit.toml"
    save_unit(Unit(shunts_ohm={"my chip": 0.5}), file)
    assert read_unit(file).shunts_ohm == {"my chip": 0.5}
    assert [path.name for path in tmp_path.iterdir()] == ["unit.toml"]
