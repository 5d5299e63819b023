"""200 model files that are damaged in ways that happen, and a child process that opens them one by one.

The same seed gives the same files. `load_each` is the child: a native library may crash it, which the parent
in `LoadChild` records before it starts the next one.
"""

from __future__ import annotations

import gzip
import importlib
import io
import json
import os
import pickle
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]

# Small ones of the public suite, three of each format, so that 200 of them are written in a moment.
SOURCES = ("ppocr-cls", "face-onnx", "basic-pitch-onnx", "face-tflite", "basic-pitch-tflite", "okay-nabu")

# A damaged size can ask for any amount; what is tested here must not fill the machine of whoever runs it.
MEMORY_LIMIT_BYTES = 4 << 30
NOBODY = 65534


@dataclass(frozen=True)
class Damaged:
    """One file, named by what is wrong with it. The path is text, because some are no valid paths."""

    name: str
    path: str


def damaged_models(folder: Path, public_model: Callable[[str], Path], seed: int = 2026) -> list[Damaged]:
    """Write the 200 files into a folder, which has to be empty."""
    found = [Damaged(name, str(folder / name)) for name in _write_all(folder, public_model, seed)]
    found += [Damaged(name, path) for name, path in _special_paths(folder, public_model)]
    assert len(found) == 200, len(found)
    return found


def limit_memory() -> None:
    """Bound this process and its children."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash that is expected need not fill the disk


# --- What is done to a real model -------------------------------------------------------------------------


def _write_all(folder: Path, public_model: Callable[[str], Path], seed: int) -> Iterator[str]:
    models = {name: public_model(name) for name in SOURCES}
    for name, model in models.items():
        # Seeded by the name, so that a model more or less does not change the files of the others.
        chance = random.Random(f"{seed} {name}")
        for damage, content in _damages(model.read_bytes(), chance):
            yield _write(folder, f"{name}-{damage}{model.suffix}", content)
    whole = models["ppocr-cls"].read_bytes(), models["face-tflite"].read_bytes()
    for index, length in enumerate((0, 1, 2, 4, 7, 8, 9, 12, 16)):
        yield _write(folder, f"first-{length}-bytes", whole[index % 2][:length])
    for name, content in _other_kinds(*whole, random.Random(seed)):
        yield _write(folder, name, content)


def _damages(good: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    size = len(good)
    for length in (64, 1024, size // 10, size // 2, size * 9 // 10, size - 1):
        yield f"first-{length}-bytes", good[:length]
    for turn in range(5):
        # Both formats keep their structure at one of the ends; in between lie weights, which any bit suits.
        yield f"one-bit-in-head-{turn}", _flip(good, chance, 1, 8, 4096)
        yield f"one-bit-in-tail-{turn}", _flip(good, chance, 1, size - 20_000, size)
    for turn in range(2):
        yield f"one-bit-{turn}", _flip(good, chance, 1, 0, size)
    yield "16-bits-in-head", _flip(good, chance, 16, 8, 2048)
    yield "16-bits-in-tail", _flip(good, chance, 16, size - 4096, size)
    yield "100-bits", _flip(good, chance, 100, 0, size)
    yield "zeroed-head", good[:256] + bytes(512) + good[768:]
    yield "zeroed-middle", good[: size // 2] + bytes(4096) + good[size // 2 + 4096 :]
    yield "swapped-halves", good[:8] + good[size // 2 :] + good[8 : size // 2]
    yield "garbage-behind", good + chance.randbytes(10_000)
    yield "wrong-magic", bytes(8) + good[8:]


def _flip(good: bytes, chance: random.Random, bits: int, start: int, end: int) -> bytes:
    bad = bytearray(good)
    for _ in range(bits):
        bad[chance.randrange(start, end)] ^= 1 << chance.randrange(8)
    return bytes(bad)


def _other_kinds(onnx: bytes, tflite: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """What people rename or download by mistake, and noise behind a good beginning."""
    yield "text.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 585532\n"
    yield "page.onnx", b"<!DOCTYPE html>\n<html><title>404 Not Found</title></html>\n"
    yield "gzip.onnx", gzip.compress(onnx, mtime=0)
    yield "zip.tflite", _zip("model.tflite", tflite)
    yield "pickle.onnx", pickle.dumps({"weights": [0.0] * 100})
    yield "two-models.onnx", onnx + tflite
    for turn in range(2):
        yield f"noise-{turn}.onnx", onnx[:2] + chance.randbytes(5000)
        yield f"noise-{turn}.tflite", tflite[:8] + chance.randbytes(5000)


def _zip(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def _write(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return name


# --- What is wrong with the path or lies outside of the file ----------------------------------------------


def _special_paths(folder: Path, public_model: Callable[[str], Path]) -> Iterator[tuple[str, str]]:
    good = public_model("ppocr-cls").read_bytes()
    here = folder / "special"
    here.mkdir()
    yield "directory", str(here)
    yield "empty path", ""
    yield "no such file", str(here / "absent.onnx")
    yield "the null device", "/dev/null"
    yield "an endless device", "/dev/zero"
    yield "a NUL in the path", f"{here}/a\0b.onnx"
    yield "a name that is too long", str(here / ("x" * 300 + ".onnx"))
    yield "a path that is too long", str(here) + "/x" * 3000
    os.mkfifo(here / "fifo.onnx")
    yield "a pipe that nobody writes to", str(here / "fifo.onnx")
    with socket.socket(socket.AF_UNIX) as listener:
        _bind(listener, here, "socket.onnx")
    yield "a socket", str(here / "socket.onnx")
    (here / "dangling.onnx").symlink_to("absent.onnx")
    yield "a link to nothing", str(here / "dangling.onnx")
    (here / "loop.onnx").symlink_to("loop.onnx")
    yield "a link to itself", str(here / "loop.onnx")
    (here / "a-file").write_bytes(b"")
    yield "a path through a file", str(here / "a-file" / "model.onnx")
    for what, name in _STRANGE_NAMES.items():
        (here / name).write_bytes(good[:2000])
        yield what, str(here / name)
    for path in unreadable_models(here, good):
        yield f"no permission for {path.name}", str(path)
    for what, content in _crafted():
        (here / f"{what}.onnx").write_bytes(content)
        yield what, str(here / f"{what}.onnx")


_STRANGE_NAMES = {
    "a newline in the name": "line\nedgeai: another line.onnx",
    "terminal codes in the name": "\x1b[31mred\x07.onnx",
    "a name that is no UTF-8": os.fsdecode(b"caf\xe9.onnx"),
}


def _bind(listener: socket.socket, folder: Path, name: str) -> None:
    """Bind by a relative path: an address of a socket holds 108 bytes, temporary folders may take more."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        listener.bind(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)


def unreadable_models(folder: Path, content: bytes) -> tuple[Path, Path]:
    """A file and a file in a folder that their owner may not read; root and the owner's folder may."""
    file, closed = folder / "unreadable.onnx", folder / "closed"
    file.write_bytes(content)
    closed.mkdir()
    inner = closed / "inner.onnx"
    inner.write_bytes(content)
    file.chmod(0)
    closed.chmod(0)
    return file, inner


def _crafted() -> Iterator[tuple[str, bytes]]:
    """ONNX files that are sound protobuf and ask for what nobody can give."""
    from onnx import helper, numpy_helper

    relu = helper.make_node("Relu", ["x"], ["y"])
    yield "input-of-4-exabytes", onnx_model([relu], [1 << 30, 1 << 30])
    yield "input-of-80-gigabytes", onnx_model([relu], [20, 1000, 1000, 1000])
    yield "negative-size", onnx_model([relu], [-5, 3])
    sizes = numpy_helper.from_array(np.array([3, 1000, 1000, 1000]), "sizes")
    grow = helper.make_node("Expand", ["x", "sizes"], ["y"])
    yield "output-of-12-gigabytes", onnx_model([grow], [1], [sizes], outputs=[3, 1000, 1000, 1000])
    add = helper.make_node("Add", ["x", "w"], ["y"])
    for what, location in {"missing": "weights.bin", "outside": "../" * 9 + "etc/hostname"}.items():
        yield f"external-data-{what}", onnx_model([add], [4], [_external(location)])
    # Both uses of the input's name changed alike, so that the graph still hangs together.
    yield "name-is-no-utf8", onnx_model([relu], [3]).replace(b"\x01x", b"\x01\xf5")


def onnx_model(
    nodes: list[Any], shape: list[int], weights: list[Any] | None = None, outputs: list[int] | None = None
) -> bytes:
    """A model from x to y, float32."""
    from onnx import TensorProto, helper

    shapes = {"x": shape, "y": shape if outputs is None else outputs}
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", sides[:1], sides[1:], weights or [])
    opset = helper.make_opsetid("", 17)
    data: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    return data


def _external(location: str) -> Any:
    from onnx import TensorProto

    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    return weight


# --- The child that opens them ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of opening a file and running it once.

    kind: `ran`, `error` (an EdgeError), `other` (any other exception), `crash` (a signal) or `hang`.
    """

    kind: str
    said: str = ""
    """The message of an error; the exception or signal otherwise."""


class LoadChild:
    """A process that opens one file after the other; a new one where a library has taken it down."""

    def __init__(
        self, timeout_s: float = 30.0, *, root_becomes_nobody: bool = False, backend: str | None = None
    ) -> None:
        self._timeout_s = timeout_s
        self._code = "from tests.damaged_models import load_each, become_nobody; "
        self._code += "become_nobody(); " if root_becomes_nobody else ""
        self._code += f"load_each({backend!r})"
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, path: str) -> Outcome:
        """Open a model by `edgeai.load` in the child and run it once."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(path).encode() + b"\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], self._timeout_s)[0]:
            self.close()
            return Outcome("hang", f"no answer within {self._timeout_s:g} s")
        answer = process.stdout.readline()
        if answer:
            return Outcome(**json.loads(answer))
        code = process.wait()
        self.close()
        return Outcome("crash", signal.Signals(-code).name if code < 0 else f"exit code {code}")

    def close(self) -> None:
        """End the child."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with suppress(BrokenPipeError):
                process.communicate()

    def __enter__(self) -> LoadChild:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", self._code],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries print there what they like
        )
        return self._process


def become_nobody() -> None:
    """Permissions do not hold root back. What is imported later may lie in root's own home, so it is now."""
    for module in ("edgeai.session", "edgeai.backends.onnxruntime", "edgeai.cli", "edgeai_bench.cli"):
        importlib.import_module(module)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def load_each(backend: str | None) -> None:
    """Answer each path on standard input, as JSON, with an Outcome, as JSON."""
    limit_memory()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nothing that a library prints may mix with the answers
    for line in sys.stdin:
        answers.write(json.dumps(vars(_load_and_run(json.loads(line), backend))) + "\n")


def _load_and_run(path: str, backend: str | None) -> Outcome:

    import edgeai
    from edgeai.bundle import NUMPY_DTYPES
    from edgeai.errors import EdgeError

    try:
        with edgeai.load(path, threads=1, backend=backend) as session:
            feed = {}
            for spec in session.raw_inputs:
                # 48 is what the text models want of a free height; others take any size.
                shape = [size if isinstance(size, int) else 48 if axis else 1
                         for axis, size in enumerate(spec.shape)]  # fmt: skip
                if any(size < 0 for size in shape) or np.prod(shape, dtype=float) > 1e8:
                    return Outcome("error", f"{path}: not run: our array for {spec} would not fit")
                feed[spec.name] = np.zeros(shape, dtype=NUMPY_DTYPES[spec.dtype])
            session.run(feed, raw=True)
            # Through the quantization that the file states, which damage may have made absurd.
            session.run(
                {spec.name: feed[spec.name].astype(NUMPY_DTYPES[spec.dtype]) for spec in session.inputs}
            )
    except EdgeError as error:
        return Outcome("error", str(error))
    except Exception as error:
        return Outcome("other", f"{type(error).__name__}: {error}")
    return Outcome("ran")
