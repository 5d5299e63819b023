"""Installed wheels that do not match: written as pip and apt leave them, in folders of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai.doctor import Patient, examine, patient_here, patient_of_tree
from edgeai.doctor.installed import Distribution, distributions_here, first_of_each
from edgeai.doctor.packages import known_wheels
from edgeai.doctor.versions import release, stays_below
from tests.edge.doctor.patients import BOARDS, board, install, only, with_packages

ORT = ("onnxruntime",)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages."""
    return tmp_path / "site-packages"


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    """Debian's folder of packages."""
    return tmp_path / "usr/lib/python3/dist-packages"


def healthy(patient: Patient, *folders: Path) -> None:
    """Nothing is wrong with the packages."""
    assert examine(with_packages(patient, *folders), ["owners", "wheel", "numpy"]) == ()


# --- two owners


def test_two_distributions_that_own_onnxruntime_are_broken(site: Path) -> None:
    install(site, "onnxruntime", "1.23.2", modules=ORT)
    install(site, "onnxruntime-gpu", "1.23.0", modules=ORT)
    finding = only(with_packages(board("jetson-orin-nano"), site), "owners")
    assert finding.severity == "broken"
    assert finding.what == "onnxruntime 1.23.2 and onnxruntime-gpu 1.23.0 both own the folder onnxruntime/"
    assert finding.mend.startswith("pip uninstall -y onnxruntime onnxruntime-gpu; ")
    assert "pip install --no-deps onnxruntime-gpu" in finding.mend


def test_a_record_tells_the_owner_where_there_is_no_top_level_file(site: Path) -> None:
    install(site, "onnxruntime", "1.23.2", modules=ORT)
    install(site, "onnxruntime-openvino", "1.23.0")
    record = "onnxruntime/__init__.py,sha256=x,10\nonnxruntime/capi/a.so,sha256=y,11\n"
    (site / "onnxruntime_openvino-1.23.0.dist-info/RECORD").write_text(record)
    assert only(with_packages(board("x86-64"), site), "owners").severity == "broken"


def test_debians_package_behind_an_environment_is_hidden_and_not_mixed(site: Path, apt: Path) -> None:
    install(site, "onnxruntime", "1.23.2", modules=ORT)
    install(apt, "onnxruntime", "1.21.0", modules=ORT)
    healthy(board("raspberry-pi-4"), site, apt)


# --- wheels that do not match the CPU


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("raspberry-pi-3-b-plus", "broken"),  # A53, seen to die
        ("raspberry-pi-4", "broken"),  # A72, seen to die
        ("jetson-nano", "warning"),  # A57: lacks the same instructions, not tried
        ("raspberry-pi-5", None),
        ("x86-64", None),
    ],
)
def test_onnxruntime_1_21_0_is_found_on_the_cpus_that_it_kills(
    site: Path, name: str, severity: str | None
) -> None:
    install(site, "onnxruntime-gpu" if "jetson" in name else "numpy", "1.0")
    install(site, "onnxruntime", "1.21.0", modules=ORT)
    found = examine(with_packages(board(name), site), ["wheel"])
    assert [each.severity for each in found] == ([] if severity is None else [severity])
    assert all("SIGILL" in each.what and each.mend == "pip install 'onnxruntime>=1.21.1'" for each in found)


@pytest.mark.parametrize("version", ["1.20.1", "1.21.1", "1.22.0", "1.23.2", "1.31.1"])
def test_the_other_versions_are_fine_on_a_pi_4(site: Path, version: str) -> None:
    install(site, "onnxruntime", version, modules=ORT)
    healthy(board("raspberry-pi-4"), site)


def test_debians_own_build_of_that_version_dies_too(apt: Path) -> None:
    install(apt, "onnxruntime", "1.21.0+dfsg", modules=ORT, egg=True)
    assert only(with_packages(board("raspberry-pi-4"), apt), "wheel").severity == "broken"


def test_a_jetson_with_the_build_for_cpus_is_a_warning(site: Path) -> None:
    install(site, "onnxruntime", "1.23.2", modules=ORT)
    assert only(with_packages(board("jetson-orin-nano"), site), "wheel").severity == "warning"
    assert only(with_packages(board("jetson-container"), site), "wheel").severity == "warning"
    healthy(board("raspberry-pi-5"), site)


def test_a_jetson_with_nvidias_build_is_healthy(site: Path) -> None:
    install(site, "onnxruntime-gpu", "1.23.0", modules=ORT)
    healthy(board("jetson-orin-nano"), site)


def test_each_line_of_the_table_of_wheels_has_a_source() -> None:
    bad, old = known_wheels()
    assert {each.distribution for each in bad} == {"onnxruntime"}
    assert {each.distribution for each in old} >= {"tflite-runtime", "picamera2"}
    assert all(each.source for each in (*bad, *old))


# --- numpy 2 beside numpy 1


@pytest.mark.parametrize(
    "specifier", ["<2", "<2.0", " (<2,>=1.20)", "<2.0.0", "==1.*", "~=1.26", "<=1.26.4", "==1.24.2"]
)
def test_a_package_that_asks_for_numpy_1_is_found_beside_numpy_2(site: Path, specifier: str) -> None:
    install(site, "numpy", "2.3.1")
    install(site, "some-vision", "0.9", requires=[f"numpy{specifier}"])
    finding = only(with_packages(board("raspberry-pi-5"), site), "numpy")
    assert (finding.severity, finding.mend) == ("warning", "pip install 'numpy<2', or a newer some-vision")


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy>=1.20",
        "numpy<3",
        "numpy<2.7,>=1.26.4",
        "numpy>=2.1,<3",
        "numpy==2.3.1",
        "numpy!=1.24",
        "numpy-groupies<1",
        "numpy<2; extra == 'old'",
        "numpy<2; (python_version < '3.12') and extra == 'tflite-legacy'",
        "numpy<2.0; python_version < '3.9'",
        "<2",
        "",
    ],
)
def test_other_requirements_are_no_finding(site: Path, line: str) -> None:
    install(site, "numpy", "2.3.1")
    install(site, "some-vision", "0.9", requires=[line])
    healthy(board("raspberry-pi-5"), site)


def test_numpy_1_itself_is_fine(site: Path) -> None:
    install(site, "numpy", "1.26.4")
    install(site, "some-vision", "0.9", requires=["numpy<2"])
    install(site, "tflite-runtime", "2.14.0")
    healthy(board("raspberry-pi-5"), site)


def test_tflite_runtime_does_not_say_so_and_is_known_to_need_numpy_1(site: Path) -> None:
    install(site, "numpy", "2.0.0")
    install(site, "tflite-runtime", "2.14.0", requires=["numpy>=1.23.2"])
    assert only(with_packages(board("raspberry-pi-4"), site), "numpy").severity == "broken"


def test_picamera2_of_apt_is_broken_by_a_numpy_2_in_front_of_debians(site: Path, apt: Path) -> None:
    install(apt, "picamera2", "0.3.18", egg=True)
    install(apt, "numpy", "1.24.2", egg=True)
    healthy(board("raspberry-pi-5"), apt)
    install(site, "numpy", "2.3.1")
    finding = only(with_packages(board("raspberry-pi-5"), site, apt), "numpy")
    assert (finding.severity, finding.mend) == (
        "broken",
        "pip uninstall numpy (Debian's own is then found again)",
    )


def test_picamera2_beside_debians_own_numpy_2_is_fine(apt: Path) -> None:
    install(apt, "picamera2", "0.3.30", egg=True)
    install(apt, "numpy", "2.2.4")
    healthy(board("raspberry-pi-5"), apt)


# --- reading


def test_the_first_of_a_name_on_the_path_is_what_python_imports(site: Path, apt: Path) -> None:
    install(site, "Some_Package", "2.0")
    install(apt, "some.package", "1.0", egg=True)
    patient = with_packages(board("raspberry-pi-5"), site, apt)
    assert first_of_each(patient.distributions or ())["some-package"].version == "2.0"
    assert [each.is_from_apt for each in patient.distributions or ()] == [False, True]


def test_the_packages_of_a_captured_tree_are_read(tmp_path: Path) -> None:
    assert only(patient_of_tree(BOARDS / "raspberry-pi-4"), "wheel").severity == "unknown"
    install(tmp_path / "usr/lib/python3/dist-packages", "onnxruntime", "1.21.0", modules=ORT)
    (tmp_path / "proc").mkdir()
    cpuinfo = (BOARDS / "raspberry-pi-4/proc/cpuinfo").read_text()
    (tmp_path / "proc/cpuinfo").write_text(cpuinfo)
    assert only(patient_of_tree(tmp_path), "wheel").severity == "broken"


def test_what_is_read_here_is_what_importlib_says() -> None:
    from importlib import metadata

    found: dict[str, Distribution] = first_of_each(distributions_here())
    for name in ("numpy", "click", "psutil", "pytest"):
        assert found[name].version == metadata.version(name)
    assert found["pytest"].requires == tuple(metadata.requires("pytest") or ())
    assert {each.name for each in patient_here().distributions or ()} >= {"numpy", "click"}


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("2.0.1rc1+cu12", (2, 0, 1)),
        ("v1.2", (1, 2)),
        ("dev", ()),
        ("", ()),
        ("1." + "9" * 5000, (1, 999_999_999)),
    ],
)
def test_a_version_that_is_odd_is_read_as_far_as_it_goes(version: str, numbers: tuple[int, ...]) -> None:
    assert release(version) == numbers


def test_a_requirement_on_this_very_python_counts() -> None:
    assert stays_below("numpy<2; python_version >= '3.10'", "numpy", 2) == "<2"
    assert stays_below("numpy<2 ; python_version > '3.99'", "numpy", 2) is None
