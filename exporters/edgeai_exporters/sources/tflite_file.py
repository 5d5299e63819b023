"""A TFLite file as a source: to inspect it, or to quantize what is float in it."""

from __future__ import annotations

from pathlib import Path

import edgeai
from edgeai.errors import ModelError, UsageError, one_line
from edgeai.extras import require
from edgeai.graph import read_graph

from ..exported import Exported
from ..hashing import sha256_of
from .options import SourceOptions
from .writing import model_name, write_file


def open_tflite(spec: str, folder: Path, options: SourceOptions) -> Exported:
    """A copy of a TFLite file that LiteRT opens. Weights in fp16 stay so, with their DEQUANTIZE nodes.

    Raises ModelError for one that is damaged or that LiteRT does not open, UsageError for sizes.
    """
    require("ai_edge_litert", "tflite-export", "reading TFLite models")
    file = Path(spec)
    if options.shapes or options.dims:
        raise UsageError(
            f"{one_line(file)} has the sizes that it was converted with; leave --shape and --dim out"
        )
    graph = read_graph(file)
    name = model_name(file.stem)
    try:
        edgeai.load(
            file, backend="litert", signature=next(iter(graph.signatures), None), prepared=False
        ).close()
    except ModelError as error:
        raise ModelError(f"{one_line(file)} does not open in LiteRT: {error}") from error
    out = folder / f"{name}.tflite"
    write_file(out, file.read_bytes())
    provenance = {
        "source": "tflite",
        "file": file.name,
        "sha256": sha256_of(file),
        "signatures": list(graph.signatures),
        "done": [],
    }
    return Exported(name, "tflite", out, provenance=provenance)
