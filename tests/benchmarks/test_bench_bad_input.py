"""Bad words and bad files for `edgeai bench`: one clear line and the right exit code, never a stack trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeai.cli import main
from edgeai.measure import launch
from tests.damaged_models import onnx_model

SHORT = [
    *("--processes", "1", "--min-runs", "3", "--min-time", "0.02", "--max-time", "1"),
    *("--warm-up", "0.05", "--timeout", "20", "-q"),
]

Bench = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """y = relu(x) with x: f32[3]."""
    from onnx import helper

    path = tmp_path_factory.mktemp("models") / "relu.onnx"
    path.write_bytes(onnx_model([helper.make_node("Relu", ["x"], ["y"])], [3]))
    return path


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Bench:
    """Calls the command as its entry point does; gives the exit code and the one line of the error."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["edgeai", "bench", *SHORT, *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capfd.readouterr()
        assert out == ""
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, the_line(err)

    return call


def the_line(stderr: str) -> str:
    """The error without its beginning; for a word that click itself refuses, what stands below the usage."""
    assert stderr.endswith("\n")
    *before, last = stderr[:-1].split("\n")
    if last.startswith("Error: "):
        assert [line.split(":")[0].split(" '")[0] for line in before] == ["Usage", "Try", ""]
        return last.removeprefix("Error: ")
    assert before == []
    assert last.startswith("edgeai: ")
    assert last.isprintable()
    return last.removeprefix("edgeai: ")


# --- Words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--input-shape x", 2, "--input-shape 'x' is not like x:1x3x640x640 or 1x3x640x640"),
        ("--input-shape x:0", 2, "--input-shape 'x:0' is not like"),
        ("--input-shape x:-3", 2, "--input-shape 'x:-3' is not like"),
        ("--input-shape x:3xx", 2, "--input-shape 'x:3xx' is not like"),
        ("--input-shape x:" + "9" * 5000, 2, "--input-shape 'x:999"),
        ("--input-shape z:3", 2, "no input is called 'z'; the model has x: f32[3]"),
        ("--input-shape x:4", 2, "shape [4] does not fit input x: f32[3]"),
        ("--batch 0", 2, "Invalid value for '--batch'"),
        ("--batch 7", 2, "input x: f32[3] has a fixed batch of 3; leave --batch out"),
        ("--threads 0", 2, "Invalid value for '--threads': '0' is no list of whole numbers from 1"),
        ("--threads -1", 2, "Invalid value for '--threads': '-1' is no list of whole numbers from 1"),
        ("--threads a", 2, "Invalid value for '--threads': 'a' is no list of whole numbers from 1"),
        ("--threads 99999999999", 2, "threads is 99999999999; give a whole number from 1 to 1024"),
        ("--backend nosuch", 2, "no backend is called 'nosuch'; known: onnxruntime, litert, tflite-runtime"),
        ("--backend litert", 2, "none of the backends litert reads "),
        ("--backend nosuch:Backend", 3, "backend nosuch:Backend does not load (No module named 'nosuch')"),
        ("--providers nosuch", 3, "has no provider 'nosuch'"),
        ("--device nosuch", 2, "nosuch"),
        ("--signature nosuch --backend onnxruntime", 2, "is ONNX, which has no signatures; leave it out"),
        ("--rate 0", 2, "Invalid value for '--rate': '0' is no rate like 10/s or 6/m"),
        ("--rate 1/h", 2, "five calls at that --rate take 18000 s in each process; give at least 2.5/m"),
        ("--rate 9/m --quick", 2, "take 33 s in each process; give at least 10/m"),
        ("--rate fast", 2, "Invalid value for '--rate': 'fast' is no rate like 10/s or 6/m"),
        ("--min-time -1s", 2, "Invalid value for '--min-time': '-1s' is no duration like 500ms, 10s or 2m"),
        ("--min-time 2s", 2, "--max-time 1s is shorter than --min-time 2s"),
        ("--timeout 999999999h", 2, "Invalid value for '--timeout': '999999999h' is longer than 7 days"),
        ("--seed -1", 2, "Invalid value for '--seed'"),
        ("--processes 0", 2, "Invalid value for '--processes'"),
        ("--suite public", 2, "give either model files or --suite NAME"),
        ("--nosuch", 2, "No such option"),
    ],
)
def test_a_wrong_word_is_named(words: str, code: int, said: str, bench: Bench, model: Path) -> None:
    got, line = bench(model, *words.split(" "))
    assert said in line
    assert len(line) < 500
    assert got == code


def test_cuda_on_a_build_without_it_is_missing_here(bench: Bench, model: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this build of ONNX Runtime has CUDA")
    code, line = bench(model, "--providers", "cuda")
    assert "has no provider 'cuda' (it has: " in line
    assert code == 3


@pytest.mark.parametrize("words", ["--batch 2", "--input-shape x:3", "--input x.npy"])
def test_a_suite_brings_its_own_inputs(words: str, bench: Bench) -> None:
    code, line = bench("--suite", "public", *words.split(" "))
    assert line == "--input-shape, --input and --batch go with a model file; a suite has its own"
    assert code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--suite", "nosuch"], "no suite is called 'nosuch'; known: public"),
        (["--suite", "absent.toml"], "absent.toml"),
        (["absent.onnx"], "absent.onnx: no such file; check the path"),
        (["x" * 300 + ".onnx"], "cannot be read: File name too long; check the path"),
    ],
)
def test_without_a_model_it_says_what_to_give(words: list[str], said: str, bench: Bench) -> None:
    code, line = bench(*words)
    assert said in line
    assert code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"models = [", "is not"),
        (b"\xff\xfe", "is not"),
        (b"", "name"),
        (b"name = 3\n", "name"),
        (b'name = "n"\nmodels = 3\n', "models"),
        (b'name = "n"\n[[models]]\nid = "a"\npath = "a.onnx"\nnosuch = 1\n', "models[0].nosuch"),
        (b'name = "n"\n[[models]]\nid = "a"\npath = "absent.onnx"\n', "absent.onnx: no such file"),
        (b'name = "n"\n[[models]]\nid = "a"\npath = "a\\u0000b"\n', "cannot be read: a NUL in its name"),
        (b'name = "n"\n[[models]]\nid = "a"\npath = "."\n', "is a directory without a manifest.json"),
        (b'name = "n"\n[[models]]\nid = "a"\npath = "MODEL"\nvalues = { z = 1 }\n', "no input is called 'z'"),
        (
            b'name = "n"\n[[models]]\nid = "a"\npath = "MODEL"\nloops = { z = "y" }\n',
            "cannot loop output 'y'",
        ),
        (
            b'name = "n"\n[[models]]\nid = "a"\npath = "MODEL"\nshapes = { x = [9223372036854775808] }\n',
            "does not fit input x: f32[3]",
        ),
    ],
)
def test_a_suite_that_is_wrong_is_named(
    text: bytes, said: str, bench: Bench, tmp_path: Path, model: Path
) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_bytes(text.replace(b"MODEL", str(model).encode()))
    code, line = bench("--suite", suite)
    assert said in line
    assert code == 2


# --- Inputs from files ------------------------------------------------------------------------------------


def write_inputs(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """What is wrong, the file, and what the error must say."""
    good = folder / "good.npy"
    np.save(good, np.zeros(3, np.float32))
    header = good.read_bytes()
    yield "absent", folder / "absent.npy", "No such file or directory"
    yield "a directory", folder, "is not a regular file; give a .npy or .npz file"
    yield "a device", Path("/dev/zero"), "is not a regular file; give a .npy or .npz file"
    os.mkfifo(folder / "pipe.npy")
    yield "a pipe", folder / "pipe.npy", "is not a regular file; give a .npy or .npz file"
    contents = {
        "empty": b"",
        "cut in the header": header[:20],
        "cut in the data": header[:-4],
        "no shape": header.replace(b"(3,)", b"(x,)"),
        "a huge shape": header.replace(b"(3,), }          ", b"(3000000000000,),}"[:17]),
        "nonsense for a header": header[:10] + b"(" * (len(header) - 10),
        "text": b"1 2 3\n",
        "a zip without a directory": b"PK\x03\x04" + bytes(100),
    }
    if not np.__version__.startswith("1."):  # numpy 1 takes a negative size as "the rest", and reads the file
        contents["a negative shape"] = header.replace(b"(3,), ", b"(-3,),")
    for what, content in contents.items():
        path = folder / f"{what}.npy"
        path.write_bytes(content)
        yield what, path, "is no .npy or .npz file that can be read: "
    np.save(folder / "pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    yield "pickled", folder / "pickled.npy", "is no .npy or .npz file that can be read: "
    np.savez(folder / "names.npz", z=np.zeros(3, np.float32))
    yield "other names", folder / "names.npz", "names.npz holds z; the model wants x: f32[3]"
    with zipfile.ZipFile(folder / "strange.npz", "w") as archive:
        archive.writestr("a\nb.npy", header)
    yield "a strange name", folder / "strange.npz", "strange.npz holds a\\nb; the model wants x: f32[3]"
    np.savez(folder / "nothing.npz")
    yield "no arrays", folder / "nothing.npz", "nothing.npz holds nothing; the model wants x: f32[3]"
    with zipfile.ZipFile(folder / "damaged.npz", "w") as archive:
        archive.writestr("x.npy", header[:-2])
    yield "a damaged member", folder / "damaged.npz", "is no .npy or .npz file that can be read: "
    np.save(folder / "doubles.npy", np.zeros(3))
    yield "another dtype", folder / "doubles.npy", "holds float64 for input x: f32[3]; save it as float32"
    np.save(folder / "longer.npy", np.zeros(4, np.float32))
    yield "another shape", folder / "longer.npy", "input x: f32[3] (float32) got float32[4]"


def test_inputs_that_are_wrong_are_named(bench: Bench, model: Path, tmp_path: Path) -> None:
    wrong = {}
    for what, path, said in write_inputs(tmp_path):
        code, line = bench(model, "--input", path)
        if code != 2 or said not in line:
            wrong[what] = (code, line)
    assert wrong == {}


# --- The machine ------------------------------------------------------------------------------------------


def test_a_model_that_never_ends_is_stopped_after_the_timeout(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "endless.onnx"
    path.write_bytes(endless_model())
    code, line = bench(path, "--timeout", "2s")
    assert line == (
        f"{path}: the measuring process said nothing for 2 s in the phase 'first inference' and was stopped; "
        "give a longer --timeout if the model needs it"
    )
    assert code == 2


def endless_model() -> bytes:
    """A Loop of 2^62 turns."""
    from onnx import TensorProto, helper, numpy_helper

    def value(name: str, kind: int, shape: list[int]) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Relu", ["state"], ["next"])],
        "body",
        [value("turn", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("state", 1, [3])],
        [value("go_on", TensorProto.BOOL, []), value("next", 1, [3])],
    )
    loop = helper.make_node("Loop", ["turns", "", "x"], ["y"], body=body)
    return onnx_model([loop], [3], [numpy_helper.from_array(np.array(1 << 62), "turns")])


def test_a_full_disk_is_named(
    bench: Bench, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = tmp_path / "big.onnx"
    from onnx import helper

    big.write_bytes(onnx_model([helper.make_node("Relu", ["x"], ["y"])], [1 << 20]))
    with tiny_disk(tmp_path / "tiny") as disk:
        monkeypatch.setattr(launch, "_memory_folder", lambda: disk)
        code, line = bench(big)
        assert line.startswith(f"{disk} cannot hold the inputs of the model (4194304 bytes): ")
        assert line.endswith("; free space there, or set TMPDIR to another folder")
        assert list(disk.iterdir()) == []
        assert code == 2

        with suppress(OSError):  # until not even a folder fits
            for number in range(100):
                (disk / str(number)).mkdir()
        code, line = bench(model)
        assert line == (
            f"{line.split(' ')[0]} cannot be written: No space left on device; "
            "free space there or set TMPDIR to another folder"
        )
        assert code == 2


class tiny_disk:  # noqa: N801 - reads as the context manager that it is
    """A file system of 256 KB; skips the test where none can be mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Path:
        self._folder.mkdir()
        options = ["-t", "tmpfs", "-o", "size=256k,nr_inodes=40", "edgeai-test", str(self._folder)]
        done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"only root can mount a tiny disk: {done.stderr.strip()}")
        return self._folder

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", str(self._folder)], check=True)


@pytest.mark.parametrize("closed", ["| true", ">&-", "--json | true", "--json >&-"])
def test_nobody_reading_is_no_stack_trace(closed: str, model: Path) -> None:
    command = [sys.executable, "-m", "edgeai", "bench", *SHORT, str(model)]
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(command)} {closed}; exit ${{PIPESTATUS[0]}}"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.returncode in {0, 1}  # click ends with 1 where the pipe is closed


def test_a_full_disk_below_standard_output_is_named(model: Path) -> None:
    command = [sys.executable, "-m", "edgeai", "bench", *SHORT, str(model)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert the_line(done.stderr) == "standard output cannot be written: No space left on device"
    assert done.returncode == 3


def test_the_handler_of_a_kill_is_put_back(bench: Bench, model: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    bench(model, "--input-shape", "x:4")
    assert signal.getsignal(signal.SIGTERM) is before
