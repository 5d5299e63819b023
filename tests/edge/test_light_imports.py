"""`import edgeai` and `edgeai --help` load nothing heavy: what is in sys.modules decides, not a stopwatch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.edge.prepared.making import dense_onnx, prepare

HEAVY = {"numpy", "onnxruntime", "ai_edge_litert", "tflite_runtime", "importlib.metadata", "psutil",
         "edgeai_bench", "edgeai_exporters"}  # fmt: skip


def modules_after(code: str) -> set[str]:
    """What is loaded by code in a fresh interpreter, above what the interpreter's own start loads."""
    report = "import sys, json; before = set(sys.modules)\n" + code
    report += "\nprint(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_edgeai_loads_nothing_heavy() -> None:
    loaded = modules_after("import edgeai")
    assert loaded & HEAVY == set()
    assert "click" not in loaded


def test_errors_can_be_caught_by_name_without_loading_anything_heavy() -> None:
    code = "import edgeai\ntry:\n    edgeai.load('nosuch')\nexcept edgeai.EdgeError:\n    pass"
    assert "onnxruntime" not in modules_after(code)
    assert modules_after("import edgeai; edgeai.EdgeError") & HEAVY == set()


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["device", "list"],
        ["device", "show", "raspberry-pi-5"],
        ["doctor", "--list"],
        ["doctor", "--root", "tests/boards/raspberry-pi-5"],
    ],
)
def test_light_commands_load_nothing_heavy(words: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['edgeai', *{words!r}]\n"
        "from edgeai.cli import main\ntry:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert modules_after(code) & HEAVY == set()


def test_asking_for_help_on_bench_loads_no_backend() -> None:
    code = (
        "import sys; sys.argv = ['edgeai', 'bench', '--help']\n"
        "from edgeai.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert (
        modules_after(code) & {"onnxruntime", "ai_edge_litert", "tflite_runtime", "edgeai_exporters"} == set()
    )


def test_detecting_the_device_loads_no_numpy() -> None:
    assert modules_after("from edgeai.device import detect; detect()") & HEAVY == set()


# What a load pays for beside numpy and the backend: each module here costs a board milliseconds.
NOT_FOR_BARE_FILES = {"edgeai.pipeline", "edgeai.open_models", "edgeai.variants", "edgeai.bundle.declared",
                      "edgeai.bundle.manifest", "edgeai.bundle.canonical", "edgeai.device.warnings",
                      "edgeai.device.machine", "edgeai.graph", "edgeai.prepare", "edgeai.renamed", "difflib",
                      "shutil", "tempfile", "importlib.metadata"}  # fmt: skip


@pytest.fixture(scope="module")
def small_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dense_onnx(tmp_path_factory.mktemp("light") / "m.onnx")


def modules_of_a_load(path: Path, home: Path, check: str) -> set[str]:
    """Loads a model where numpy and ONNX Runtime are there already, as in the script without edgeai."""
    code = (
        "import numpy as np, onnxruntime\nbefore = set(sys.modules)\nimport edgeai, os\n"
        f"os.environ['EDGEAI_HOME'] = {str(home)!r}\nsession = edgeai.load({str(path)!r}, threads=1)\n"
        f"session.run({{'x': np.zeros((1, 64), np.float32)}}, raw=True)\nassert {check}, session.why"
    )
    return modules_after(code)


def test_a_bare_file_loads_without_what_only_bundles_and_reports_need(
    small_onnx: Path, tmp_path: Path
) -> None:
    loaded = modules_of_a_load(small_onnx, tmp_path, "session.prepared is None")
    assert loaded & NOT_FOR_BARE_FILES == set()
    assert "edgeai.prepared.find" not in loaded  # nothing is prepared there


def test_a_prepared_model_is_opened_without_a_look_at_the_boards_profile(
    small_onnx: Path, tmp_path: Path
) -> None:
    prepare(tmp_path, small_onnx)
    loaded = modules_of_a_load(small_onnx, tmp_path, "session.prepared is not None")
    assert loaded & NOT_FOR_BARE_FILES == set()
    assert loaded & {"edgeai.device.detecting", "edgeai.device.profile", "tomllib", "tomli"} == set()
