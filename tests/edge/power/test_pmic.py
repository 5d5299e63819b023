"""The power chip of a Pi 5: exact watts of public samples, and answers that are not whole."""

from __future__ import annotations

import os
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeai.device import detect
from edgeai.power import ReadFailed, Site, find_meter
from edgeai.power.permission import rules_file
from edgeai.power.pmic import WALL_GAIN, WALL_OFFSET_W, PmicMeter, parse, probe
from edgeai.sysroot import SysRoot
from edgeai.unavailable import Barred, Unavailable
from tests.nobody import as_nobody

if TYPE_CHECKING:
    from collections.abc import Iterator

BOARDS = Path(__file__).parents[2] / "boards"
ANSWER = "dev/vcio_gencmd/pmic_read_adc"
SAMPLE = (BOARDS / "raspberry-pi-5" / ANSWER).read_text()

# Amperes x volts of each rail, from the README of https://github.com/jfikar/RPi5-power, exactly.
WATTS = {
    "3V7_WL_SW": Decimal("0.00000000") * Decimal("3.79999600"),
    "3V3_SYS": Decimal("0.06245952") * Decimal("3.30632200"),
    "1V8_SYS": Decimal("0.16102850") * Decimal("1.79828900"),
    "DDR_VDD2": Decimal("0.00780744") * Decimal("1.10292900"),
    "DDR_VDDQ": Decimal("0.00000000") * Decimal("0.60476130"),
    "1V1_SYS": Decimal("0.17566740") * Decimal("1.10439400"),
    "0V8_SW": Decimal("0.32791250") * Decimal("0.80256330"),
    "VDD_CORE": Decimal("10.87674000") * Decimal("0.89745940"),
    "3V3_DAC": Decimal("0.00036630") * Decimal("3.30494200"),
    "3V3_ADC": Decimal("0.00042735") * Decimal("3.30219400"),
    "0V8_AON": Decimal("0.00579975") * Decimal("0.79736190"),
    "HDMI": Decimal("0.01367520") * Decimal("5.07056000"),
}


def site(root: Path) -> Site:
    return Site(SysRoot(root), detect(SysRoot(root)))


def meter_of(root: Path) -> PmicMeter:
    found = probe(site(root))
    assert isinstance(found, PmicMeter), found
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A Pi 5 whose answer a test may change."""
    (tmp_path / ANSWER).parent.mkdir(parents=True)
    (tmp_path / ANSWER).write_text(SAMPLE)
    return tmp_path


def test_the_full_sample_is_10_80_watts() -> None:
    meter = meter_of(BOARDS / "raspberry-pi-5")
    assert [rail.name for rail in meter.info.rails] == list(WATTS)
    values = meter.read()
    assert values == pytest.approx([float(watts) for watts in WATTS.values()], abs=1e-12)
    assert sum(WATTS.values()) == Decimal("10.7998944469885750")
    assert sum(values) == pytest.approx(10.799894446988575, abs=1e-12)
    assert (meter.info.scope, meter.info.kind) == ("board rails (PMIC)", "gauge_w")


def test_another_boards_sample_is_7_24_watts() -> None:
    assert sum(meter_of(BOARDS / "raspberry-pi-cm5").read()) == pytest.approx(7.2398187980158100, abs=1e-12)


def test_every_rail_counts_and_none_wraps() -> None:
    rails = meter_of(BOARDS / "raspberry-pi-5").info.rails
    assert all(rail.counted and rail.wrap_j is None for rail in rails)


def test_what_is_printed_is_raw_and_the_fit_to_the_wall_is_stated_apart() -> None:
    notes = " ".join(meter_of(BOARDS / "raspberry-pi-5").info.notes)
    assert "printed as read" in notes
    assert f"x {WALL_GAIN} + {WALL_OFFSET_W} W" in notes
    assert (WALL_GAIN, WALL_OFFSET_W) == (1.1451, 0.5879)


def test_rails_pair_by_name_and_the_inputs_have_no_current() -> None:
    watts, lonely = parse(SAMPLE)
    assert (set(watts), lonely) == (set(WATTS), ())
    assert not {"EXT5V", "BATT"} & set(watts)


@pytest.mark.parametrize(
    "text",
    [
        "VDD_CORE_A current(7)=2.0A\nVDD_CORE_V volt(15)=0.75V",
        "\t   VDD_CORE_A   current(7)=2.0A  \r\n  VDD_CORE_V\tvolt(15)=0.75V\r\n",
        "VDD_CORE_V volt(15) = 0.75V\n\n\n VDD_CORE_A current(7) = 2.0A\n",
        "x\nVDD_CORE_A current(7)=2.0A\nVDD_CORE_V volt(15)=0.75V\nHDMI_A current(2)=\nX_A current(1)=1.2.3A",
    ],
)
def test_odd_spaces_order_and_lines_of_something_else_do_no_harm(text: str) -> None:
    assert parse(text) == ({"VDD_CORE": 1.5}, ())


def test_a_negative_current_is_kept() -> None:
    assert parse("HDMI_A current(22)=-0.10A\nHDMI_V volt(23)=5.0V")[0] == {"HDMI": pytest.approx(-0.5)}


def test_a_line_cut_in_its_number_is_no_reading() -> None:
    assert parse("VDD_CORE_A current(7)=10.8\nVDD_CORE_V volt(15)=0.9V") == ({}, ())
    assert parse("VDD_CORE_A current(7)=10.8A\nVDD_CORE_V volt(15)=0.9") == ({}, ("VDD_CORE",))


def test_a_rail_without_its_voltage_from_the_start_is_left_out_and_named(tree: Path) -> None:
    lines = [line for line in SAMPLE.splitlines() if "HDMI_V" not in line]
    (tree / ANSWER).write_text("\n".join(lines))
    meter = meter_of(tree)
    assert "HDMI" not in [rail.name for rail in meter.info.rails]
    assert sum(meter.read()) == pytest.approx(float(sum(WATTS.values()) - WATTS["HDMI"]), abs=1e-12)
    assert meter.info.notes[-1] == "left out, as their voltage was not given: HDMI"


def test_a_rail_that_vanishes_later_fails_the_read_instead_of_shrinking_the_sum(tree: Path) -> None:
    meter = meter_of(tree)
    (tree / ANSWER).write_text(SAMPLE.replace("HDMI_V", "HDMX_V"))
    with pytest.raises(ReadFailed, match=r"came without HDMI$"):
        meter.read()
    (tree / ANSWER).write_text(SAMPLE)  # and it is well again
    assert sum(meter.read()) == pytest.approx(10.799894446988575)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_truncated_answer_is_a_failed_read(tree: Path, share: float) -> None:
    meter = meter_of(tree)
    (tree / ANSWER).write_text(SAMPLE[: int(len(SAMPLE) * share)])
    if share == 0.95:  # cut behind the last rail with a current: nothing that counts is missing
        assert sum(meter.read()) == pytest.approx(10.799894446988575)
        return
    with pytest.raises(ReadFailed, match="came without"):
        meter.read()


def test_a_truncated_answer_at_first_is_asked_again() -> None:
    answers: Iterator[str] = iter([SAMPLE[:900], SAMPLE])

    class Firmware:
        def ask(self, command: str) -> str:
            assert command == "pmic_read_adc"
            return next(answers)

    from edgeai.power.pmic import _ask_whole

    watts, lonely = _ask_whole(Firmware())  # type: ignore[arg-type]
    assert (len(watts), lonely) == (12, ())


def test_an_answer_that_is_removed_or_a_closed_device_is_a_failed_read(tree: Path) -> None:
    meter = meter_of(tree)
    (tree / ANSWER).unlink()
    with pytest.raises(ReadFailed):
        meter.read()
    meter.close()
    meter.close()


def test_a_pi_whose_firmware_has_no_power_chip_says_so(tree: Path) -> None:
    (tree / ANSWER).write_text('error=1 error_msg="Command not registered"\n')
    found = probe(site(tree))
    assert isinstance(found, Unavailable)
    assert "gave no current and voltage of VDD_CORE" in found.unavailable
    (tree / ANSWER).unlink()
    found = probe(site(tree))
    assert isinstance(found, Unavailable)
    assert "does not read a power chip" in found.unavailable


def test_a_machine_without_the_mailbox_has_none(tmp_path: Path) -> None:
    found = probe(site(tmp_path))
    assert type(found) is Unavailable
    assert "/dev/vcio" in found.unavailable


@pytest.mark.parametrize("locked", [ANSWER, "dev/vcio_gencmd"])
def test_a_mailbox_that_may_not_be_opened_names_the_group_and_the_rule(locked: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / ANSWER).parent.mkdir(parents=True)
        (root / ANSWER).write_text(SAMPLE)
        (root / locked).chmod(0)
        with as_nobody():
            found = probe(site(root))
        (root / locked).chmod(0o700)
    assert isinstance(found, Barred)
    assert "permission denied" in found.unavailable
    assert "group `video`" in found.advice
    assert f"sudo cp {rules_file()} /etc/udev/rules.d/" in found.advice
    assert "vcio" in Path(rules_file()).read_text()


def test_a_device_node_that_may_not_be_opened_is_barred_too() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "dev").mkdir()
        for name in ("vcio_gencmd", "vcio"):
            os.close(os.open(root / "dev" / name, os.O_CREAT, 0))
        with as_nobody():
            found = probe(site(root))
    assert isinstance(found, Barred)


def test_the_table_finds_it_on_a_pi_5() -> None:
    found = find_meter(site(BOARDS / "raspberry-pi-5"), "pmic")
    assert isinstance(found, PmicMeter)
