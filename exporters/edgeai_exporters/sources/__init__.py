"""Where a model comes from: every kind of source gives one float model file, checked against the original.

exported = open_source("net.py:build", folder, SourceOptions(example=Path("inputs.npz")))
exported.path, exported.reference
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from edgeai.errors import UsageError, one_line

from ..exported import Exported
from .choice import choose
from .options import SourceOptions

Opener: TypeAlias = Callable[[str, Path, SourceOptions], Exported]


@dataclass(frozen=True)
class Source:
    """A row of the table. opener: `module:function`. help: what it reads, in one line."""

    opener: str
    help: str

    def load_opener(self) -> Opener:
        """The function that reads such a source: (spec, folder, options) -> Exported."""
        module, _, function = self.opener.partition(":")
        opener: Opener = getattr(importlib.import_module(module, __package__), function)
        return opener


# A source is one file and a line here; `choice.choose` says which row a spec belongs to.
SOURCES: dict[str, Source] = {
    "onnx": Source(".onnx_file:open_onnx", "an .onnx file, its weights inside or beside it"),
    "tflite": Source(".tflite_file:open_tflite", "a .tflite file, to inspect or to quantize"),
    "python": Source(".python_factory:open_factory", "file.py:factory or module:factory, PyTorch or Keras"),
    "torch": Source(".torch_program:open_program", "a .pt2 file of torch.export.save"),
    "hf": Source(".hf:open_hf", "a Hugging Face folder or hub id, exported directly"),
    "optimum": Source(".optimum_onnx:open_optimum", "a Hugging Face folder or hub id, exported by optimum"),
    "litert-torch": Source(".litert_torch:open_litert_torch", "PyTorch straight to TFLite, by --via alone"),
    "keras": Source(".keras_file:open_keras", "a .keras file of Keras 3"),
}


def open_source(spec: str, folder: Path, options: SourceOptions | None = None) -> Exported:
    """Make one float model file of a source, in `folder`, and compare it with the original.

    spec: a file, a folder, `file.py:factory`, `module:factory` or a hub id; `options.via` names the row of
        `SOURCES` where it does not tell. folder: is made; a file in it is whole or not there.
    Raises ModelNotFound, ModelError (damaged or no model), ExportError (cannot be exported, or the exported
    file differs from the original), UnsupportedOperator, ExtraMissing, UsageError. All are EdgeError.
    """
    options = options or SourceOptions()
    name = options.via or choose(spec)
    if name not in SOURCES:
        raise UsageError(f"no source is called {one_line(name)!r}; give one of: {', '.join(SOURCES)}")
    opener = SOURCES[name].load_opener()
    folder.mkdir(parents=True, exist_ok=True)
    return opener(spec, folder, options)
