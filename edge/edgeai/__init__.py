"""edgeai runs machine-learning models on small devices and says what they cost there.

    import edgeai

    with edgeai.load("model.onnx") as session:
        outputs = session.run({"x": array})

Importing this package loads neither numpy nor a backend: a device pays for them when a model is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .device import DeviceProfile
    from .errors import EdgeError
    from .session import Session

__version__ = "0.1.0"
__all__ = ["load", "Session", "EdgeError", "__version__"]

# Found on first use, so that `import edgeai` stays light.
_LAZY = {"Session": "session", "EdgeError": "errors"}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'edgeai' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)


def load(
    path: str | os.PathLike[str],
    *,
    device: str | DeviceProfile | None = None,
    backend: str | None = None,
    threads: int | None = None,
    providers: Sequence[str] | None = None,
    signature: str | None = None,
    model: str | None = None,
    variant: str | None = None,
    steps: Mapping[str, Callable[..., Any]] | None = None,
    prepared: bool | None = None,
) -> Session:
    """Open a bundle or a model file on this device and return the session that runs it.

    path: a `.edge` bundle, packed or a folder, or a `.onnx` or `.tflite` file; the content decides, not the
        name. A packed bundle is unpacked once into the store (`edgeai store list`). A bare name such as
        "digits" is a model that comes with edgeai, unless there is a file of that name.
    device: profile to take defaults from, an id of `edgeai device list`; None detects this machine.
    backend: name of a backend (`onnxruntime`, `litert`, ...); None takes the device's first that reads the
        file. `module:Class` names an application's own.
    threads: intra-op threads; None takes what the device profile prefers, else the physical cores
        that this process may use.
    providers: execution providers in order (`["cuda", "cpu"]`); None takes the profile's. Without "cpu" in
        the list, a node that cannot run on them is an error.
    signature: which of a TFLite model's signatures to run; needed only where it has several.
    model: of a bundle's models the one to open, for arrays in and out; None opens all, with the pipeline.
    variant: id of the variant to run; None takes the first that this device can run. `Session.why` says which
        and why.
    steps: the application's own steps of the pipeline by name, such as {"acme.x@1": f}; each is called as
        f(value, **parameters). A class is made anew for every stream.
    prepared: whether to open what `edgeai prepare` made of this model on this device; None does so where that
        is there and agrees with the other arguments, False opens the file as it came, True raises NotPrepared
        where there is nothing that can be used. What is stale or damaged is left, with a warning.

    Raises: ModelNotFound, ModelError (damaged or unsupported file), BundleError (names what is wrong with a
    bundle), StoreError, BackendMissing and ExtraMissing (name the extra to install), ProviderError,
    UnknownDevice, UnknownBackend. All are EdgeError.
    """
    from .opening import open_session

    return open_session(
        path,
        device=device,
        backend=backend,
        threads=threads,
        providers=providers,
        signature=signature,
        model=model,
        variant=variant,
        steps=steps,
        prepared=prepared,
    )
