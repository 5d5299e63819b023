"""200 damaged files through `edgeai.load`: each is an error of ours on one line, or it runs."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgeai.errors import one_line
from tests.damaged_models import SOURCES, Damaged, LoadChild, Outcome, damaged_models, unreadable_models

CHILDREN = 2
LOG = logging.getLogger(__name__)  # the counts: pytest --log-cli-level=INFO


@pytest.fixture(scope="module")
def damaged(
    tmp_path_factory: pytest.TempPathFactory, public_model: Callable[[str], Path]
) -> Iterator[list[Damaged]]:
    folder = tmp_path_factory.mktemp("damaged")
    yield damaged_models(folder, public_model)
    (folder / "special" / "closed").chmod(0o700)  # else pytest cannot clean up, unless it is root


@pytest.fixture(scope="module")
def outcomes(damaged: list[Damaged]) -> list[tuple[Damaged, Outcome]]:
    with ThreadPoolExecutor(CHILDREN) as pool:
        parts = pool.map(open_all, [damaged[start::CHILDREN] for start in range(CHILDREN)])
        return [pair for part in parts for pair in part]


def open_all(files: list[Damaged]) -> list[tuple[Damaged, Outcome]]:
    with LoadChild() as child:
        return [(file, child.open(file.path)) for file in files]


def test_undamaged_models_run_in_the_child(public_model: Callable[[str], Path]) -> None:
    with LoadChild() as child:
        assert {name: child.open(str(public_model(name))) for name in SOURCES} == dict.fromkeys(
            SOURCES, Outcome("ran")
        )


def test_a_damaged_model_is_an_error_of_ours_or_runs(
    outcomes: list[tuple[Damaged, Outcome]],
) -> None:
    counts = Counter(outcome.kind for _, outcome in outcomes)
    LOG.info("of %d damaged files through edgeai.load: %s", len(outcomes), dict(counts))
    # A crash inside a library cannot be caught in the process; the bench shields its caller from it.
    allowed = {"error", "ran", "crash"}
    assert [(file.name, outcome) for file, outcome in outcomes if outcome.kind not in allowed] == []
    # Seen: none with ONNX Runtime 1.31 and LiteRT 2.3. A few are the libraries' affair, many would be ours.
    assert counts["crash"] <= 5
    assert counts["error"] >= 100
    assert counts["ran"] >= 20, "bits flipped in weights leave a model that runs"


def test_errors_are_one_printable_line_that_names_the_file(outcomes: list[tuple[Damaged, Outcome]]) -> None:
    bad = [
        (file.name, outcome.said)
        for file, outcome in outcomes
        if outcome.kind == "error"
        and not (
            outcome.said.isprintable()
            and len(outcome.said) <= 700
            and outcome.said.startswith(one_line(Path(file.path)))
        )
    ]
    assert bad == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("directory", "is a directory without a manifest.json; give a .edge, .onnx or .tflite file"),
        ("an endless device", "is not a regular file; give a .edge, .onnx or .tflite file"),
        ("a pipe that nobody writes to", "is not a regular file; give a .edge, .onnx or .tflite file"),
        ("a socket", "is not a regular file; give a .edge, .onnx or .tflite file"),
        ("first-0-bytes", "is empty; give a .edge, .onnx or .tflite file"),
        ("no such file", ": no such file; check the path"),
        ("a link to nothing", ": no such file; check the path"),
        ("a link to itself", "cannot be read: Too many levels of symbolic links; check the path"),
        ("a name that is no UTF-8", "has a name that is not UTF-8; rename it"),
        ("name-is-no-utf8", "is damaged: the name of an input or output is not UTF-8"),
        (
            "page.onnx",
            "starts with b'<!DOCTYP', no bundle, ONNX or TFLite; give a .edge, .onnx or .tflite file",
        ),
    ],
)
def test_the_error_says_what_is_wrong(name: str, said: str, outcomes: list[tuple[Damaged, Outcome]]) -> None:
    found = next(outcome for file, outcome in outcomes if file.name == name)
    assert found.kind == "error"
    assert found.said.endswith(said)


def test_an_output_that_fits_nowhere_is_an_error(outcomes: list[tuple[Damaged, Outcome]]) -> None:
    found = next(outcome for file, outcome in outcomes if file.name == "output-of-12-gigabytes")
    assert found.kind == "error"


def test_the_same_seed_gives_the_same_files(
    damaged: list[Damaged], tmp_path: Path, public_model: Callable[[str], Path]
) -> None:
    again = damaged_models(tmp_path, public_model)
    (tmp_path / "special" / "closed").chmod(0o700)
    first = Path(damaged[0].path).parent
    files = [path.relative_to(tmp_path) for path in sorted(tmp_path.glob("*-bit*"))]
    assert [file.name for file in again] == [file.name for file in damaged]
    assert [(first / file).read_bytes() for file in files] == [
        (tmp_path / file).read_bytes() for file in files
    ]


def test_a_file_without_permission_says_so(public_model: Callable[[str], Path]) -> None:
    # Not below tmp_path, which is closed to other users as a whole.
    folder = Path(tempfile.mkdtemp(prefix="edgeai-unreadable-"))
    folder.chmod(0o755)
    try:
        file, inner = unreadable_models(folder, public_model("ppocr-cls").read_bytes())
        with LoadChild(root_becomes_nobody=True) as child:
            for path in (file, inner):
                said = f"{path} cannot be read: no permission; check who may read it"
                assert child.open(str(path)) == Outcome("error", said)
    finally:
        (folder / "closed").chmod(0o700)
        shutil.rmtree(folder)


# A board with 96 MB of RAM and 32 MB of swap, on which this process has 64 MB already.
SMALL_BOARD = {
    "meminfo": "MemTotal: 98304 kB\nSwapTotal: 32768 kB\n",
    "self/status": "VmData: 65536 kB\n",
}
TAKE_MEMORY = """
import resource, sys
from pathlib import Path
from edgeai.measure.memory import limit_to_machine
from edgeai.sysroot import SysRoot
limit_to_machine(SysRoot(Path(sys.argv[1])))
print(resource.getrlimit(resource.RLIMIT_DATA)[0])
try:
    bytearray(400 << 20)
except MemoryError:
    print("refused")
"""


@pytest.mark.parametrize(
    ("device", "said"), [(None, f"{192 << 20}\nrefused\n"), ("nvmap", "-1\n"), ("nvidiactl", "-1\n")]
)
def test_a_worker_is_refused_more_than_the_machine_has(device: str | None, said: str, tmp_path: Path) -> None:
    for name, text in SMALL_BOARD.items():
        (tmp_path / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / name).write_text(text)
    if device is not None:  # NVIDIA's driver reserves address space at will
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev" / device).touch()
    done = subprocess.run(
        [sys.executable, "-c", TAKE_MEMORY, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == said
