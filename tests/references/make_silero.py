"""Writes silero.json: what the package silero-vad itself says of Debian's recordings, frame by frame.

python -m tests.references.make_silero      # from the root; needs silero-vad 6.2.3 (torch), av
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import silero_vad
import torch

from tests.recordings import FOLDER, RATE_HZ, digest, recording
from tests.references.data import file_digest, float32s, write

FRAME = 512
SPEECH = "sounds/en_US_f_Allison/"
# Of 0.6 to 22 seconds: letters, digits, sentences; monkeys and silence, which are no speech.
NAMES = (
    "phonetic/m_p.g722",
    "letters/a.g722",
    "digits/2.g722",
    "digits/h-70.g722",
    "im-sorry.g722",
    "please-try-again.g722",
    "spy-dahdi.g722",
    "telephone-number.g722",
    "conf-kicked.g722",
    "from-unknown-caller.g722",
    "please-try-call-later.g722",
    "vm-repeat.g722",
    "feature-not-avail-line.g722",
    "confbridge-lock-no-join.g722",
    "vm-tmpexists.g722",
    "vm-intro.g722",
    "demo-thanks.g722",
    "vm-instructions.g722",
    "demo-echotest.g722",
    "tt-monkeys.g722",
    "silence/2.g722",
)
MUSIC = "moh/manolo_camp-morning_coffee.g722"
MUSIC_SECONDS = 20


def main() -> None:
    model = silero_vad.load_silero_vad(onnx=True)
    rows = [one(model, SPEECH + name, None) for name in NAMES]
    rows.append(one(model, MUSIC, MUSIC_SECONDS * RATE_HZ))
    made_with = {
        "silero-vad": "6.2.3",
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
    }
    write("silero.json", {"made_with": made_with, "frame": FRAME, "rate_hz": RATE_HZ, "recordings": rows})


def one(model: Any, path: str, limit: int | None) -> dict[str, Any]:
    """Probabilities of all frames of a recording, or of its first samples; the last is filled with zeros."""
    samples = recording(path)[:limit]
    sound = torch.from_numpy(samples.astype(np.float32) / 32768)
    probabilities = model.audio_forward(sound, RATE_HZ)[0].numpy()
    assert len(probabilities) == -(-len(samples) // FRAME)
    return {
        "path": path,
        "sha256": file_digest(FOLDER / path),
        "samples": len(samples),
        "samples_sha256": digest(samples),
        # The last of them heard zeros beyond the end, unless the samples are whole frames.
        "probabilities": float32s(probabilities),
        "speech": [[part["start"], part["end"]] for part in silero_vad.get_speech_timestamps(sound, model)],
        "stream": stream(model, sound),
    }


def stream(model: Any, sound: Any) -> list[list[Any]]:
    """What the package's iterator for streams says, of whole frames: [frame, "start" or "end", sample]."""
    iterator = silero_vad.VADIterator(model)
    events = []
    for frame in range(len(sound) // FRAME):
        event = iterator(sound[frame * FRAME : (frame + 1) * FRAME])
        events += [[frame, kind, sample] for kind, sample in (event or {}).items()]
    return events


if __name__ == "__main__":
    main()
