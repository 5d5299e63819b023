"""The form of a model that OpenVINO has compiled for this CPU: it loads without being optimised again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .openvino_blob import write_blob
from .openvino_compiled import compile_file
from .openvino_signature import read_signature

if TYPE_CHECKING:
    from pathlib import Path

    from ..bundle import Variant
    from . import RunOptions

_MAIN = "compiled.openvino"


def make_blob(variant: Variant, options: RunOptions, folder: Path) -> Path:
    """Compile a file and keep what came of it; threads are set when it is opened. Raises ModelError."""
    signature = read_signature(variant, options.signature).with_sizes(options.tuning.sizes)
    main = folder / _MAIN
    write_blob(main, compile_file(variant.path, signature, options), signature)
    return main
