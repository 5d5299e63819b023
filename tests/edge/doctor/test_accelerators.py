"""Backends and accelerators are tried, each in a process of its own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai.backends import BACKENDS, Entry
from edgeai.backends.probe import try_apart
from edgeai.doctor import examine, patient_here
from edgeai.doctor.provider_child import TINY
from tests.edge.doctor.make_tiny_model import tiny_model
from tests.edge.doctor.patients import only

# A library that lists accelerators as onnxruntime-gpu does on a machine without their drivers, and runs
# everything on the CPU. The real onnxruntime-gpu 1.23.2, 300 MB, was tried by hand on a machine without CUDA:
# both outcomes below are its own, and MISSING is what it wrote.
STUB = """
import sys
__version__ = "9.9"
class SessionOptions:
    def add_session_config_entry(self, key, value): pass
def get_available_providers():
    return {listed!r}
class _Value:
    name, type, shape = "x", "tensor(float)", [1, 3, 8, 8]
class _Group:
    ep_name = {ran!r}
    def get_nodes(self): return [1, 2]
class InferenceSession:
    def __init__(self, path, settings, providers, enable_fallback):
        {opening}
    def get_inputs(self): return [_Value]
    def get_outputs(self): return [_Value]
    def get_provider_graph_assignment_info(self): return [_Group()]
    def run(self, names, inputs): return [0]
"""
MISSING = (
    "[E:onnxruntime:Default, provider_bridge_ort.cc:2167 TryGetProviderInfo_CUDA] Failed to load library "
    "libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open shared object file: "
    "No such file or directory"
)


def stub(
    folder: Path, listed: list[str], *, ran: str = "CPUExecutionProvider", opening: str = "pass"
) -> None:
    """Write an onnxruntime that is found before the real one."""
    package = folder / "onnxruntime"
    (package / "capi").mkdir(parents=True)
    (package / "__init__.py").write_text(STUB.format(listed=listed, ran=ran, opening=opening))
    (package / "capi/__init__.py").touch()
    (package / "capi/onnxruntime_pybind11_state.py").write_text("class InvalidArgument(Exception): pass\n")


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which libraries are found first, by this process and by its children."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    return tmp_path


def test_the_tiny_model_is_what_its_script_makes() -> None:
    assert TINY.read_bytes() == tiny_model()


def test_the_tiny_model_runs_here_on_the_cpu() -> None:
    tried = try_apart("from edgeai.doctor.provider_child import run_on; run_on('cpu')")
    assert (tried.output, tried.problem) == ('{"cpu": 1.0}', None)


def test_the_providers_of_this_machine_are_all_fine() -> None:
    assert examine(patient_here(), ["backends", "accelerators"]) == ()


def test_a_provider_that_is_listed_and_runs_no_node_is_broken(front: Path) -> None:
    stub(
        front,
        ["CUDAExecutionProvider", "AzureExecutionProvider", "CPUExecutionProvider"],
        opening=f"sys.stderr.write({MISSING!r})",
    )
    finding = only(patient_here(), "accelerators")
    assert finding.severity == "broken"
    assert finding.what == (
        "the provider cuda is listed by ONNX Runtime and runs no node of a tiny model: "
        "libcublasLt.so.12: cannot open shared object file: No such file or directory"
    )


@pytest.mark.parametrize(
    ("opening", "reason"),
    [
        ("raise RuntimeError('CUDA failure 35: driver version is insufficient')", "CUDA failure 35"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
    ],
)
def test_a_provider_that_does_not_open_a_model_is_broken(front: Path, opening: str, reason: str) -> None:
    stub(front, ["TensorrtExecutionProvider", "CPUExecutionProvider"], opening=opening)
    finding = only(patient_here(), "accelerators")
    assert finding.severity == "broken"
    assert "the provider tensorrt is listed by ONNX Runtime and does not open a model: " in finding.what
    assert reason in finding.what


def test_a_provider_that_runs_nodes_is_fine(front: Path) -> None:
    stub(front, ["CUDAExecutionProvider", "CPUExecutionProvider"], ran="CUDAExecutionProvider")
    assert examine(patient_here(), ["accelerators"]) == ()


def test_an_accelerator_that_fails_beside_one_that_works_is_a_warning(front: Path) -> None:
    stub(
        front,
        ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
        ran="CUDAExecutionProvider",
        opening="if providers[0][0] == 'T': raise RuntimeError('TensorRT not found')",
    )
    finding = only(patient_here(), "accelerators")
    assert (finding.severity, "tensorrt" in finding.what) == ("warning", True)


def test_a_library_that_does_not_load_is_broken_and_its_accelerators_are_unknown(front: Path) -> None:
    stub(front, [])
    (front / "onnxruntime/__init__.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    backends, accelerators = examine(patient_here(), ["backends", "accelerators"])
    assert (backends.severity, accelerators.severity) == ("broken", "unknown")
    assert backends.what == "onnxruntime does not load: killed by SIGILL (the wheel is built for another CPU)"
    assert backends.mend == "reinstall it: pip install 'edgeai[onnx]'"


def test_a_python_without_any_backend_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, entry in list(BACKENDS.items()):
        monkeypatch.setitem(
            BACKENDS, name, Entry(entry.target, entry.formats, entry.extra, f"no_{entry.module}")
        )
    finding = only(patient_here(), "backends")
    assert (finding.severity, finding.what) == ("broken", "no backend is installed")
    assert "pip install 'edgeai[onnx]'" in finding.mend


def test_a_board_whose_accelerator_no_provider_serves_is_a_warning() -> None:
    from edgeai.device import load_profile

    here = patient_here()
    profile = replace(here.device.profile, accelerators=load_profile("jetson-orin-nano").accelerators)
    patient = replace(here, device=replace(here.device, profile=profile))
    finding = only(patient, "accelerators")
    assert (finding.severity, "lists no provider for it" in finding.what) == ("warning", True)
