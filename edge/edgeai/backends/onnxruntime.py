"""ONNX Runtime: explicit threads, providers asked for and providers that really run nodes."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from ..bundle import ANY, TensorSpec, list_specs
from ..errors import InputError, ModelError, ProviderError, ProviderUnused, RunError, SessionClosed, one_line
from . import lacks_providers
from .onnxruntime_tuning import apply_tuning

if TYPE_CHECKING:
    from ..bundle import Needs, Variant
    from . import Array, RunOptions

# ONNX Runtime's exceptions share no base class; which of them exist differs between versions.
_ERROR_NAMES = (
    "EngineError",
    "EPFail",
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "ModelLoaded",
    "ModelLoadCanceled",
    "ModelRequiresCompilation",
    "NoModel",
    "NoSuchFile",
    "NotFound",
    "NotImplemented",
    "RuntimeException",
)
ORT_ERRORS: tuple[type[Exception], ...] = (
    *(getattr(ort_state, name) for name in _ERROR_NAMES if hasattr(ort_state, name)),
    # What the bindings make of C++'s own exceptions (pybind11's and nanobind's tables).
    RuntimeError,
    ValueError,
    MemoryError,
    OverflowError,
    IndexError,
    TypeError,
)

_DTYPES = {
    "tensor(float16)": "f16",
    "tensor(float)": "f32",
    "tensor(double)": "f64",
    "tensor(int8)": "i8",
    "tensor(int16)": "i16",
    "tensor(int32)": "i32",
    "tensor(int64)": "i64",
    "tensor(uint8)": "u8",
    "tensor(uint16)": "u16",
    "tensor(uint32)": "u32",
    "tensor(uint64)": "u64",
    "tensor(bool)": "bool",
    "tensor(string)": "str",
    "tensor(complex64)": "c64",
    "tensor(complex128)": "c128",
}

_CPU = "CPUExecutionProvider"
# 4 is FATAL: everything below is raised as an exception anyway and need not be printed by the library too.
_LOG_FATAL_ONLY = 4
# Binding an output costs about 10 µs a run, copying it about 10 µs per 100 kB (measured on x86): below this
# size the outputs are copied into the caller's arrays. Strings cannot be bound; their arrays are small.
_BINDING_PAYS_BYTES = 128 * 1024
_RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"


class OnnxRuntime:
    """The backend; see `edgeai.backends.Backend`."""

    name = "onnxruntime"

    def version(self) -> str:
        """Version of the onnxruntime package."""
        return str(ort.__version__)

    def lacks(self, needs: Needs) -> str | None:
        """See `Backend.lacks`."""
        if needs.ir is not None and not reads_ir(needs.ir):
            return f"needs ONNX IR version {needs.ir}, which ONNX Runtime {self.version()} does not read"
        return lacks_providers(needs, available_providers())

    def open(self, variant: Variant, options: RunOptions) -> OnnxRuntimeRunner:
        """Open an ONNX file with explicit threads and providers."""
        if options.signature is not None:
            raise InputError(f"{one_line(variant.path)} is ONNX, which has no signatures; leave it out")
        return OnnxRuntimeRunner(variant.path, options)


class OnnxRuntimeRunner:
    """One `InferenceSession`; safe to run from several threads at once, as ONNX Runtime is."""

    def __init__(self, path: Path, options: RunOptions, *, profile: Path | None = None) -> None:
        """profile: a folder for ONNX Runtime's profile of all runs; see `onnxruntime_profile`."""
        name = one_line(path)
        wanted = resolve_providers(options.providers) or _present(options.preferred_providers)
        self.wanted = tuple(map(short_name, wanted))
        """Providers in the order in which nodes were offered to them."""
        # Only where nodes may land elsewhere is there a question about where they landed.
        only_cpu = wanted == [_CPU]
        records = not only_cpu and hasattr(ort.InferenceSession, "get_provider_graph_assignment_info")
        needs_trace = not (only_cpu or records or profile)
        self._trace = _trace_folder(self) if needs_trace else None
        self._trace_lock = threading.Lock()
        settings = session_options(options.threads, trace=self._trace if profile is None else str(profile))
        if records:
            settings.add_session_config_entry(_RECORD_ASSIGNMENT, "1")
        apply_tuning(settings, options.tuning, options.threads)
        if _CPU not in wanted:
            settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            session = _open_session(str(path), settings, wanted, may_fall_back=not options.providers)
        except ORT_ERRORS as error:
            if _CPU not in wanted and "fallback" in str(error):
                raise ProviderError(
                    f"{name}: some nodes cannot run on {', '.join(options.providers)} "
                    f"({short_message(error)}); "
                    "add 'cpu' to the providers to let those run there"
                ) from error
            raise ModelError(f"{name} cannot be loaded by ONNX Runtime: {short_message(error)}") from error
        self._session: Any = session
        self._name = name
        self.inputs = tuple(_spec(name, arg) for arg in session.get_inputs())
        self.outputs = tuple(_spec(name, arg) for arg in session.get_outputs())
        self._output_names = [spec.name for spec in self.outputs]
        self._nodes: Counter[str] = Counter()
        if records:
            for group in session.get_provider_graph_assignment_info():
                self._nodes[short_name(group.ep_name)] += len(group.get_nodes())
        elif only_cpu:
            self._nodes["cpu"] = 1

    @property
    def provider(self) -> str | None:
        """The provider with the most nodes; None until the first run where only a trace can tell."""
        return max(self._nodes, key=lambda name: self._nodes[name]) if self._nodes else None

    @property
    def provider_share(self) -> Mapping[str, float]:
        """Share of the nodes by provider: of assigned ones, or in older versions of those seen to run."""
        return {name: count / self._nodes.total() for name, count in self._nodes.items()}

    def run(self, inputs: Mapping[str, Array], out: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """See `Runner.run`. With `out` the outputs are bound, so that none is copied."""
        session = self._open_session()
        try:
            if out and _binding_pays(out):
                return self._run_bound(session, inputs, out)
            values = session.run(self._output_names, inputs)
        except ORT_ERRORS as error:
            raise self._run_error(error) from error
        if self._trace is not None:
            self._read_trace()
        outputs = dict(zip(self._output_names, values, strict=False))  # ONNX Runtime gives one value a name
        for name, array in (out or {}).items():
            if array.shape != outputs[name].shape:
                raise InputError(
                    f"{self._name}: output {name!r} is {list(outputs[name].shape)}, "
                    f"the array given {list(array.shape)}"
                )
            array[...] = outputs[name]
            outputs[name] = array
        return outputs

    def reset(self) -> None:
        """An ONNX model keeps no state between runs; nothing to do but to say that it is closed."""
        self._open_session()

    def close(self) -> None:
        """Drop the session; ONNX Runtime frees it with the last reference, after runs that are under way."""
        if self._trace is not None:
            self._read_trace()
        self._session = None

    def end_profile(self) -> list[dict[str, Any]]:
        """The events of all runs so far, of a runner that was opened with `profile`."""
        return _read_events(self._open_session())

    def _open_session(self) -> Any:
        session = self._session
        if session is None:
            raise SessionClosed(f"the session of {self._name} is closed; open it again with edgeai.load()")
        return session

    def _run_bound(
        self, session: Any, inputs: Mapping[str, Array], out: Mapping[str, Array]
    ) -> dict[str, Array]:
        binding = session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        for name in self._output_names:
            if name in out:
                array = out[name]
                binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            else:
                binding.bind_output(name)
        session.run_with_iobinding(binding)
        if self._trace is not None:
            self._read_trace()
        pairs = zip(self._output_names, binding.get_outputs(), strict=True)
        return {name: out[name] if name in out else value.numpy() for name, value in pairs}

    def _run_error(self, error: Exception) -> InputError | RunError:
        """A shape that the model's own arithmetic refuses is the caller's input; all else is a failed run."""
        text = short_message(error)
        if isinstance(error, ort_state.InvalidArgument) or not all(s.is_static for s in self.inputs):
            return InputError(
                f"{self._name}: ONNX Runtime refused these inputs: {text}; "
                f"the model wants {list_specs(self.inputs)}"
            )
        return RunError(f"{self._name}: ONNX Runtime failed while running: {text}")

    def _read_trace(self) -> None:
        """End the profile of the first run and count its nodes by provider."""
        with self._trace_lock:  # two first runs at once would both end the profile
            trace, self._trace = self._trace, None
        if trace is None:
            return
        events = _read_events(self._session)
        _remove(trace)
        seen = {
            (event["name"], event["args"]["provider"])
            for event in events
            if event.get("cat") == "Node" and event.get("args", {}).get("provider")
        }
        self._nodes.update(short_name(provider) for _, provider in seen)


@cache
def reads_ir(version: int) -> bool:
    """Whether this build reads an ONNX IR version: asked of the library itself, with the smallest model."""
    if version > 127:  # more than one byte as protobuf spells it, and far from any that there is
        return False
    try:
        ort.InferenceSession(_smallest_model(version), session_options(1, None), providers=[_CPU])
    except ORT_ERRORS:
        return False
    return True


def _smallest_model(ir_version: int) -> bytes:
    """y = Identity(x) of one float, as protobuf spells it; the numbers are onnx.proto's field numbers."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    def number(number: int, value: int) -> bytes:
        return bytes([number << 3, value])

    tensor = field(2, field(1, number(1, 1) + field(2, b"")))  # TypeProto.tensor_type: a float
    node = field(1, b"x") + field(2, b"y") + field(4, b"Identity")
    names = field(11, field(1, b"x") + tensor) + field(12, field(1, b"y") + tensor)
    graph = field(1, node) + field(2, b"g") + names
    return number(1, ir_version) + field(7, graph) + field(8, number(2, 13))


def available_providers() -> tuple[str, ...]:
    """Short names of the providers that this build of ONNX Runtime carries."""
    return tuple(short_name(name) for name in ort.get_available_providers())


def resolve_providers(names: Iterable[str]) -> list[str]:
    """ONNX Runtime's names for short or full names, in the order given.

    Raises ProviderError for one that this build does not carry.
    """
    available = list(ort.get_available_providers())
    chosen = []
    for name in names:
        found = next((full for full in available if name.lower() in {full.lower(), short_name(full)}), None)
        if found is None:
            have = ", ".join(short_name(full) for full in available)
            raise ProviderError(
                f"this build of ONNX Runtime {ort.__version__} has no provider {name!r} (it has: {have}); "
                "install a build that carries it (on a Jetson: NVIDIA's wheel)"
            )
        chosen.append(found)
    return list(dict.fromkeys(chosen))


def _present(preferred: Iterable[str]) -> list[str]:
    """Those of a profile's providers that this build carries, with the CPU behind them."""
    present = set(available_providers())
    return list(dict.fromkeys([*resolve_providers(name for name in preferred if name in present), _CPU]))


def short_name(provider: str) -> str:
    """`CPUExecutionProvider` -> `cpu`."""
    return provider.removesuffix("ExecutionProvider").lower()


# Of those that trace alone, which few loads do: the imports take longer than many a model's opening.


def _trace_folder(owner: object) -> str:
    """A new folder, which goes at the latest with its owner."""
    import tempfile

    folder = tempfile.mkdtemp(prefix="edgeai-trace-")
    weakref.finalize(owner, _remove, folder)
    return folder


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _read_events(session: Any) -> list[dict[str, Any]]:
    import json

    events: list[dict[str, Any]] = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return events


def _binding_pays(out: Mapping[str, Array]) -> bool:
    if any(array.dtype.hasobject for array in out.values()):
        return False
    return sum(array.nbytes for array in out.values()) >= _BINDING_PAYS_BYTES


def _open_session(path: str, settings: Any, wanted: list[str], *, may_fall_back: bool) -> Any:
    """Open with the providers wanted; where the profile and not the user wants them, a driver that does not
    work is a warning, and the CPU runs the model."""
    try:
        return ort.InferenceSession(path, settings, providers=wanted, enable_fallback=0)
    except ORT_ERRORS as error:
        if not may_fall_back or wanted == [_CPU]:
            raise
        session = ort.InferenceSession(path, settings, providers=[_CPU], enable_fallback=0)
        names = ", ".join(short_name(name) for name in wanted if name != _CPU)
        warnings.warn(
            f"{one_line(path)}: {names} failed and the CPU runs the model: {short_message(error)}",
            ProviderUnused,
            stacklevel=2,
        )
        return session


def session_options(threads: int, trace: str | None) -> Any:
    """Explicit threads: ONNX Runtime's own pinning fails in containers and cpusets."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = _LOG_FATAL_ONLY
    if trace is not None:
        settings.enable_profiling = True
        settings.profile_file_prefix = str(Path(trace) / "trace")
    return settings


def _spec(model: str, arg: Any) -> TensorSpec:
    try:
        name, kind, sizes = arg.name, arg.type, arg.shape
    except UnicodeDecodeError:  # protobuf hands over what the file holds
        raise ModelError(f"{model} is damaged: the name of an input or output is not UTF-8") from None
    dtype = _DTYPES.get(kind)
    if dtype is None:
        raise ModelError(f"{model}: {name!r} is a {one_line(kind)}; only tensors are supported")
    # Paddle's exporter writes "?" for a free dimension, others None: both are free and unrelated.
    shape = tuple(size if isinstance(size, int) else (size or ANY) for size in sizes)
    return TensorSpec(name, dtype, shape)


def short_message(error: Exception) -> str:
    """The library's message on one line, at a length that can be read."""
    # The bindings cannot decode a message that quotes a damaged name, but they hand it over in the error.
    quoted = error.object.decode("utf-8", "replace") if isinstance(error, UnicodeDecodeError) else None
    return one_line(" ".join((quoted or str(error)).split()))
