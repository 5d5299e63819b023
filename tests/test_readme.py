"""Every command and program of the README runs as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeai.included import included_path
from tests.tiny_models import linear_onnx, linear_tflite

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


SHELL = [line.split(" #")[0].strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]
# tests/exporters/test_readme_commands.py runs those of the exporters, in their own environment.
EXPORTING = [line for line in SHELL if line.split()[:2][-1] in {"export", "parity", "distill"}]
EDGEAI = [line for line in SHELL if line.startswith("edgeai ") and line not in EXPORTING]
# A full run takes over a minute by definition: 5 processes of 10 s.
FULL = [line for line in EDGEAI if line.startswith("edgeai bench") and "--quick" not in line]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with the models that the README's commands name, and what they are run on."""
    linear_onnx(tmp_path / "model.onnx")
    linear_tflite(tmp_path / "model.tflite")
    bundles = ROOT / "benchmarks" / "bundles"
    for name, sample in {"page.png": "ocr", "photo.png": "face", "speech.wav": "okay-nabu"}.items():
        shutil.copy(next((bundles / sample / "golden").glob(f"*{Path(name).suffix}")), tmp_path / name)
    with zipfile.ZipFile(included_path("digits")) as digits:
        (tmp_path / "digit.png").write_bytes(digits.read("golden/digit.png"))
    return tmp_path


def bring_bundles(text: str, folder: Path, public_bundle: Callable[[str], Path]) -> None:
    """The example bundles that a command or a program names; skips where they cannot be made."""
    for name in re.findall(r"bundles/([a-z0-9-]+)\.edge", text):
        (folder / "bundles").mkdir(exist_ok=True)
        shutil.copy(public_bundle(name), folder / "bundles" / f"{name}.edge")


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(Path(sys.executable).with_name("edgeai"))]
    for word in command.split()[1:]:  # as a shell does
        words += sorted(path.name for path in folder.glob(word)) if "*" in word else [word]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", [line for line in EDGEAI if line not in FULL])
def test_a_command_of_the_readme_runs(
    command: str, folder: Path, public_bundle: Callable[[str], Path]
) -> None:
    bring_bundles(command, folder, public_bundle)
    done = run(command, folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.long
@pytest.mark.parametrize("command", FULL)
def test_a_full_run_of_the_readme_runs(command: str, folder: Path) -> None:
    done = run(command, folder)
    assert done.returncode == 0, done.stderr
    assert "p99" in done.stdout


@pytest.mark.parametrize("program", blocks("python"))
def test_a_program_of_the_readme_runs(
    program: str, folder: Path, public_bundle: Callable[[str], Path]
) -> None:
    bring_bundles(program, folder, public_bundle)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ("x: f32[N, 4]" if "model.onnx" in program else "onnxruntime") in done.stdout


@pytest.mark.parametrize("target", [line.split()[1] for line in SHELL if line.startswith("make ")])
def test_a_make_target_of_the_readme_exists(target: str) -> None:
    """`make test` cannot run itself; CI runs both for real."""
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ci_calls_the_readmes_test_command() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^check: lint test$", makefile, re.MULTILINE)
    assert "make check" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_no_place_is_left_to_be_filled_in() -> None:
    assert "to be filled in" not in README


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_a_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).exists()
