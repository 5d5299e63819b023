"""The table of backends, and what each of them has to offer.

To add one: one file beside this one with a class that follows `Backend`, and one line in BACKENDS.
`tests/edge/backends/test_contract.py` picks it up from the table.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..errors import BackendMissing, ModelError, UnknownBackend, one_line
from .tuning import Tuning

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeAlias

    from numpy.typing import NDArray

    from ..bundle import Needs, TensorSpec, Variant

    Array: TypeAlias = NDArray[Any]


class Entry(NamedTuple):
    """One line of the table: what is known of a backend before its library is loaded."""

    target: str
    """`module:Class`, imported only when the backend is chosen."""
    formats: tuple[str, ...]
    extra: str
    """What to install: `pip install 'edgeai[EXTRA]'`."""
    module: str
    """The library's top module, to see without importing it whether it is there."""
    last_python: tuple[int, int] | None = None
    """The last Python that the library has wheels for, where it has ended."""
    on_request: bool = False
    """Whether it runs a model only where it is asked for: by name, by a device's profile, or as prepared."""

    @property
    def hint(self) -> str:
        """How to get the library on this Python."""
        if self.last_python is not None and sys.version_info[:2] > self.last_python:
            return "'edgeai[{}]' needs Python {}.{} or older".format(self.extra, *self.last_python)
        return f"pip install 'edgeai[{self.extra}]'"


# In order of preference among those that read the same format.
BACKENDS: dict[str, Entry] = {
    "onnxruntime": Entry("edgeai.backends.onnxruntime:OnnxRuntime", ("onnx",), "onnx", "onnxruntime"),
    "litert": Entry("edgeai.backends.litert:LiteRt", ("tflite",), "tflite", "ai_edge_litert"),
    "tflite-runtime": Entry(
        "edgeai.backends.tflite_legacy:TfliteLegacy", ("tflite",), "tflite-legacy", "tflite_runtime", (3, 11)
    ),
    "openvino": Entry(
        "edgeai.backends.openvino:OpenVino", ("onnx", "tflite"), "openvino", "openvino", on_request=True
    ),
}


class RunOptions(NamedTuple):
    """How a runner is opened.

    threads: intra-op threads, at least 1.
    providers: execution providers asked for, in order, by short name; one that is absent is an error.
    preferred_providers: used as far as they are there, where none is asked for; the CPU is always behind.
    signature: name of the signature to run; None where the model has one.
    cache: a file beside the model that this backend made of it for this device, see `forms`.
    """

    threads: int = 1
    providers: tuple[str, ...] = ()
    preferred_providers: tuple[str, ...] = ()
    signature: str | None = None
    tuning: Tuning = Tuning()
    cache: Path | None = None


class Runner(Protocol):
    """An opened model. Arrays in and out are raw: what the file's tensors hold."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def provider(self) -> str | None:
        """Short name of the provider that runs most nodes; None while that is not known yet."""

    @property
    def provider_share(self) -> Mapping[str, float]:
        """Share of the model's nodes that each provider runs; empty while that is not known yet."""

    def run(self, inputs: Mapping[str, Array], out: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Outputs by name, in arrays that the caller owns.

        inputs: every input by name, already of the right dtype and a shape that fits the signature.
        out: arrays of the right dtype and shape, C-contiguous and writable, to write outputs into.
        Raises RunError, or InputError where a symbolic shape does not suit the model.
        """

    def reset(self) -> None:
        """Forget state kept inside the model; nothing to do for a model without."""

    def close(self) -> None:
        """Free the model. Nothing is called afterwards."""


class Backend(Protocol):
    """A library that runs models."""

    name: str

    def version(self) -> str:
        """The library's version."""

    def lacks(self, needs: Needs) -> str | None:
        """Which of a variant's needs this library cannot meet here, versions apart; None where it can."""

    def open(self, variant: Variant, options: RunOptions) -> Runner:
        """Open a model. Raises ModelError (damaged, unsupported) or ProviderError."""


def load_backend(name: str) -> Backend:
    """Import a backend by its name in the table, or by `module:Class` for an application's own.

    Raises UnknownBackend, or BackendMissing with the extra that brings it.
    """
    target, hint = name, "check the name and sys.path"
    if not is_own(name):
        entry = _entry(name)
        target, hint = entry.target, entry.hint
    module, _, cls = target.partition(":")
    try:
        backend: Backend = getattr(importlib.import_module(module), cls)()
    except (ImportError, AttributeError, TypeError) as error:
        raise BackendMissing(f"backend {name} does not load ({one_line(error)}); {hint}") from error
    if not (hasattr(backend, "open") and hasattr(backend, "version")):
        raise BackendMissing(f"{name} is no backend: it has no open() and version(); {hint}")
    return backend


def is_own(name: str) -> bool:
    """Whether a name is `module:Class`, an application's own backend."""
    module, _, cls = name.partition(":")
    return cls.isidentifier() and all(part.isidentifier() for part in module.split("."))


def is_installed(name: str) -> bool:
    """Whether the backend's library can be found; says nothing about whether it loads."""
    spec = importlib.util.find_spec(_entry(name).module)
    return spec is not None and spec.origin is not None  # a mere folder of that name has no origin


def choose_backend(format_: str, preferred: tuple[str, ...] = ()) -> str:
    """The name of the first installed backend that reads a format, the preferred ones first.

    Raises ModelError where no backend reads the format, BackendMissing where none of them is installed.
    """
    readers = backends_for(format_, preferred)
    if not readers:
        raise ModelError(f"no backend reads the format {format_}")
    ordered = [name for name in preferred if name in readers] + readers
    for name in ordered:
        if is_installed(name):
            return name
    raise BackendMissing(missing(format_))


def backends_for(format_: str, preferred: Collection[str] = ()) -> list[str]:
    """Names of the backends that run a format unless another is asked for, in the table's order.

    preferred: the device's, among which are those that run only on request.
    """
    return [
        name
        for name, entry in BACKENDS.items()
        if format_ in entry.formats and (not entry.on_request or name in preferred)
    ]


def missing(format_: str) -> str:
    """What to say where no backend that reads a format is installed."""
    hints = (BACKENDS[name].hint for name in backends_for(format_))
    there = [
        name
        for name, entry in BACKENDS.items()
        if entry.on_request and format_ in entry.formats and is_installed(name)
    ]
    others = f"; or ask for {', '.join(there)} by name" if there else ""
    return f"no backend for {format_} is installed; {' or '.join(hints)}{others}"


def lacks_providers(needs: Needs, available: Sequence[str]) -> str | None:
    """What to say where none of the providers that a variant runs on is there."""
    if not needs.providers or set(needs.providers) & set(available):
        return None
    return f"needs one of the providers {', '.join(needs.providers)}; here is {', '.join(available)}"


def unused_providers(asked: Sequence[str], share: Mapping[str, float]) -> list[str]:
    """Short names of accelerators asked for that run no node; empty while the shares are not known."""
    short = [name.lower().removesuffix("executionprovider") for name in asked]
    return [name for name in short if name not in {"cpu", *share}] if share else []


def _entry(name: str) -> Entry:
    try:
        return BACKENDS[name]
    except KeyError:
        raise UnknownBackend(
            f"no backend is called {one_line(name)!r}; known: {', '.join(BACKENDS)}, or module:Class"
        ) from None
