"""Fakes for tests of applications and of edgeai itself; they pass the same contract tests as the real ones.

model = write_fake_model(tmp_path / "fake.onnx", busy_s=0.02)
with edgeai.load(model, backend="edgeai.testing:FakeBackend") as session:
    session.run(array)

with PlayedRoot(Path("tests/boards/jetson-orin-nano"), steady(12.5), shows_w=9.25) as played:
    ...  # edgeai bench digits --root {played.path}
    played.joules(begin_s, end_s)
"""

from __future__ import annotations

from .fake_meter import FakeMeter
from .fakes import FakeBackend, FakeClock, FakeModel, FakeRunner, write_fake_model
from .played_root import PlayedRoot
from .power_traces import Cumulative, steady, swinging

__all__ = [
    "Cumulative",
    "FakeBackend",
    "FakeClock",
    "FakeMeter",
    "FakeModel",
    "FakeRunner",
    "PlayedRoot",
    "steady",
    "swinging",
    "write_fake_model",
]
