"""Each setting has an effect that can be seen: keys that ONNX Runtime does not know it takes in silence."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edgeai.backends import RunOptions, load_backend
from edgeai.backends.forms import make_form
from edgeai.backends.onnxruntime import OnnxRuntimeRunner, session_options
from edgeai.backends.onnxruntime_profile import OnnxRuntimeProfiler
from edgeai.backends.onnxruntime_tuning import apply_tuning, has_spin_duration
from edgeai.backends.tuning import LEVELS, Tuning
from edgeai.bundle import Variant
from edgeai.errors import InputError
from edgeai.included import included_path
from edgeai.measure.inputs import candidate_shapes, synthetic_inputs
from edgeai.open_bundle import open_bundle
from tests.tiny_models import linear_onnx


@pytest.fixture
def digits() -> Path:
    bundle, _ = open_bundle(included_path("digits"))
    return next(each.path for each in bundle.models[0].variants if each.id == "onnx-f32")


def opened(path: Path, tuning: Tuning, threads: int = 1) -> OnnxRuntimeRunner:
    return OnnxRuntimeRunner(path, RunOptions(threads=threads, tuning=tuning))


def feed(runner: OnnxRuntimeRunner) -> dict[str, np.ndarray]:
    return synthetic_inputs(runner.inputs, next(iter(candidate_shapes(runner.inputs, {}, None))), {}, 0)


def idle_cpu_s(runner: OnnxRuntimeRunner) -> float:
    """CPU time of this process between ten runs, 50 ms apart."""
    inputs = feed(runner)
    spent = 0.0
    for _ in range(10):
        runner.run(inputs)
        start = time.process_time()
        time.sleep(0.05)
        spent += time.process_time() - start
    return spent


def test_a_session_leaves_the_cores_alone_between_runs(public_model: Callable[[str], Path]) -> None:
    """CPU time, which other work on the machine cannot raise: 0.3 s as the library has it, some ms here."""
    path = public_model("face-onnx")
    bare = opened(path, Tuning(), threads=2)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    bare._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    spinning = idle_cpu_s(bare)
    bare.close()
    for wanted in (None, False, True):
        quiet = opened(path, Tuning(spinning=wanted), threads=2)
        assert idle_cpu_s(quiet) < spinning / 4, wanted
        quiet.close()


def test_spinning_is_told_in_the_keys_that_the_version_knows() -> None:
    names = ("intra_op.allow_spinning", "force_spinning_stop", "intra_op.spin_duration_us")

    def key(settings: onnxruntime.SessionOptions, name: str) -> str:
        try:
            return str(settings.get_session_config_entry(f"session.{name}"))
        except RuntimeError:
            return ""

    def keys(wanted: bool | None, threads: int) -> tuple[str, ...]:
        settings = session_options(threads, None)
        apply_tuning(settings, Tuning(spinning=wanted), threads)
        return tuple(key(settings, name) for name in names)

    assert keys(None, 1) == keys(True, 1) == ("", "", "")  # the caller's own thread never spins
    assert keys(False, 2) == ("0", "", "")
    if has_spin_duration():
        assert (keys(None, 4), keys(True, 2), keys(True, 3)) == (
            ("", "", "50"),
            ("", "", "200"),
            ("", "", "100"),
        )
    else:
        assert (keys(None, 4), keys(True, 2)) == (("0", "", ""), ("", "1", ""))


def operators_run(path: Path, tuning: Tuning, folder: Path) -> int:
    profiler = OnnxRuntimeProfiler(Variant("bare", "onnx", path), RunOptions(tuning=tuning), folder)
    profiler.run(feed(profiler._runner))
    return len(profiler.finish()[0].operators)


def test_levels_rewrite_the_graph_differently(digits: Path, tmp_path: Path) -> None:
    counts = []
    for level in LEVELS:
        folder = tmp_path / level
        folder.mkdir()
        counts.append(operators_run(digits, Tuning(optimize=level), folder))
    none, basic, extended, full = counts
    assert none >= basic > max(extended, full)  # fused operators
    assert extended != full  # blocked layout has its own reorderings
    assert operators_run(digits, Tuning(), tmp_path) == full


def test_every_level_gives_the_same(digits: Path) -> None:
    original = opened(digits, Tuning())
    inputs = feed(original)
    for level in LEVELS:
        for name, array in original.run(inputs).items():
            outputs = opened(digits, Tuning(optimize=level)).run(inputs)
            np.testing.assert_allclose(outputs[name], array, rtol=1e-4, atol=1e-5)


ANONYMOUS = """
import sys
from pathlib import Path
from edgeai.backends import RunOptions, load_backend
from edgeai.backends.tuning import Tuning
from edgeai.bundle import Variant
from edgeai.measure.memory import read_anonymous
from edgeai.sysroot import SysRoot
backend, prepack = load_backend("onnxruntime"), sys.argv[2] == "True"
before = read_anonymous(SysRoot())
options = RunOptions(tuning=Tuning(optimize="none", prepack=prepack))
runner = backend.open(Variant("bare", "onnx", Path(sys.argv[1])), options)
print(read_anonymous(SysRoot()) - before)
"""


def test_without_prepacking_no_weight_is_copied(public_model: Callable[[str], Path], tmp_path: Path) -> None:
    variant = Variant("bare", "onnx", public_model("ppocr-rec"))
    main = make_form("optimized", variant, RunOptions(), tmp_path)
    anonymous = {}
    for prepack in (True, False):
        child = subprocess.run(
            [sys.executable, "-c", ANONYMOUS, str(main), str(prepack)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        anonymous[prepack] = int(child.stdout)
    assert anonymous[True] - anonymous[False] > 2_000_000  # its MatMuls' weights are 4 MB


def test_the_arena_is_switched() -> None:
    for wanted in (True, False):
        settings = session_options(1, None)
        apply_tuning(settings, Tuning(arena=wanted), 1)
        assert settings.enable_cpu_mem_arena is wanted


def threads_and_cpus() -> dict[str, str]:
    found = {}
    for task in Path("/proc/self/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        found[task.name] = next(line.split()[1] for line in lines if line.startswith("Cpus_allowed_list"))
    return found


def test_threads_stay_on_their_cpus(digits: Path) -> None:
    last = max(os.sched_getaffinity(0))
    before = threads_and_cpus()
    runner = opened(digits, Tuning(affinities=((last,), (last,))), threads=3)
    new: set[str] = set()
    deadline_s = time.monotonic() + 30  # each thread moves by itself when it first gets to run
    while new != {str(last)} and time.monotonic() < deadline_s:
        new = {cpus for task, cpus in threads_and_cpus().items() if task not in before}
    assert new == {str(last)}
    runner.close()


def test_sizes_are_fixed_and_others_refused(tmp_path: Path) -> None:
    runner = opened(linear_onnx(tmp_path / "linear.onnx"), Tuning(sizes={"N": 2, "unknown": 7}))
    assert runner.inputs[0].shape == (2, 4)
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(runner.run({"x": x})["y"], 2 * x + 1)
    with pytest.raises(InputError, match="refused these inputs"):
        runner.run({"x": np.ones((3, 4), np.float32)})


@pytest.mark.parametrize(
    ("tuning", "message"),
    [
        (Tuning(optimize="fast"), "optimize is 'fast'; give one of none, basic, extended, all"),
        (Tuning(affinities=((0,), (0,))), "affinities name CPUs for 2 threads; 2 threads need them for 1"),
        (Tuning(affinities=((),)), "affinities name CPUs for 1 threads"),
    ],
)
def test_what_cannot_be_set_is_said(digits: Path, tuning: Tuning, message: str) -> None:
    with pytest.raises(InputError, match=message):
        opened(digits, tuning, threads=2)


def test_litert_ignores_what_it_has_no_such_thing_for() -> None:
    bundle, _ = open_bundle(included_path("digits"))
    variant = next(each for each in bundle.models[0].variants if each.id == "tflite-f32")
    runner = load_backend("litert").open(variant, RunOptions(tuning=Tuning(spinning=False, arena=False)))
    assert runner.inputs
