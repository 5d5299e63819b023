"""Files that hold anything but what a kernel writes: the doctor says what it can, and never crashes."""

from __future__ import annotations

import string
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.device import detect
from edgeai.doctor import CHECKS, SEVERITIES, examine
from edgeai.doctor.installed import read_distributions
from edgeai.sysroot import SysRoot
from tests.edge.doctor.patients import BOARDS, board, install, made_sick, only, with_packages

if TYPE_CHECKING:
    from edgeai.doctor import Finding

# What a damaged or foreign kernel might write: numbers that are none, too long or negative, NUL, no UTF-8.
ODD = st.sampled_from(
    [
        b"",
        b"\n",
        b"\0",
        b"-1",
        b"-256000",
        b"0x",
        b"9" * 5000,
        b"9" * 400,
        b"-" + b"9" * 18,
        b"0-99999999999",
        "²".encode(),
        b"1e99",
        b"nan",
        b"\xff\xfe\xfd",
        b" ",
        b":::",
        b" - ",
    ]
)
LIKE = st.text(alphabet=string.digits + string.ascii_letters + " :/-_=,.<>\n\t", max_size=200)
GARBAGE = ODD | st.binary(max_size=200) | LIKE.map(str.encode)
NAMES = (
    "raspberry-pi-3-b-plus",
    "raspberry-pi-4",
    "raspberry-pi-5",
    "jetson-orin-nano",
    "jetson-nano",
    "x86-64",
)


@dataclass(frozen=True)
class Garbled(SysRoot):
    """A tree in which files hold garbage, each the same each time it is read. Every second file, or all."""

    garbage: tuple[bytes, ...] = ()
    spares: bool = False
    seen: set[str] = field(default_factory=set)

    def read_bytes(self, path: str) -> bytes | None:
        """Garbage by the path's own sum, where there is a file."""
        held = super().read_bytes(path)
        self.seen.add(path)
        number = sum(path.encode())
        if held is None or (self.spares and number % 2):
            return held
        return self.garbage[number % len(self.garbage)]


def could_not_look(found: tuple[Finding, ...]) -> list[Finding]:
    return [each for each in found if each.what.startswith("could not look")]


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(NAMES), garbage=st.lists(GARBAGE, min_size=1, max_size=9), spares=st.booleans())
def test_garbage_in_every_file_is_looked_at_without_a_failing_check(
    name: str, garbage: list[bytes], spares: bool
) -> None:
    root = Garbled(BOARDS / name, tuple(garbage), spares)
    found = examine(replace(board(name), root=root))
    assert could_not_look(found) == []
    assert {each.severity for each in found} <= set(SEVERITIES)
    assert len(root.seen) > 20


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(NAMES), garbage=st.lists(GARBAGE, min_size=1, max_size=9), spares=st.booleans())
def test_the_board_itself_may_be_garbled_when_it_is_detected(
    name: str, garbage: list[bytes], spares: bool
) -> None:
    root = Garbled(BOARDS / name, tuple(garbage), spares)
    found = examine(replace(board(name), root=root, device=detect(root)))
    assert could_not_look(found) == []


@settings(max_examples=80, deadline=None)
@given(text=GARBAGE, record=GARBAGE, line=LIKE)
def test_garbage_in_the_metadata_of_packages_is_passed_over(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, record: bytes, line: str
) -> None:
    site = tmp_path_factory.mktemp("site")
    install(site, "numpy", "2.3.1")
    install(site, "onnxruntime", "1.21.0", modules=("onnxruntime",))
    (site / "a-1.dist-info").mkdir()
    (site / "a-1.dist-info/METADATA").write_bytes(text)
    install(site, "b", "1", requires=[line.replace("\n", " ")])
    (site / "b-1.dist-info/RECORD").write_bytes(record)
    (site / "c-1.egg-info").write_bytes(b"Name: c\nVersion: " + text)
    found = examine(with_packages(board("raspberry-pi-4"), site), ["owners", "wheel", "numpy"])
    assert could_not_look(found) == []
    assert "wheel" in {each.check for each in found}


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real check on a patient that lacks what every patient has."""
    patient = replace(board("raspberry-pi-5"), disk="full")  # type: ignore[arg-type]
    finding = only(patient, "disk")
    assert finding.severity == "unknown"
    assert finding.what.startswith("could not look: AttributeError: ")
    assert finding.mend == "report it with the output of `edgeai doctor --only disk --json`"
    assert {each.check for each in examine(patient)} >= {"governor", "disk", "accelerators"}


def test_folders_where_files_belong_are_looked_at(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-4", {"proc/cgroups": None, "proc/self/mountinfo": None})
    for path in ("proc/cgroups", "proc/self/mountinfo"):
        (patient.root.path / path).mkdir()
    assert could_not_look(examine(patient)) == []


def test_links_that_lead_in_a_circle_are_no_packages(tmp_path: Path) -> None:
    (tmp_path / "x-1.dist-info").symlink_to(tmp_path / "x-1.dist-info")
    (tmp_path / "y-1.egg-info").symlink_to(tmp_path / "nowhere")
    assert read_distributions([tmp_path, tmp_path / "nowhere"]) == ()


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_bears_an_empty_root(tmp_path: Path, name: str) -> None:
    patient = replace(board("jetson-orin-nano"), root=SysRoot(tmp_path))
    assert could_not_look(examine(patient, [name])) == []
