"""Writes basic_pitch.json: the notes that the package basic-pitch itself finds in `samples.pieces()`.

    python -m tests.references.make_basic_pitch
                # from the root; needs basic-pitch 0.4.0 (--no-deps), librosa, pretty_midi, mir_eval, resampy

`defaults` is what `predict` gives. `plain` leaves out its two guesses, onsets out of rises of the frames'
activation and notes without an onset ("melodia trick"), which need the whole piece and which `notes@1` has
not. Each note: start and end in s, MIDI number, mean activation.
"""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path
from typing import Any

import basic_pitch
import numpy as np
import onnxruntime
from basic_pitch.inference import Model, run_inference
from basic_pitch.note_creation import model_output_to_notes

from tests.references.data import write
from tests.references.samples import RATE_HZ, pieces

MODEL = Path(basic_pitch.__file__).parent / "saved_models/icassp_2022/nmp.onnx"
# Those of `predict`: 127.7 ms are 11 frames.
SETTINGS: dict[str, Any] = {"onset_thresh": 0.5, "frame_thresh": 0.3, "min_note_len": 11}


def main() -> None:
    model, rows = Model(MODEL), []
    for name, samples in pieces().items():
        with tempfile.TemporaryDirectory() as folder:
            output = run_inference(save(Path(folder) / "piece.wav", samples), model)
        copies = [{key: value.copy() for key, value in output.items()} for _ in range(2)]
        rows.append(
            {
                "name": name,
                "defaults": notes(copies[0]),
                "plain": notes(copies[1], infer_onsets=False, melodia_trick=False),
            }
        )
    made_with = {"basic-pitch": "0.4.0", "onnxruntime": onnxruntime.__version__, "numpy": np.__version__}
    write("basic_pitch.json", {"made_with": made_with, "rate_hz": RATE_HZ, "pieces": rows})


def save(path: Path, samples: Any) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def notes(output: Any, **more: bool) -> list[list[float]]:
    _, found = model_output_to_notes(output, **SETTINGS, **more)
    rows = [[round(float(a), 4), round(float(b), 4), int(p), round(float(s), 4)] for a, b, p, s, _ in found]
    return sorted(rows, key=lambda row: (row[0], row[2]))


if __name__ == "__main__":
    main()
