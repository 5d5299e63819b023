"""Times the nodes of a TFLite Interpreter, which has no profiler in Python, by standing around each of them.

An Interpreter lets a delegate (TfLiteDelegate of tflite/core/c/common.h, the interface of delegates that are
loaded from files) look at its nodes before it runs. The one here takes none of them: it puts a clock around
the function that runs each. So the Interpreter is the same that a session opens, with XNNPACK's parts in
it; what happens inside a part is not seen.
"""

from __future__ import annotations

import ctypes
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RunError, one_line
from ..graph.tflite_file import open_tflite, operator_name
from .profiling import OperatorRun, ProfiledRun, own_times
from .tflite import TfliteRunner

if TYPE_CHECKING:
    from . import Array, RunOptions

_Pointer = ctypes.c_void_p
_Call = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer)
"""TfLiteStatus invoke(TfLiteContext*, TfLiteNode*), and a delegate's Prepare(context, delegate)."""
_ALLOW_DYNAMIC = 1  # kTfLiteDelegateFlagsAllowDynamicTensors: no size is asked for here
_DELEGATE = 51  # kTfLiteBuiltinDelegate: a node that a delegate runs


class _Registration(ctypes.Structure):
    """The start of TfLiteRegistration: how a node is run."""

    _fields_ = (
        ("init", _Pointer),
        ("free", _Pointer),
        ("prepare", _Pointer),
        ("invoke", _Pointer),
        ("profiling_string", _Pointer),
        ("builtin_code", ctypes.c_int32),
        ("custom_name", ctypes.c_char_p),
    )


class _Node(ctypes.Structure):
    """The start of TfLiteNode. builtin_data: of a delegate's node, its TfLiteDelegateParams."""

    _fields_ = (
        ("inputs", _Pointer),
        ("outputs", _Pointer),
        ("intermediates", _Pointer),
        ("temporaries", _Pointer),
        ("user_data", _Pointer),
        ("builtin_data", _Pointer),
    )


_GetNode = ctypes.CFUNCTYPE(
    ctypes.c_int,
    _Pointer,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(_Node)),
    ctypes.POINTER(ctypes.POINTER(_Registration)),
)
_GetPlan = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.POINTER(_Pointer))


class _Context(ctypes.Structure):
    """The start of TfLiteContext."""

    _fields_ = (
        ("tensors_size", ctypes.c_size_t),
        ("get_execution_plan", _GetPlan),
        ("tensors", _Pointer),
        ("impl", _Pointer),
        ("resize_tensor", _Pointer),
        ("report_error", _Pointer),
        ("add_tensors", _Pointer),
        ("get_node_and_registration", _GetNode),
    )


class _Delegate(ctypes.Structure):
    """TfLiteDelegate."""

    _fields_ = (
        ("data", _Pointer),
        ("prepare", _Call),
        ("copy_from_buffer_handle", _Pointer),
        ("copy_to_buffer_handle", _Pointer),
        ("free_buffer_handle", _Pointer),
        ("flags", ctypes.c_int64),
        ("opaque_delegate_builder", _Pointer),
    )


class NodeProfiler:
    """See `profiling.Profiler`. why: this way and not another, for the scope."""

    method = "litert-nodes"
    resolution_s = 1e-6  # what a clock around a node takes itself, about; it is in the node's time

    def __init__(
        self, path: Path, make_interpreter: Callable[[], Any], options: RunOptions, why: str
    ) -> None:
        self.scope = (
            f"{why}, so that nodes of the interpreter are timed from outside: a part that XNNPACK runs is "
            "known as a whole, and each node holds about 1 µs of the clock around it"
        )
        self._path, self._names = path, operators_of(path)
        self._kept: list[Any] = []  # what the Interpreter calls, and must not be freed before it
        self._nodes: list[tuple[str, str, str]] = []
        self._graphs: list[int] = []
        self._seen: list[tuple[int, int, int]] = []
        self._runs: list[ProfiledRun] = []
        self._error: Exception | None = None
        # Watched before the runner asks for a signature: an Interpreter refuses to allocate beside one.
        self._runner = TfliteRunner(path, lambda: self._watched(make_interpreter()), options)

    def run(self, inputs: Mapping[str, Array]) -> None:
        """See `Profiler.run`."""
        self._seen.clear()
        begin_ns = time.perf_counter_ns()
        self._runner.run(inputs)
        latency_ns = time.perf_counter_ns() - begin_ns
        self._runs.append(ProfiledRun(self._operators(begin_ns), latency_ns * 1e-9))

    def finish(self) -> Sequence[ProfiledRun]:
        """See `Profiler.finish`."""
        self._runner.close()
        return self._runs

    def _watched(self, interpreter: Any) -> Any:
        """The Interpreter, after it has given XNNPACK its parts, with a clock around each node."""
        delegate = _Delegate(prepare=_Call(self._prepare), flags=_ALLOW_DYNAMIC)
        self._kept.append(delegate)
        interpreter.allocate_tensors()
        interpreter._interpreter.ModifyGraphWithDelegate(ctypes.addressof(delegate))  # noqa: SLF001
        interpreter.allocate_tensors()
        if self._error is not None or not self._nodes:
            why = one_line(self._error or "there are none")
            raise RunError(f"{one_line(self._path)}: its nodes cannot be watched: {why}")
        return interpreter

    def _prepare(self, context: int, _: int) -> int:
        """Called once for each graph, with the nodes that are left after other delegates."""
        try:
            if context in self._graphs:
                return 0
            self._graphs.append(context)
            api = ctypes.cast(context, ctypes.POINTER(_Context)).contents
            plan = _Pointer()
            api.get_execution_plan(context, ctypes.byref(plan))
            for index in _numbers(plan.value):
                node, registration = ctypes.POINTER(_Node)(), ctypes.POINTER(_Registration)()
                api.get_node_and_registration(context, index, ctypes.byref(node), ctypes.byref(registration))
                self._nodes.append(self._describe(index, node.contents, registration.contents))
                self._surround(len(self._nodes) - 1, registration.contents)
        except Exception as error:  # nothing may pass through the library's C++; `_watched` tells
            self._error = error
        return 0

    def _surround(self, place: int, registration: _Registration) -> None:
        invoke, seen, now = _Call(registration.invoke), self._seen, time.perf_counter_ns

        def timed(context: int, node: int) -> int:
            begin_ns = now()
            status: int = invoke(context, node)
            seen.append((place, begin_ns, now()))
            return status

        callback = _Call(timed)
        self._kept.append(callback)
        registration.invoke = ctypes.cast(callback, _Pointer).value

    def _describe(self, index: int, node: _Node, registration: _Registration) -> tuple[str, str, str]:
        """Type, name and provider of a node."""
        own = self._names[len(self._graphs) - 1]
        if registration.builtin_code != _DELEGATE:
            operator, name = own[index] if index < len(own) else ("unknown", f"node {index}")
            return operator, name, "cpu"
        # TfLiteDelegateParams: the delegate, then the nodes that it took over.
        replaced = _Pointer.from_address(node.builtin_data + ctypes.sizeof(_Pointer)).value
        counts = Counter(own[each][0] for each in _numbers(replaced) if each < len(own))
        held = ", ".join(f"{count} {name}" for name, count in counts.most_common())
        provider = "xnnpack" if b"XNNPack" in (registration.custom_name or b"") else "delegate"
        number = sum(name.startswith(f"{provider} part") for _, name, _ in self._nodes) + 1
        return f"{provider} part", f"{provider} part {number}: {held}", provider

    def _operators(self, begin_ns: int) -> tuple[OperatorRun, ...]:
        seen = sorted(self._seen, key=lambda each: (each[1], -each[2]))
        own = own_times([(begin, end - begin) for _, begin, end in seen])
        found = []
        for (place, begin, end), own_ns in zip(seen, own, strict=True):
            operator, name, provider = self._nodes[place]
            found.append(
                OperatorRun(
                    place=place,
                    name=name,
                    operator=operator,
                    provider=provider,
                    start_s=(begin - begin_ns) * 1e-9,
                    duration_s=(end - begin) * 1e-9,
                    own_s=own_ns * 1e-9,
                )
            )
        return tuple(found)


def operators_of(path: Path) -> list[list[tuple[str, str]]]:
    """Type and name, which is its first output's, of each operator of each graph. Raises ModelError."""
    found = []
    with open_tflite(path) as model:
        types = [operator_name(code) for code in model.tables(1)]
        for graph in model.tables(2):
            names = [tensor.text(3) for tensor in graph.tables(0)]
            found.append(
                [
                    _typed(types[each.number(0, "<I")], each.numbers(2, 1), names, index)
                    for index, each in enumerate(graph.tables(3))
                ]
            )
    return found


def _typed(type_: str, outputs: Sequence[int], names: Sequence[str], index: int) -> tuple[str, str]:
    name = names[outputs[0]] if outputs and 0 <= outputs[0] < len(names) else ""
    return type_, name or f"{type_} {index}"


def _numbers(address: int | None) -> list[int]:
    """The numbers of a TfLiteIntArray: how many, then they."""
    if address is None:
        return []
    count = ctypes.c_int.from_address(address).value
    return list((ctypes.c_int * count).from_address(address + ctypes.sizeof(ctypes.c_int)))
