"""The table of peers: libraries that run a model, each by the shortest use of it that one writes by hand.

To add one: a file beside this one with `load(path, threads, settings) -> Loaded`, and one line in PEERS. The
file imports its library at its top; nobody imports the file before the peer's own process does.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass


@dataclass(frozen=True)
class PeerEntry:
    """One line of the table.

    module: the peer's file. library: its top module, to see without importing it whether it is there.
    package: what is installed. formats: what it is tried on. converts: whether the file has
        `convert(model, folder) -> Path`, which is run once, before anything is measured.
    """

    module: str
    library: str
    package: str
    formats: tuple[str, ...]
    converts: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether the library can be found; says nothing about whether it loads."""
        spec = importlib.util.find_spec(self.library)
        return spec is not None and spec.origin is not None

    @property
    def version(self) -> str | None:
        """Of the package; None where it is not there under that name."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None


PEERS: dict[str, PeerEntry] = {
    "onnxruntime": PeerEntry("edgeai_bench.peers.bare_onnxruntime", "onnxruntime", "onnxruntime", ("onnx",)),
    "litert": PeerEntry("edgeai_bench.peers.bare_litert", "ai_edge_litert", "ai-edge-litert", ("tflite",)),
    "openvino": PeerEntry("edgeai_bench.peers.bare_openvino", "openvino", "openvino", ("onnx", "tflite")),
    "mnn": PeerEntry("edgeai_bench.peers.bare_mnn", "MNN", "MNN", ("onnx", "tflite"), converts=True),
    "edgeai": PeerEntry("edgeai_bench.peers.by_edgeai", "edgeai", "edgeai", ("onnx", "tflite")),
}
BASE = {"onnx": "onnxruntime", "tflite": "litert"}
"""Whom everybody is held against, by the model's format."""
