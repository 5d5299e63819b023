"""The wheel installed outside the checkout behaves like the editable install."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "benchmarks" / "models"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--installer", "pip"]
    command = [*build, "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return next(folder.glob("edgeai-*.whl"))


def test_the_wheel_holds_our_three_packages_and_their_data_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "edgeai",
        "edgeai_exporters",
        "edgeai_bench",
    }
    boards = {path.name for path in (ROOT / "devices").glob("*.toml")}
    assert {Path(name).name for name in names if name.startswith("edgeai/_data/devices/")} >= boards
    assert "edgeai_bench/_data/suites/public.toml" in names
    assert "edgeai_bench/report.schema.json" in names
    assert "edgeai_bench/comparison.schema.json" in names
    assert "edgeai/py.typed" in names
    assert "edgeai/_data/udev/70-edgeai-power.rules" in names


def test_the_wheel_holds_the_included_models_their_samples_and_not_what_makes_them(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {
            info.filename.removeprefix("edgeai/_data/models/"): info.file_size
            for info in archive.infolist()
            if info.filename.startswith("edgeai/_data/models/")
        }
    here = [*MODELS.glob("*.edge"), *MODELS.glob("*.samples.npz")]
    assert sizes == {path.name: path.stat().st_size for path in here}
    assert {"digits.edge", "digits.samples.npz", "motions.edge", "motions.samples.npz"} <= sizes.keys()
    assert sum(sizes.values()) < 400_000


def test_it_runs_outside_the_checkout_like_the_editable_install(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    python = home / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)

    def run(command: Path, *words: str) -> str:
        return subprocess.run(
            [str(command), *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    installed, editable = home / "bin" / "edgeai", Path(sys.executable).with_name("edgeai")
    board = ("device", "show", "raspberry-pi-5", "--json")
    for words in (("device", "list", "--json"), board, ("--version",)):
        assert run(installed, *words) == run(editable, *words)
    assert len(json.loads(run(installed, "device", "list", "--json"))["profiles"]) >= 20
    where = run(python, "-c", "import edgeai; print(edgeai.__file__)")
    assert str(home) in where

    # Included models answer to their names, from the wheel's own data.
    shown = json.loads(run(installed, "show", "digits", "--json"))
    assert shown["path"].startswith(str(home.resolve()))
    assert {**shown, "path": ""} == {**json.loads(run(editable, "show", "digits", "--json")), "path": ""}

    # The suites travel too.
    done = subprocess.run(
        [str(installed), "bench", "--suite", "nosuch"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no suite is called 'nosuch'; known: public" in done.stderr

    # Without a backend there is one clear error that names the extra.
    model = tmp_path / "model.onnx"
    model.write_bytes(b"\x08\x08")
    done = subprocess.run(
        [str(installed), "bench", str(model)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert "pip install 'edgeai[onnx]'" in done.stderr
    assert "Traceback" not in done.stderr
