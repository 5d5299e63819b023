"""200 damaged files through `edgeai bench`: one line and exit code 2, or a report; nothing is left behind."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from edgeai.measure.launch import _memory_folder
from tests.damaged_models import ROOT, Damaged, damaged_models, unreadable_models

SHORT = [
    *("--processes", "1", "--min-runs", "3", "--min-time", "0.02", "--max-time", "1"),
    *("--warm-up", "0.05", "--timeout", "20", "--json", "-q"),
]


LOG = logging.getLogger(__name__)  # the counts: pytest --log-cli-level=INFO

# The command as `edgeai` starts it, with bounded memory and with its folder where the test can look at it.
BENCH = """
import signal
# These tests may run under nohup or in a shell's background, where both are ignored; the bench respects that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
import tempfile
from tests.damaged_models import become_nobody, limit_memory
from edgeai.cli import main
from edgeai.measure import launch
limit_memory()
launch._memory_folder = lambda: Path(tempfile.gettempdir())
"""


def command(*arguments: str, before: str = "") -> list[str]:
    return [sys.executable, "-W", "error", "-c", f"{BENCH}{before}\nmain()", "bench", *arguments]


def bench(*arguments: str, temporary: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments, before=before),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def damaged(
    tmp_path_factory: pytest.TempPathFactory, public_model: Callable[[str], Path]
) -> Iterator[list[Damaged]]:
    folder = tmp_path_factory.mktemp("damaged")
    files = damaged_models(folder, public_model)
    # No command line can hold a NUL.
    yield [file for file in files if "\0" not in file.path]
    (folder / "special" / "closed").chmod(0o700)  # else pytest cannot clean up, unless it is root


def what_is_wrong(done: subprocess.CompletedProcess[str]) -> str | None:
    """None where a run was as it shall be: a report, or one line and exit code 2."""
    if done.returncode in {0, 1}:
        document = json.loads(done.stdout)
        assert document["runs"]
        return done.stderr or None
    is_one_line = done.stderr.startswith("edgeai: ") and done.stderr.count("\n") == 1
    if done.returncode == 2 and is_one_line and "Traceback" not in done.stderr and not done.stdout:
        return None if done.stderr[:-1].isprintable() and len(done.stderr) < 1000 else done.stderr
    return f"exit code {done.returncode}; {done.stdout[:200]!r}; {done.stderr[-2000:]!r}"


def bench_all(files: list[Damaged], temporary: Path) -> Counter[str]:
    """How many gave which exit code; fails with the list of those that did anything else."""

    def one(file: Damaged) -> subprocess.CompletedProcess[str]:
        return bench(*SHORT, "--", file.path, temporary=temporary)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(one, files))
    wrong = {file.name: what_is_wrong(one) for file, one in zip(files, done, strict=True)}
    assert {name: what for name, what in wrong.items() if what is not None} == {}
    assert list(temporary.iterdir()) == []
    counts = Counter(f"exit code {one.returncode}" for one in done)
    counts["worker crashed"] = sum("the measuring process crashed" in one.stderr for one in done)
    return counts


@pytest.mark.long
def test_every_damaged_model_gives_one_line_or_a_report(damaged: list[Damaged], tmp_path: Path) -> None:
    counts = bench_all(damaged, tmp_path)
    LOG.info("of %d damaged files through edgeai bench: %s", len(damaged), dict(counts))
    assert counts["exit code 2"] >= 100


# Of each kind of damage that gets furthest in its own way, one.
SAMPLE = (
    "ppocr-cls-first-1024-bytes.onnx",
    "ppocr-cls-one-bit-in-tail-0.onnx",
    "basic-pitch-onnx-16-bits-in-tail.onnx",
    "face-tflite-zeroed-head.tflite",
    "okay-nabu-one-bit-in-tail-1.tflite",
    "basic-pitch-tflite-swapped-halves.tflite",
    "okay-nabu-garbage-behind.tflite",
    "first-0-bytes",
    "page.onnx",
    "noise-0.tflite",
    "directory",
    "an endless device",
    "a pipe that nobody writes to",
    "a newline in the name",
    "terminal codes in the name",
    "a name that is no UTF-8",
    "input-of-4-exabytes",
    "output-of-12-gigabytes",
    "external-data-outside",
    "name-is-no-utf8",
)


def test_a_sample_of_damaged_models_gives_one_line_or_a_report(
    damaged: list[Damaged], tmp_path: Path
) -> None:
    sample = [file for file in damaged if file.name in SAMPLE]
    assert len(sample) == len(SAMPLE) == 20
    assert bench_all(sample, tmp_path)["exit code 2"] >= 15


def test_a_file_without_permission_gives_one_line(public_model: Callable[[str], Path]) -> None:
    # Not below tmp_path, which is closed to other users as a whole.
    folder = Path(tempfile.mkdtemp(prefix="edgeai-unreadable-"))
    folder.chmod(0o755)
    try:
        file, inner = unreadable_models(folder, public_model("ppocr-cls").read_bytes())
        for path in (file, inner):
            done = bench(str(path), temporary=folder, before="become_nobody()")
            assert done.stderr == f"edgeai: {path} cannot be read: no permission; check who may read it\n"
            assert done.returncode == 2
    finally:
        (folder / "closed").chmod(0o700)
        shutil.rmtree(folder)


def test_one_damaged_model_does_not_stop_the_others(
    tmp_path: Path, public_model: Callable[[str], Path]
) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(public_model("ppocr-cls").read_bytes()[:1000])
    (tmp_path / "temporary").mkdir()
    done = bench(*SHORT, str(bad), str(public_model("face-tflite")), temporary=tmp_path / "temporary")
    document = json.loads(done.stdout)
    assert (len(document["runs"]), [failure["error"] for failure in document["failures"]]) == (
        1,
        ["ModelError"],
    )
    assert done.returncode == 2


# --- Nothing is left behind -------------------------------------------------------------------------------


def test_inputs_are_kept_in_memory_where_that_is_possible() -> None:
    shared = Path("/dev/shm")  # noqa: S108 - only compared with
    roomy = shared.is_dir() and shutil.disk_usage(shared).free >= 1 << 30
    assert _memory_folder() == (shared if roomy and os.access(shared, os.W_OK) else None)


@pytest.mark.parametrize("said", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_bench_that_is_stopped_leaves_no_file_and_no_process(
    said: str, tmp_path: Path, public_model: Callable[[str], Path]
) -> None:
    running, workers = start_long_bench(public_model("face-tflite"), tmp_path)
    number = signal.Signals[said]
    os.killpg(running.pid, number)  # as a terminal does; the workers are in groups of their own
    out, err = running.communicate(timeout=20)
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert list(tmp_path.iterdir()) == []
    assert (running.returncode, out, err) == (
        (130 if said == "SIGINT" else 128 + number),
        "",
        "\nedgeai: interrupted\n" if said == "SIGINT" else "",  # below the ^C that a terminal shows
    )


def test_workers_die_with_a_bench_that_is_killed(tmp_path: Path, public_model: Callable[[str], Path]) -> None:
    running, workers = start_long_bench(public_model("face-tflite"), tmp_path)
    running.kill()
    running.communicate(timeout=20)
    assert psutil.wait_procs(workers, timeout=10)[1] == []


def start_long_bench(model: Path, temporary: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A bench that would run for minutes, and its workers, once the one after the probe has started."""
    running = subprocess.Popen(
        command(str(model), "-q", "--min-time", "10m", "--max-time", "10m"),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    seen: set[int] = set()
    end = time.monotonic() + 60
    while True:
        workers = psutil.Process(running.pid).children()
        seen.update(worker.pid for worker in workers)
        # Old enough that the bench is not just starting it, where Popen itself would complain of the stop.
        if workers and len(seen) > 1 and time.time() - workers[0].create_time() > 1.1:
            assert list(temporary.glob("*/outputs.json")), "what a stop must clean up"
            return running, workers
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)  # nothing tells from outside when the probe is done
