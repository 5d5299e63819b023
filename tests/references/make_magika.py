"""Writes magika.json: what the package magika itself says of `samples.contents()`.

python -m tests.references.make_magika      # from the root; needs magika 1.0.3
"""

from __future__ import annotations

import hashlib
from typing import Any

import onnxruntime
from magika import Magika

from tests.references.data import write
from tests.references.samples import contents


def main() -> None:
    magika = Magika()
    rows = [one(magika, name, content) for name, content in contents().items()]
    write(
        "magika.json",
        {"made_with": {"magika": "1.0.3", "onnxruntime": onnxruntime.__version__}, "files": rows},
    )


def one(magika: Any, name: str, content: bytes) -> dict[str, Any]:
    """label: the model's. answer: the package's, behind its thresholds and exceptions."""
    said = magika.identify_bytes(content).prediction
    return {
        "name": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "label": str(said.dl.label),
        "score": round(float(said.score), 6),
        "answer": str(said.output.label),
    }


if __name__ == "__main__":
    main()
