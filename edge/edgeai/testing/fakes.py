"""A backend, a model file and a clock that only pretend; see the package."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backends import lacks_providers
from ..bundle import TensorSpec
from ..errors import InputError, ModelError, ProviderError, SessionClosed

if TYPE_CHECKING:
    from ..backends import Array, RunOptions
    from ..bundle import Needs, Variant

# ONNX's first byte, so that the file passes for one, and a mark that no real file has.
_MAGIC = b"\x08edgeai-fake\n"


class FakeClock:
    """A clock that moves only when told: `clock()` gives nanoseconds, `advance` moves it.

    step_ns: added at every reading, to imitate the cost of reading a clock.
    """

    def __init__(self, step_ns: int = 0) -> None:
        self.now_ns = 0
        self._step_ns = step_ns

    def __call__(self) -> int:
        """Nanoseconds."""
        self.now_ns += self._step_ns
        return self.now_ns

    def advance(self, seconds: float) -> None:
        """Move on; also what to pass where a sleep is wanted."""
        self.now_ns += round(seconds * 1e9)


@dataclass(frozen=True)
class FakeModel:
    """What a fake model file describes: y = 2 x + 1, and what running it costs.

    shape: of `x` and `y`, both f32. busy_s: CPU time that a run burns. touch_bytes: memory that loading
    takes and keeps. load_s: time that loading sleeps. fail_at: `load` or `run` raises; crash_at: the process
    dies with SIGSEGV there; hang_at: it sleeps for ever there. noise: added to y, different in each process.
    """

    shape: tuple[int | str, ...] = ("N", 4)
    busy_s: float = 0.0
    touch_bytes: int = 0
    load_s: float = 0.0
    fail_at: str | None = None
    crash_at: str | None = None
    hang_at: str | None = None
    noise: float = 0.0


def write_fake_model(path: Path, **description: Any) -> Path:
    """Write a file that FakeBackend opens; keywords are FakeModel's fields."""
    model = FakeModel(**description)
    path.write_bytes(_MAGIC + json.dumps(asdict(model)).encode())
    return path


class FakeBackend:
    """A backend without a library; see `edgeai.backends.Backend`. Name it `edgeai.testing:FakeBackend`."""

    name = "fake"

    def version(self) -> str:
        """A fixed version."""
        return "1.0"

    def lacks(self, needs: Needs) -> str | None:
        """Runs on the CPU only."""
        return lacks_providers(needs, ("cpu",))

    def open(self, variant: Variant, options: RunOptions) -> FakeRunner:
        """Open a file of `write_fake_model`."""
        return FakeRunner(_read(variant.path), variant.path, options)


class FakeRunner:
    """A runner that computes y = 2 x + 1; see `edgeai.backends.Runner`."""

    provider = "cpu"
    provider_share: Mapping[str, float] = {"cpu": 1.0}

    def __init__(self, model: FakeModel, path: Path, options: RunOptions) -> None:
        for name in options.providers:
            if name != "cpu":
                raise ProviderError(f"this backend has no provider {name!r} (it has: cpu)")
        self._model, self._path = model, path
        self._is_closed = False
        self.inputs: tuple[TensorSpec, ...] = (TensorSpec("x", "f32", model.shape),)
        self.outputs: tuple[TensorSpec, ...] = (TensorSpec("y", "f32", model.shape),)
        self._noise = model.noise * (os.getpid() % 1000) / 1000
        self._happen("load")
        time.sleep(model.load_s)
        # Written to, because untouched pages are not resident.
        self._held = b"\1" * model.touch_bytes

    def run(self, inputs: Mapping[str, Array], out: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """See `Runner.run`."""
        import numpy as np

        self._refuse_closed()
        self._happen("run")
        busy_until = time.perf_counter() + self._model.busy_s
        value = np.asarray(2 * inputs["x"] + np.float32(1 + self._noise), dtype=np.float32)
        while time.perf_counter() < busy_until:
            pass
        if out and "y" in out:
            if out["y"].shape != value.shape:
                raise InputError(f"output 'y' is {list(value.shape)}, the array given {list(out['y'].shape)}")
            out["y"][...] = value
            value = out["y"]
        return {"y": value}

    def reset(self) -> None:
        """Nothing is kept."""
        self._refuse_closed()

    def close(self) -> None:
        """Free what was touched."""
        self._held = b""
        self._is_closed = True

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise SessionClosed(f"the session of {self._path} is closed; open it again with edgeai.load()")

    def _happen(self, where: str) -> None:
        if self._model.fail_at == where:
            raise ModelError(f"{self._path}: told to fail at {where}")
        if self._model.crash_at == where:
            os.kill(os.getpid(), signal.SIGSEGV)
        while self._model.hang_at == where:
            time.sleep(60)


def _read(path: Path) -> FakeModel:
    content = path.read_bytes()
    if not content.startswith(_MAGIC):
        raise ModelError(f"{path} is no fake model; write one with edgeai.testing.write_fake_model")
    fields: dict[str, Any] = json.loads(content[len(_MAGIC) :])
    shape: Sequence[int | str] = fields.pop("shape")
    return FakeModel(shape=tuple(shape), **fields)
