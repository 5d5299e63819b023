"""RAPL through powercap: which zones count, where they wrap, and what a user may not read."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeai.power import COUNTER_J, Meter, find_meter
from edgeai.power.permission import rules_file
from edgeai.unavailable import Barred, Unavailable
from tests.edge.power.board_sites import BOARDS, copied, site, site_at, write
from tests.nobody import as_nobody

if TYPE_CHECKING:
    from collections.abc import Iterator

POWERCAP = "sys/class/powercap"


def opened(name: str, board: str | Path) -> Meter:
    found = find_meter(site_at(board) if isinstance(board, Path) else site(board), name)
    assert not isinstance(found, Unavailable), found
    return found


def counted_j(meter: Meter) -> float:
    return sum(value for value, rail in zip(meter.read(), meter.info.rails, strict=True) if rail.counted)


def names(meter: Meter, counted: bool) -> list[str]:
    return [rail.name for rail in meter.info.rails if rail.counted == counted]


def test_packages_count_with_their_memory_and_nothing_inside_of_them_twice() -> None:
    meter = opened("rapl", "x86-64")
    assert meter.info.scope == "package + dram"
    assert meter.info.kind == COUNTER_J
    assert names(meter, counted=True) == ["package-0", "package-0 dram"]
    assert names(meter, counted=False) == ["package-0 core", "package-0 uncore"]
    assert meter.read() == (148734.512034, 18204.417725, 52311.298345, 1823.911034)
    assert counted_j(meter) == pytest.approx(148734.512034 + 18204.417725, abs=1e-9)
    assert [rail.wrap_j for rail in meter.info.rails] == [
        262143.32885,
        65712.999613,
        262143.32885,
        262143.32885,
    ]


def test_psys_is_a_meter_of_its_own_and_the_more_trusted() -> None:
    meter = opened("rapl-psys", "x86-64")
    assert meter.info.scope == "platform (psys)"
    assert names(meter, counted=True) == ["psys"]
    assert counted_j(meter) == 210982.134881


def test_two_sockets_count_once_each_and_their_mmio_duplicate_not_at_all() -> None:
    meter = opened("rapl", "x86-64-two-sockets")
    assert meter.info.scope == "2 packages + dram"
    assert names(meter, counted=True) == ["package-0", "package-0 dram", "package-1", "package-1 dram"]
    assert names(meter, counted=False) == []
    assert meter.read() == (100_000.0, 10_000.0, 120_000.0, 12_000.0)
    assert counted_j(meter) == 242_000.0


def test_without_a_dram_zone_the_scope_is_the_package_and_a_note_says_so() -> None:
    meter = opened("rapl", "x86-64-rapl-wrap")
    assert meter.info.scope == "package"
    assert any("memory is not counted" in note for note in meter.info.notes)


def step_j(meter: Meter, before: float, after: float) -> float:
    """What `Rail.wrap_j` says of a step: from a to a smaller b it was b + wrap_j - a."""
    wrap_j = meter.info.rails[0].wrap_j
    assert wrap_j is not None
    return after - before if after >= before else after + wrap_j - before


@pytest.mark.parametrize(
    ("board", "before_uj", "after_uj", "step_uj"),
    [
        ("x86-64-rapl-wrap", 262_143_328_000, 1000, 1850),
        ("x86-64-amd", 65_532_600_000, 400_000, 10_987 + 400_000),
    ],
)
def test_a_wrap_is_where_the_zone_says(
    board: str, before_uj: int, after_uj: int, step_uj: int, tmp_path: Path
) -> None:
    tree = copied(board, tmp_path)
    meter = opened("rapl", tree)
    before = meter.read()[0]
    assert before == before_uj / 1e6
    write(tree, f"{POWERCAP}/intel-rapl:0/energy_uj", after_uj)
    assert step_j(meter, before, meter.read()[0]) == pytest.approx(step_uj / 1e6, abs=1e-9)


def test_amds_model_is_trusted_less_than_intels_measurement() -> None:
    assert opened("rapl", "x86-64-amd").info.error.gain == 0.10
    assert opened("rapl", "x86-64-two-sockets").info.error.gain == 0.03


def test_several_psys_domains_are_not_guessed_at(tmp_path: Path) -> None:
    tree = copied("x86-64", tmp_path)
    for name, text in (("name", "psys"), ("energy_uj", 5), ("max_energy_range_uj", 262143328850)):
        write(tree, f"{POWERCAP}/intel-rapl:2/{name}", text)
    found = find_meter(site_at(tree), "rapl-psys")
    assert isinstance(found, Unavailable)
    assert found.unavailable.startswith("there are 2 psys domains")


# --- who may read


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="edgeai-rapl-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_counter_that_is_roots_names_the_udev_rule(open_folder: Path) -> None:
    tree = copied("x86-64", open_folder)
    for file in tree.glob(f"{POWERCAP}/**/energy_uj"):
        file.chmod(0o400)
    where = site_at(tree)
    with as_nobody():
        found = find_meter(where)
    assert isinstance(found, Barred), found
    assert found.unavailable == (
        f"{tree}/sys/class/powercap/intel-rapl:1/energy_uj may not be read by this user"
    )
    assert f"sudo cp {rules_file()} /etc/udev/rules.d/" in found.advice
    assert "--subsystem-match=powercap" in found.advice


def test_root_reads_what_users_may_not(open_folder: Path) -> None:
    tree = copied("x86-64", open_folder)
    for file in tree.glob(f"{POWERCAP}/**/energy_uj"):
        file.chmod(0o444)
    where = site_at(tree)
    with as_nobody():
        found = find_meter(where, "rapl")
    assert not isinstance(found, Unavailable)


def test_a_counter_that_holds_nonsense_is_unavailable_with_its_path(tmp_path: Path) -> None:
    tree = copied("x86-64-rapl-wrap", tmp_path)
    write(tree, f"{POWERCAP}/intel-rapl:0/energy_uj", "")
    found = find_meter(site_at(tree), "rapl")
    assert isinstance(found, Unavailable)
    assert not isinstance(found, Barred)
    assert found.unavailable.endswith("intel-rapl:0/energy_uj holds no whole number")


def test_a_folder_in_a_counters_place_is_no_permission_problem(tmp_path: Path) -> None:
    tree = copied("x86-64-rapl-wrap", tmp_path)
    file = tree / POWERCAP / "intel-rapl:0/energy_uj"
    file.unlink()
    file.mkdir()
    found = find_meter(site_at(tree), "rapl")
    assert type(found) is Unavailable
    assert "Is a directory" in found.unavailable


# --- the rules


def test_each_rule_has_the_form_that_udev_reads() -> None:
    import re

    rules = [
        line for line in Path(rules_file()).read_text().splitlines() if line and not line.startswith("#")
    ]
    assert len(rules) == 3
    for rule in rules:
        for part in re.split(r", (?=[A-Z])", rule):
            assert re.fullmatch(r'[A-Z]+(\{[a-z]+\})?(==|\+=|=)"[^"]+"', part), part
    assert "0444" not in "".join(rules)  # a group's, never the world's: CVE-2020-8694


def test_trees_of_powercap_have_the_kernels_layout() -> None:
    """The flat folder of links holds inner zones too: each must be counted once."""
    folder = BOARDS / "x86-64-two-sockets" / POWERCAP
    assert sorted(path.name for path in folder.iterdir() if path.is_symlink()) == [
        "intel-rapl-mmio:0",
        "intel-rapl:0",
        "intel-rapl:0:0",
        "intel-rapl:1",
        "intel-rapl:1:0",
    ]
