"""The public models give right answers through `edgeai.load`, not just fast ones.

Every input is made here (rendered text, a drawn face, synthetic sound, real files), so that each answer is
known. What a model wants of its input is as its package's own code prepares it.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageDraw, ImageFont

import edgeai
from edgeai_bench.suites import PackageSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from edgeai.session import Session

    Array = NDArray[Any]
    PublicModel = Callable[[str], Path]


@pytest.fixture
def load(public_model: PublicModel) -> Iterator[Callable[[str], Session]]:
    """Opens a model of the public suite by its id, on one thread; closes it after the test."""
    opened: list[Session] = []

    def open_one(model_id: str) -> Session:
        opened.append(edgeai.load(public_model(model_id), threads=1))
        return opened[-1]

    yield open_one
    for session in opened:
        session.close()


# --- Text: PP-OCR ----------------------------------------------------------------------------------------

FONT = ImageFont.load_default(size=32)  # Aileron, which ships inside Pillow


def render(text: str) -> Image.Image:
    """One line of black text on white, 48 pixels high as the recogniser wants it."""
    left, _, right, _ = FONT.getbbox(text)
    image = Image.new("RGB", (int(right - left) + 8, 48), "white")
    ImageDraw.Draw(image).text((4, 24), text, fill="black", font=FONT, anchor="lm")
    return image


def as_ocr_input(image: Image.Image) -> Array:
    """[1, 3, height, width], blue first (OpenCV's order), from -1 to 1."""
    pixels = np.asarray(image, np.float32)[..., ::-1].transpose(2, 0, 1) / 255
    return np.ascontiguousarray((pixels - 0.5) / 0.5)[np.newaxis]


def pad_width(pixels: Array, width: int) -> Array:
    """Zeros to the right, which is how the package fills up a batch."""
    return np.pad(pixels, ((0, 0), (0, 0), (0, 0), (0, width - pixels.shape[3])))


@pytest.fixture
def characters(public_model: PublicModel) -> list[str]:
    """The characters that the recogniser knows, by class: the blank of CTC first and the space last."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(public_model("ppocr-rec"), options)
    known = session.get_modelmeta().custom_metadata_map["character"]
    return ["", *known.split("\n"), " "]


def decode(classes: Array, characters: list[str]) -> str:
    """Greedy CTC: repeated classes once, then without the blanks, which are the empty string."""
    first = np.concatenate([[True], classes[1:] != classes[:-1]])
    return "".join(characters[index] for index in classes[first])


LINES = [
    "Hello, edge device!",
    "Raspberry Pi 5: 27.6 ms",
    "ONNX Runtime 1.23.2",
    "The quick brown fox",
    "serial no. 8841-ZX/09",
    "Total: $1,024.50",
]


@pytest.mark.parametrize("text", LINES)
def test_the_recogniser_reads_exactly_what_was_written(
    load: Callable[[str], Session], characters: list[str], text: str
) -> None:
    (scores,) = load("ppocr-rec").run(as_ocr_input(render(text))).values()
    assert decode(scores[0].argmax(axis=1), characters) == text


def test_the_recogniser_reads_a_padded_batch_as_it_reads_single_lines(
    load: Callable[[str], Session], characters: list[str]
) -> None:
    lines = [as_ocr_input(render(text)) for text in LINES]
    width = max(line.shape[3] for line in lines)
    batch = np.concatenate([pad_width(line, width) for line in lines])
    (scores,) = load("ppocr-rec").run(batch).values()
    assert [decode(classes, characters) for classes in scores.argmax(axis=2)] == LINES


@pytest.mark.parametrize("text", LINES)
def test_the_classifier_tells_a_line_that_is_upside_down(load: Callable[[str], Session], text: str) -> None:
    session = load("ppocr-cls")
    image = render(text).resize((192, 48))
    for degrees, wanted in ((0, 0), (180, 1)):
        (scores,) = session.run(as_ocr_input(image.rotate(degrees))).values()
        assert scores[0].argmax() == wanted


def test_the_detector_finds_each_line_of_a_page_and_nothing_else(load: Callable[[str], Session]) -> None:
    page = Image.new("RGB", (320, 320), "white")
    draw = ImageDraw.Draw(page)
    tops = (40, 150, 250)
    written = []
    for top, text in zip(tops, ("First line of text", "second", "Third line, 3"), strict=True):
        draw.text((20, top), text, fill="black", font=FONT)
        written.append(draw.textbbox((20, top), text, font=FONT))
    (map_,) = load("ppocr-det").run(as_ocr_input(page)).values()
    is_text = map_[0, 0] > 0.3  # the package's threshold
    edges = np.flatnonzero(np.diff(is_text.any(axis=1), prepend=False, append=False)).reshape(-1, 2)
    assert len(edges) == 3
    for (top, bottom), (left, above, right, below) in zip(edges, written, strict=True):
        columns = np.flatnonzero(is_text[top:bottom].any(axis=0))
        # The network is trained on boxes that are shrunk by about a fifth of a line's height on each side.
        assert above <= top < bottom <= below
        assert left <= columns[0] <= left + 12
        assert right - 12 <= columns[-1] <= right


# --- Files: magika ---------------------------------------------------------------------------------------

MAGIKA_CONFIG = (
    PackageSource("pypi", "magika", "1.0.3"),
    "magika/models/standard_v3_3/config.min.json",
    "ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db",
)


@pytest.fixture
def file_types(package_file: Callable[[PackageSource, str, str], Path]) -> list[str]:
    config = json.loads(package_file(*MAGIKA_CONFIG).read_text())
    assert (config["beg_size"], config["end_size"], config["block_size"]) == (1024, 1024, 4096)
    assert config["padding_token"] == 256
    labels: list[str] = config["target_labels_space"]
    return labels


def as_magika_input(content: bytes) -> Array:
    """1024 bytes of either end of a file, without the white space around them, padded with 256."""
    begin = content[:4096].lstrip()[:1024]
    end = content[-4096:].rstrip()[-1024:]
    return np.array([[*begin, *[256] * (1024 - len(begin)), *[256] * (1024 - len(end)), *end]], np.int32)


def image_file(format_: str) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, format_)
    return file.getvalue()


def zip_file() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("notes.txt", "edge devices\n" * 100)
        archive.writestr("more.txt", "more of them\n" * 100)
    return file.getvalue()


ROOT = Path(__file__).parents[2]
FILES: dict[str, Callable[[], bytes]] = {
    "python": Path(__file__).read_bytes,
    "toml": (ROOT / "pyproject.toml").read_bytes,
    "makefile": (ROOT / "Makefile").read_bytes,
    "markdown": (ROOT / "benchmarks" / "suites" / "README.md").read_bytes,
    "txt": (ROOT / "LICENSE").read_bytes,
    "elf": Path(sys.executable).read_bytes,
    "png": lambda: image_file("PNG"),
    "jpeg": lambda: image_file("JPEG"),
    "zip": zip_file,
    "gzip": lambda: gzip.compress(b"edge devices\n" * 100, mtime=0),
    "json": lambda: json.dumps({"models": [{"id": "one", "shape": [1, 3]}] * 20}, indent=1).encode(),
}


@pytest.mark.parametrize("kind", FILES)
def test_magika_names_real_files(load: Callable[[str], Session], file_types: list[str], kind: str) -> None:
    (scores,) = load("magika").run(as_magika_input(FILES[kind]())).values()
    assert file_types[scores[0].argmax()] == kind


def test_magika_knows_an_onnx_file(
    load: Callable[[str], Session], file_types: list[str], public_model: PublicModel
) -> None:
    (scores,) = load("magika").run(as_magika_input(public_model("magika").read_bytes())).values()
    assert file_types[scores[0].argmax()] == "onnx"


# --- Notes: basic-pitch ----------------------------------------------------------------------------------

# MIDI numbers of C4, E4, G4. No chord here has an octave: its overtones are the same as those of one note.
C_MAJOR = (60, 64, 67)
LOWEST_KEY = 21  # of a piano, A0: the first of the 88 columns


def chord(notes: tuple[int, ...]) -> Array:
    """Two seconds, at 22,050 Hz and [1, 43844, 1], of notes that decay, each of five harmonics."""
    time_s = np.arange(43844) / 22050
    sound = sum(
        np.sin(2 * np.pi * harmonic * 440 * 2 ** ((note - 69) / 12) * time_s) / harmonic
        for note in notes
        for harmonic in range(1, 6)
    ) * np.exp(-time_s)
    return (0.8 * sound / np.abs(sound).max()).astype(np.float32)[np.newaxis, :, np.newaxis]


# The TFLite file names its outputs; those of the ONNX file go by the table in basic_pitch/inference.py.
ONNX_OUTPUTS = {
    "note": "StatefulPartitionedCall:1",
    "onset": "StatefulPartitionedCall:2",
    "contour": "StatefulPartitionedCall:0",
}


@pytest.mark.parametrize("notes", [C_MAJOR, (45,), (57, 60, 64)], ids=["C major", "low A", "A minor"])
def test_basic_pitch_hears_exactly_the_notes_of_a_chord(
    load: Callable[[str], Session], notes: tuple[int, ...]
) -> None:
    found = load("basic-pitch-onnx").run(chord(notes))[ONNX_OUTPUTS["note"]][0]
    steady = found[20:140].mean(axis=0) > 0.5
    assert tuple(np.flatnonzero(steady) + LOWEST_KEY) == notes


@pytest.mark.parametrize("sound", ["chord", "noise", "silence"])
def test_basic_pitch_gives_the_same_as_onnx_and_as_tflite(load: Callable[[str], Session], sound: str) -> None:
    noise = np.random.default_rng(7).uniform(-0.5, 0.5, (1, 43844, 1)).astype(np.float32)
    samples = {"chord": chord(C_MAJOR), "noise": noise, "silence": np.zeros_like(noise)}[sound]
    onnx, tflite = load("basic-pitch-onnx").run(samples), load("basic-pitch-tflite").run(samples)
    assert tflite.keys() == ONNX_OUTPUTS.keys()
    for name, onnx_name in ONNX_OUTPUTS.items():
        np.testing.assert_allclose(tflite[name], onnx[onnx_name], rtol=0, atol=1e-5)


# --- Faces: BlazeFace ------------------------------------------------------------------------------------


def drawn_face() -> Image.Image:
    image = Image.new("RGB", (128, 128), (200, 210, 220))
    draw = ImageDraw.Draw(image)
    draw.ellipse((34, 20, 94, 108), fill=(224, 172, 140))
    draw.pieslice((32, 10, 96, 80), 180, 360, fill=(60, 40, 30))  # hair
    for x in (52, 76):
        draw.ellipse((x - 7, 52, x + 7, 62), fill="white")
        draw.ellipse((x - 3, 54, x + 3, 61), fill=(40, 25, 20))
        draw.rectangle((x - 9, 45, x + 9, 48), fill=(60, 40, 30))  # brow
    draw.polygon([(64, 58), (58, 78), (70, 78)], fill=(200, 145, 115))
    draw.ellipse((52, 84, 76, 92), fill=(170, 70, 70))
    return image


def as_face_input(image: Image.Image) -> Array:
    """[1, 128, 128, 3] from -1 to 1."""
    return (np.asarray(image, np.float32) / 127.5 - 1)[np.newaxis]


def face_scores(logits: Array) -> Array:
    """Probability at each of the 896 anchors; clipped as the package does, against overflow of exp."""
    return 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80)))


def onnx_logits(outputs: dict[str, Array]) -> Array:
    """The ONNX twin gives the 512 anchors of its fine layer and the 384 of its coarse one apart."""
    return np.concatenate([outputs["Identity:0"], outputs["Identity_1:0"]], axis=1)


def test_the_face_detector_tells_a_face_from_none(load: Callable[[str], Session]) -> None:
    session = load("face-tflite")
    blank = Image.new("RGB", (128, 128), (200, 210, 220))
    assert face_scores(session.run(as_face_input(drawn_face()))["classificators"]).max() > 0.8
    assert face_scores(session.run(as_face_input(blank))["classificators"]).max() < 0.1


@pytest.mark.parametrize("picture", ["face", "noise"])
def test_the_face_detector_gives_the_same_scores_as_its_onnx_twin(
    load: Callable[[str], Session], picture: str
) -> None:
    noise = np.random.default_rng(7).uniform(-1, 1, (1, 128, 128, 3)).astype(np.float32)
    pixels = as_face_input(drawn_face()) if picture == "face" else noise
    tflite = face_scores(load("face-tflite").run(pixels)["classificators"])
    onnx = face_scores(onnx_logits(load("face-onnx").run(pixels)))
    assert tflite.shape == (896,)
    np.testing.assert_allclose(tflite, onnx, rtol=0, atol=5e-5)


# --- Speech: silero --------------------------------------------------------------------------------------

# The first three formants of five vowels in Hz (Peterson and Barney 1952, men).
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))


def vowels(seconds: float) -> Array:
    """Speech-like sound at 16 kHz: a buzzing voice of 100 to 140 Hz through formants that change."""
    time_s = np.arange(int(16000 * seconds)) / 16000
    pitch_hz = 120 + 20 * np.sin(2 * np.pi * 3 * time_s)
    pulses = np.diff(np.floor(np.cumsum(pitch_hz) / 16000), prepend=0)
    pulses += 0.01 * np.random.default_rng(0).standard_normal(len(pulses))  # breath
    decay = np.exp(-np.pi * 90 / 16000)  # resonances 90 Hz wide
    sound = pulses.tolist()
    for formant in range(3):
        before, last = 0.0, 0.0
        for index, value in enumerate(sound):
            turn = 2 * decay * np.cos(2 * np.pi * VOWELS[index // 1920 % 5][formant] / 16000)
            before, last = last, value * (1 - turn + decay**2) + turn * last - decay**2 * before
            sound[index] = last
    loud = np.array(sound) * (0.5 - 0.5 * np.cos(2 * np.pi * 4 * time_s))  # four syllables a second
    return (0.5 * loud / np.abs(loud).max()).astype(np.float32)


def speech_probabilities(session: Session, sound: Array) -> Array:
    """Of each 512 samples, fed with the state and the 64 samples before, as the package's wrapper does."""
    state, context = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32)
    found = []
    for start in range(0, len(sound) - 511, 512):
        block = np.concatenate([context, sound[start : start + 512]])
        outputs = session.run({"input": block[np.newaxis], "state": state, "sr": np.array(16000)})
        state, context = outputs["stateN"], block[-64:]
        found.append(outputs["output"].item())
    return np.array(found)


def test_silero_tells_a_voice_from_silence_and_from_noise(load: Callable[[str], Session]) -> None:
    session = load("silero-vad")
    noise = (0.05 * np.random.default_rng(1).standard_normal(32000)).astype(np.float32)
    assert np.median(speech_probabilities(session, vowels(3))) > 0.5
    assert speech_probabilities(session, np.zeros(32000, np.float32)).max() < 0.1
    assert speech_probabilities(session, noise).max() < 0.1


# --- Wake word: okay_nabu --------------------------------------------------------------------------------


# Energies by moment (rows) and band, low to high (columns). Smoothed to 90 frames of 40 bands, the model
# fires at their end. Found by hill climbing on its answer: a voice would need a front end.
WAKE_WORD_SKETCH = (
    (120, 120, 120, -60, -120, -80, -120, -110),
    (70, 120, -120, 120, 120, 120, 120, 60),
    (120, 120, 50, 120, 80, 120, -120, -80),
    (-110, 60, -10, 100, 120, -30, -120, -120),
    (-120, 10, -100, 90, 20, -50, -120, -90),
    (-50, -110, -70, -120, -110, -70, -50, 20),
)


def wake_word_features() -> Array:
    """int8 [30, 1, 3, 40]: what 30 runs of the model take, three frames of 10 ms each."""
    rows = [np.interp(np.linspace(0, 7, 40), range(8), row) for row in WAKE_WORD_SKETCH]
    bands = [np.interp(np.linspace(0, 5, 90), range(6), band) for band in np.transpose(rows)]
    return np.rint(np.transpose(bands)).astype(np.int8).reshape(30, 1, 3, 40)


def wake_word_probabilities(session: Session) -> list[int]:
    """Of each run, from 0 to 255 as the file stores it."""
    outputs = [session.run(step, raw=True) for step in wake_word_features()]
    return [values.item() for output in outputs for values in output.values()]


def test_the_wake_word_fires_only_at_the_end_of_what_it_listens_for(load: Callable[[str], Session]) -> None:
    probabilities = wake_word_probabilities(load("okay-nabu"))
    assert max(probabilities[:18]) < 10
    assert probabilities[-1] > 200


def test_the_wake_word_remembers_until_it_is_reset(load: Callable[[str], Session]) -> None:
    session = load("okay-nabu")
    first = wake_word_probabilities(session)
    again = wake_word_probabilities(session)
    assert (first[0], again[0] > 200) == (0, True)
    session.reset()
    assert wake_word_probabilities(session) == first
