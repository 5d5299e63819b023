"""The README's commands that need the exporters' environment run as they stand there."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx_ir")
pytest.importorskip("litert_quantizer")

from tests.test_readme import EXPORTING, ROOT, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """digits.onnx, and digits.npz with 100 real digits and their labels."""
    shutil.copy(ROOT / "exporters" / "recipes" / "trained" / "digits.onnx", tmp_path)
    found = np.load(ROOT / "benchmarks" / "models" / "digits.samples.npz")
    np.savez(tmp_path / "digits.npz", x=found["x"].astype(np.float32) / 255, y=found["y"].astype(np.int64))
    return tmp_path


@pytest.mark.parametrize("command", EXPORTING)
def test_a_command_of_the_readme_runs(command: str, folder: Path) -> None:
    done = run(command, folder)
    assert done.returncode == 0, done.stderr
    assert "int8" in done.stdout
