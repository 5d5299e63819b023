"""The look at free memory before a model is opened: what is refused, warned of, and not looked at."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeai.bundle import Variant
from edgeai.errors import MemoryTight, ModelError, ModelTooLarge
from edgeai.room import OVERRIDE, check_room
from edgeai.sysroot import SysRoot

MB = 1_000_000


def product(path: Path, rows: int) -> Path:
    """A model of rows x 10,000 weights: 40 kB a row."""
    weights = numpy_helper.from_array(np.ones((rows, 10_000), np.float32), "w")
    sizes = {"x": rows, "y": 10_000}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, size)) for name, size in sizes.items()]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weights])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 MB of weights; the prediction is 13 MB + 40 MB + 40 MB while they are copied, and little beside."""
    return product(tmp_path_factory.mktemp("wide") / "wide.onnx", 1000)


def variant(path: Path, **cost: int) -> Variant:
    return Variant(id="f32", format="onnx", path=path, cost=cost or None)


def free(root: Path, available: int, swap: int = 0) -> SysRoot:
    (root / "proc").mkdir(parents=True, exist_ok=True)
    text = f"MemAvailable: {available // 1024} kB\nSwapFree: {swap // 1024} kB\n"
    (root / "proc/meminfo").write_text(text)
    return SysRoot(root)


def test_weights_that_do_not_fit_are_refused_with_the_way_around(wide: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelTooLarge) as caught:
        check_room(variant(wide), free(tmp_path, 30 * MB))
    assert str(caught.value) == (
        f"{wide}: its weights take 40.0 MB and 30.0 MB are free (MemAvailable), 0 B of swap beside; run a "
        "smaller or quantized model, free memory, raise the limit, or set EDGEAI_MEMORY_CHECK=off to try it "
        "all the same"
    )
    assert isinstance(caught.value, ModelError)  # so that a bundle's next variant is tried
    assert isinstance(caught.value, MemoryError)


def test_swap_makes_a_refusal_a_warning(wide: Path, tmp_path: Path) -> None:
    with pytest.warns(
        MemoryTight, match=r"93\.\d MB of RAM and 30\.0 MB are free \(MemAvailable\); it may be"
    ):
        check_room(variant(wide), free(tmp_path, 30 * MB, swap=100 * MB))


def test_a_prediction_over_what_is_free_is_a_warning(wide: Path, tmp_path: Path) -> None:
    with pytest.warns(MemoryTight, match="smaller or quantized model"):
        check_room(variant(wide), free(tmp_path, 70 * MB))


def test_enough_says_nothing(wide: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_room(variant(wide), free(tmp_path, 100 * MB))


def test_a_manifest_that_predicts_more_is_believed(wide: Path, tmp_path: Path) -> None:
    with pytest.warns(MemoryTight, match="500 MB of RAM"):
        check_room(variant(wide, peak_memory_bytes=500 * MB, weight_bytes=40 * MB), free(tmp_path, 400 * MB))


def test_a_manifest_without_sense_is_not(wide: Path, tmp_path: Path) -> None:
    nonsense = Variant(
        id="f32", format="onnx", path=wide, cost={"peak_memory_bytes": "much", "weight_bytes": -1}
    )
    with pytest.warns(MemoryTight, match="93"):
        check_room(nonsense, free(tmp_path, 70 * MB))


def test_the_override_opens_whatever_was_asked_for(
    wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OVERRIDE, "off")
    check_room(variant(wide), free(tmp_path, 1024))


def test_a_small_model_is_not_looked_at(tmp_path: Path) -> None:
    small = tmp_path / "small.onnx"
    small.write_bytes(b"no model at all")
    check_room(variant(small), free(tmp_path, 1024))


def test_what_is_no_model_is_left_to_who_opens_it(tmp_path: Path) -> None:
    large = tmp_path / "large.onnx"
    large.write_bytes(bytes(20 * MB))
    check_room(variant(large), free(tmp_path, 30 * MB))
    check_room(variant(tmp_path / "none.onnx"), free(tmp_path, 30 * MB))


def test_without_proc_nothing_is_said(wide: Path, tmp_path: Path) -> None:
    check_room(variant(wide), SysRoot(tmp_path))


def test_external_weights_are_mapped_and_never_refused(wide: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.onnx"
    onnx.save(
        onnx.load(wide), outside, save_as_external_data=True, location="weights.bin", size_threshold=1024
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_room(variant(outside), free(tmp_path / "root", 30 * MB))


@pytest.fixture
def limited() -> Iterator[Path]:
    group = Path("/sys/fs/cgroup/memory") / f"edgeai-room-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no memory control group can be made here: {error.strerror}")
    try:
        yield group
    finally:
        group.rmdir()


def bundle_of(folder: Path, large: Path, small: Path) -> Path:
    """Two variants of one model, the large one first."""
    variants = [
        {
            "id": each.stem,
            "format": "onnx",
            "files": {each.name: f"sha256:{hashlib.sha256(each.read_bytes()).hexdigest()}"},
        }
        for each in (large, small)
    ]
    manifest = {"schema": 1, "id": "tiny/room", "version": "1.0.0", "models": {"m": {"variants": variants}}}
    (folder / "manifest.json").write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")))
    return folder


def limited_run(group: Path, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Open a model in a process of the group; prints what came of it."""
    script = (
        "import os, pathlib, edgeai\n"
        f"pathlib.Path({str(group)!r}, 'cgroup.procs').write_text(str(os.getpid()))\n"
        "try:\n"
        f"    print(edgeai.load({str(path)!r}, prepared=False).variant)\n"
        "except edgeai.errors.EdgeError as error:\n"
        "    print(type(error).__name__)\n"
    )
    words = [sys.executable, "-W", "ignore", "-c", script]
    return subprocess.run(
        words, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_in_a_real_group_load_refuses_before_the_kernel_kills(tmp_path: Path, limited: Path) -> None:
    large = product(tmp_path / "large.onnx", 2500)  # 100 MB; Python and numpy take 20 to 40 of the limit
    small = product(tmp_path / "small.onnx", 10)
    (limited / "memory.limit_in_bytes").write_text(str(100 * MB))
    done = limited_run(limited, large)
    assert (done.returncode, done.stdout.strip()) == (0, ModelTooLarge.__name__), done.stderr
    # Of a bundle the next variant runs instead.
    done = limited_run(limited, bundle_of(tmp_path, large, small))
    assert (done.returncode, done.stdout.strip()) == (0, "small"), done.stderr
    # Without the look the kernel kills it.
    assert limited_run(limited, large, **{OVERRIDE: "off"}).returncode == -9
