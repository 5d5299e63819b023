"""LiteRT's C API, as far as profiling needs it: ai-edge-litert ships it, and its Python has no profiler.

Declared in litert/c/*.h of google-ai-edge/LiteRT 2.3. The numbers of enumerations and the sizes of structs
are part of that ABI (LiteRT asserts them in the headers); functions return 0, or a status that says what
failed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ai_edge_litert
import numpy as np

from ..errors import BackendMissing, InputError, ModelError, RunError, one_line

if TYPE_CHECKING:
    from . import Array

_Handle = ctypes.c_void_p
_CPU = 1  # kLiteRtHwAcceleratorCpu
_WRITE = 1  # kLiteRtTensorBufferLockModeWrite
_MOST_DIMENSIONS = 8  # LITERT_TENSOR_MAX_RANK

OPERATOR, XNNPACK_OPERATOR = 1 << 1, 1 << 3
"""Kinds of events: OPERATOR_INVOKE_EVENT, DELEGATE_PROFILED_OPERATOR_INVOKE_EVENT."""
SCOPE = 1
"""DEFAULT: something around operators."""


class _TensorType(ctypes.Structure):
    """LiteRtRankedTensorType. flags: the rank in 7 bits, then whether there are strides."""

    _fields_ = (
        ("element_type", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("sizes", ctypes.c_int32 * _MOST_DIMENSIONS),
        ("strides", ctypes.c_uint32 * _MOST_DIMENSIONS),
    )


class _Event(ctypes.Structure):
    """ProfiledEventData; memory is tflite's MemoryUsage, three sizes."""

    _fields_ = (
        ("tag", ctypes.c_char_p),
        ("kind", ctypes.c_int32),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory_before", ctypes.c_uint64 * 3),
        ("memory_after", ctypes.c_uint64 * 3),
        ("index", ctypes.c_int64),
        ("graph", ctypes.c_int64),
        ("source", ctypes.c_int32),
    )


@dataclass(frozen=True)
class Event:
    """What the profiler noted down. start_us: 0 for operators inside XNNPACK, which only tell how long.

    index: of the operator, in its graph or in its part of XNNPACK. graph: which of the model's.
    """

    tag: str
    kind: int
    start_us: int
    elapsed_us: int
    index: int
    graph: int


class CompiledModel:
    """A model on the CPU with LiteRT's profiler. Raises ModelError, InputError and RunError."""

    def __init__(self, path: Path, threads: int, signature: str | None) -> None:
        self._lib, self._path = _library(), one_line(path)
        self._handles: list[tuple[str, Any]] = []
        environment = self._made("Environment", ctypes.c_int(0), None)
        self._environment = environment
        model = self._made("Model", environment, str(path).encode(), function="LiteRtCreateModelFromFile")
        options = self._made("Options")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, ctypes.c_int(_CPU))
        # What the C++ API writes (litert_runtime_options.cc, litert_cpu_options.cc): names, and TOML.
        self._add_options(options, b"runtime_options_string", b"enable_profiling = true\n")
        self._add_options(options, b"xnnpack", b"num_threads = %d\n" % threads)
        self._model = self._made("CompiledModel", environment, model, options)
        self._index, self._signature = self._find_signature(model, signature)
        self._profiler = self._got("LiteRtCompiledModelGetProfiler", self._model)
        self._names = {side: list(self._list_names(side)) for side in ("Input", "Output")}
        self._shapes: list[tuple[int, ...]] = []
        self._buffers: dict[str, Any] = {}

    def run(self, inputs: Mapping[str, Array]) -> list[Event]:
        """Run once under the profiler; the outputs are left where they are."""
        feeds = [np.ascontiguousarray(inputs[name.decode()]) for name in self._names["Input"]]
        shapes = [feed.shape for feed in feeds]
        if shapes != self._shapes:
            self._allocate(shapes)
        for buffer, feed in zip(self._buffers["Input"], feeds, strict=True):
            self._fill(buffer, feed)
        self._call("LiteRtResetProfiler", self._profiler)
        self._call("LiteRtStartProfiler", self._profiler)
        sides = []
        for side in ("Input", "Output"):
            sides += [ctypes.c_size_t(len(self._buffers[side])), self._buffers[side]]
        self._call("LiteRtRunCompiledModel", self._model, ctypes.c_size_t(self._index), *sides)
        self._call("LiteRtStopProfiler", self._profiler)
        return self._events()

    def close(self) -> None:
        """Free everything, the last made first."""
        while self._handles:
            kind, handle = self._handles.pop()
            destroy = getattr(self._lib, f"LiteRtDestroy{kind}")
            destroy.restype, destroy.argtypes = None, [_Handle]
            destroy(handle)

    def _events(self) -> list[Event]:
        count = ctypes.c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, ctypes.byref(count))
        found = (_Event * count.value)()
        if count.value:
            self._call("LiteRtGetProfilerEvents", self._profiler, count, found)
        return [
            Event(
                (each.tag or b"").decode("utf-8", "replace"),
                each.kind,
                each.start_us,
                each.elapsed_us,
                each.index,
                each.graph,
            )
            for each in found
        ]

    def _allocate(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Buffers for inputs of these shapes and what comes of them."""
        self._shapes = []
        for kind, handle in [each for each in self._handles if each[0] == "TensorBuffer"]:
            self._handles.remove((kind, handle))
            self._lib.LiteRtDestroyTensorBuffer(handle)
        types = [self._tensor_type("Input", name) for name in self._names["Input"]]
        for place, (type_, shape) in enumerate(zip(types, shapes, strict=True)):
            self._resize(place, type_, shape)
        self._buffers = {"Input": self._make_buffers("Input", types)}
        outputs = [self._tensor_type("Output", name) for name in self._names["Output"]]
        size = ctypes.sizeof(_TensorType) - ctypes.sizeof(ctypes.c_int32)
        layouts = (ctypes.c_char * (size * len(outputs)))()
        self._call(
            "LiteRtGetCompiledModelOutputTensorLayouts",
            self._model,
            ctypes.c_size_t(self._index),
            ctypes.c_size_t(len(outputs)),
            layouts,
            ctypes.c_bool(True),
        )
        for place, type_ in enumerate(outputs):
            ctypes.memmove(ctypes.addressof(type_) + 4, ctypes.addressof(layouts) + place * size, size)
        self._buffers["Output"] = self._make_buffers("Output", outputs)
        self._shapes = list(shapes)

    def _resize(self, place: int, type_: _TensorType, shape: tuple[int, ...]) -> None:
        rank = type_.flags & 0x7F
        declared = tuple(type_.sizes[:rank])
        if declared == shape:
            return
        if len(shape) != rank:
            raise InputError(
                f"{self._path}: input {place} has {rank} dimensions, the array given {len(shape)}"
            )
        self._call(
            "LiteRtCompiledModelResizeInputTensor",
            self._model,
            ctypes.c_size_t(self._index),
            ctypes.c_size_t(place),
            (ctypes.c_int * rank)(*shape),
            ctypes.c_size_t(rank),
        )
        type_.sizes[:rank] = list(shape)

    def _tensor_type(self, side: str, name: bytes) -> _TensorType:
        tensor = self._got(f"LiteRtGetSignature{side}Tensor", self._signature, name)
        type_ = _TensorType()
        self._call("LiteRtGetRankedTensorType", tensor, ctypes.byref(type_))
        return type_

    def _make_buffers(self, side: str, types: Sequence[_TensorType]) -> Any:
        handles = []
        for place, type_ in enumerate(types):
            index, place_ = ctypes.c_size_t(self._index), ctypes.c_size_t(place)
            needs = self._got(f"LiteRtGetCompiledModel{side}BufferRequirements", self._model, index, place_)
            handles.append(
                self._made(
                    "TensorBuffer",
                    self._environment,
                    ctypes.byref(type_),
                    needs,
                    function="LiteRtCreateManagedTensorBufferFromRequirements",
                )
            )
        return (_Handle * len(handles))(*handles)

    def _fill(self, buffer: Any, feed: Array) -> None:
        size = ctypes.c_size_t()
        buffer = _Handle(buffer)
        self._call("LiteRtGetTensorBufferPackedSize", buffer, ctypes.byref(size))
        if size.value != feed.nbytes:
            raise InputError(f"{self._path}: an input of {size.value} bytes was given {feed.nbytes}")
        address = _Handle()
        self._call("LiteRtLockTensorBuffer", buffer, ctypes.byref(address), ctypes.c_int(_WRITE))
        ctypes.memmove(address, feed.ctypes.data, feed.nbytes)
        self._call("LiteRtUnlockTensorBuffer", buffer)

    def _find_signature(self, model: Any, wanted: str | None) -> tuple[int, Any]:
        """Its place and handle. Raises InputError where the model has none of that name."""
        count = ctypes.c_size_t()
        self._call("LiteRtGetNumModelSignatures", model, ctypes.byref(count))
        for index in range(count.value):
            handle = self._got("LiteRtGetModelSignature", model, ctypes.c_size_t(index))
            if wanted is None or self._text("LiteRtGetSignatureKey", handle) == wanted.encode():
                return index, handle
        raise InputError(f"{self._path} has no signature {one_line(repr(wanted))}")

    def _list_names(self, side: str) -> Iterator[bytes]:
        count = ctypes.c_size_t()
        self._call(f"LiteRtGetNumSignature{side}s", self._signature, ctypes.byref(count))
        for place in range(count.value):
            yield self._text(f"LiteRtGetSignature{side}Name", self._signature, ctypes.c_size_t(place))

    def _add_options(self, options: Any, name: bytes, toml: bytes) -> None:
        libc = ctypes.CDLL(None)
        libc.strdup.restype = _Handle
        # LiteRT frees its copy of the text by itself.
        text, free = _Handle(libc.strdup(toml)), ctypes.cast(libc.free, _Handle)
        own = self._got("LiteRtCreateOpaqueOptions", name, text, free)
        self._call("LiteRtAddOpaqueOptions", options, own)

    def _made(self, kind: str, *arguments: Any, function: str = "") -> Any:
        """A handle that is destroyed in the end."""
        handle = self._got(function or f"LiteRtCreate{kind}", *arguments)
        self._handles.append((kind, handle))
        return handle

    def _got(self, function: str, *arguments: Any) -> Any:
        handle = _Handle()
        self._call(function, *arguments, ctypes.byref(handle))
        return handle

    def _text(self, function: str, *arguments: Any) -> bytes:
        text = ctypes.c_char_p()
        self._call(function, *arguments, ctypes.byref(text))
        return text.value or b""

    def _call(self, function: str, *arguments: Any) -> None:
        status = self._function(function)(*arguments)
        if status:
            error = ModelError if function.startswith("LiteRtCreate") else RunError
            raise error(f"{self._path}: LiteRT's {function.removeprefix('LiteRt')} failed (status {status})")

    def _function(self, name: str) -> Callable[..., int]:
        found = getattr(self._lib, name)
        found.restype = ctypes.c_int
        function: Callable[..., int] = found
        return function


def _library() -> ctypes.CDLL:
    file = Path(ai_edge_litert.__file__).with_name("libLiteRt.so")
    try:
        return ctypes.CDLL(str(file))
    except OSError as error:
        raise BackendMissing(
            f"LiteRT's profiler is in {file.name}, which does not load ({one_line(error)}); "
            "reinstall it: pip install 'edgeai[tflite]'"
        ) from error
