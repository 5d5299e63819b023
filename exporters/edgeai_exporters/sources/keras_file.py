"""A `.keras` file as a source."""

from __future__ import annotations

from pathlib import Path

from edgeai.errors import ExportError, ModelError, one_line
from edgeai.extras import require

from ..exported import Exported
from ..hashing import sha256_of
from .keras_backend import keras_on_torch
from .options import SourceOptions
from .writing import model_name


def open_keras(spec: str, folder: Path, options: SourceOptions) -> Exported:
    """Load a Keras 3 file without running code that it brings, and export the model.

    Raises ModelError for a damaged file, ExportError for one with Python code inside (Lambda layers) or
    layers of the user's own, which only a factory can build.
    """
    file = Path(spec)
    require("torch", "torch", "exporting Keras models")
    with keras_on_torch():
        keras = require("keras", "keras", "exporting Keras models")
    from .keras_model import export_keras
    from .torch_to_onnx import quiet

    name = model_name(file.stem)
    factory = "build it in a function, and give file.py:factory"
    try:
        with quiet():
            model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # of zipfile, h5py, json and Keras' own
        reason = one_line(str(error).strip().partition("\n")[0])
        if "safe" in str(error).lower() and "lambda" in str(error).lower():
            raise ExportError(
                f"{one_line(file)} has Python code in it (a Lambda layer), which is not run; {factory}"
            ) from error
        if "Could not locate class" in str(error) or "locate function" in str(error):
            raise ExportError(f"{one_line(file)} has layers of your own ({reason}); {factory}") from error
        raise ModelError(
            f"{one_line(file)} is damaged or no Keras 3 file ({reason}); save it again"
        ) from error
    return export_keras(
        model, name, folder, options, {"source": "keras", "file": file.name, "sha256": sha256_of(file)}
    )
