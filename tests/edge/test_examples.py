"""Every program in edge/examples runs on a real bundle and says what it should."""

from __future__ import annotations

import re
import subprocess
import sys
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edgeai.included import included_path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "edge/examples"
BUNDLES = ROOT / "benchmarks/bundles"
SENTENCES = BUNDLES / "silero-vad/golden/two-sentences.wav"
WAKE = BUNDLES / "okay-nabu/golden/okay-nabu.wav"
FACE = BUNDLES / "face/golden/drawn.png"
PAGE = BUNDLES / "ocr/golden/page.png"


def run(program: str, *words: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """The program as a user starts it; warnings are errors there too."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / program), *map(str, words)],
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return subprocess.CompletedProcess(done.args, 0, done.stdout.decode(), done.stderr.decode())


def test_a_digit_is_told_by_the_model_that_comes_with_edgeai(tmp_path: Path) -> None:
    with zipfile.ZipFile(included_path("digits")) as bundle:
        bundle.extract("golden/digit.png", tmp_path)
    picture = tmp_path / "golden/digit.png"
    assert run("digit.py", picture).stdout == f"{picture}: 0, 100%\n"


def test_voice_activity_says_when_somebody_speaks(public_bundle: Callable[[str], Path]) -> None:
    done = run("voice_activity.py", public_bundle("silero-vad"), SENTENCES)
    assert done.stdout == "0.67 s to 2.05 s: speech, 100%\n2.82 s to 3.94 s: speech, 100%\n"


def test_wake_word_listens_to_standard_input(public_bundle: Callable[[str], Path]) -> None:
    with wave.open(str(WAKE), "rb") as file:
        samples = file.readframes(file.getnframes())
    done = run("wake_word.py", public_bundle("okay-nabu"), stdin=samples)
    assert re.fullmatch(r"1\.5\d s: okay nabu\n|1\.6\d s: okay nabu\n", done.stdout)


def test_faces_are_framed(public_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    done = run("faces.py", public_bundle("face"), FACE, tmp_path / "framed.png")
    assert done.stdout == "88%: 104 x 104 pixels at 180, 76\n"
    with Image.open(FACE) as before, Image.open(tmp_path / "framed.png") as after:
        assert after.size == before.size
        assert after.getpixel((180, 130)) != before.getpixel((180, 130))


def test_a_page_is_read_line_by_line(public_bundle: Callable[[str], Path]) -> None:
    done = run("read_page.py", public_bundle("ocr"), PAGE)
    lines = ["Pump 4 stopped at 08:15.", "Pressure 2.7 bar, limit 3.1", "Call the night shift!"]
    assert done.stdout.splitlines() == lines
    assert re.search(r"^texts: \d+\.\d ms$", done.stderr, re.MULTILINE)


def test_file_types_are_named(public_bundle: Callable[[str], Path]) -> None:
    sample, program = BUNDLES / "magika/golden/blink.c", EXAMPLES / "file_type.py"
    done = run("file_type.py", public_bundle("magika"), sample, program, PAGE)
    assert [line.rpartition(",")[0] for line in done.stdout.splitlines()] == [
        f"{sample}: c",
        f"{program}: python",
        f"{PAGE}: png",
    ]


def test_notes_become_a_table(public_bundle: Callable[[str], Path]) -> None:
    done = run("notes.py", public_bundle("basic-pitch"), BUNDLES / "basic-pitch/golden/fifth.wav")
    rows = [line.split(",") for line in done.stdout.splitlines()]
    assert rows[0] == ["note", "start_s", "end_s", "score"]
    assert [row[:3] for row in rows[1:]] == [["C4", "0.0", "1.5"], ["G4", "0.0", "1.5"]]


def test_a_camera_that_is_too_fast_has_frames_dropped_and_counted(
    public_bundle: Callable[[str], Path],
) -> None:
    frames = [FACE, PAGE] * 10
    done = run("live_camera.py", public_bundle("face"), *frames)
    answers = [re.fullmatch(r"([\d.]+) s: ([01]) faces", line) for line in done.stdout.splitlines()]
    assert all(answers)
    times_s = [float(answer[1]) for answer in answers if answer]
    assert times_s == sorted(times_s)
    dropped = re.search(r"^(\d+) of 20 frames dropped$", done.stderr, re.MULTILINE)
    assert dropped
    assert len(answers) + int(dropped[1]) == 20
    assert answers


def test_two_streams_hear_what_each_is_given(public_bundle: Callable[[str], Path]) -> None:
    done = run("two_streams.py", public_bundle("silero-vad"), SENTENCES, WAKE)
    assert sorted(done.stdout.splitlines()) == sorted(
        [
            f"{SENTENCES}: somebody speaks at 0.67 s",
            f"{SENTENCES}: somebody speaks at 2.82 s",
            f"{WAKE}: somebody speaks at 0.71 s",
        ]
    )


def test_a_step_of_ones_own_runs_behind_a_model(public_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    bundle = tmp_path / "doorbell.edge"
    manifest, files = EXAMPLES / "doorbell.json", tmp_path / "face"
    # The three commands of the README.
    for command in (
        ["-m", "zipfile", "-e", public_bundle("face"), files],
        ["-m", "edgeai", "bundle", "--manifest", manifest, "--files", files, "-o", bundle],
    ):
        subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True)
    assert run("own_step.py", bundle, FACE).stdout == "1 at the door, 0 further away\n"


@pytest.mark.parametrize("program", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_is_short_listed_and_tested(program: Path) -> None:
    assert len(program.read_text().splitlines()) <= 20
    assert f"[{program.name}]" in (EXAMPLES / "README.md").read_text()
    assert f'run("{program.name}"' in Path(__file__).read_text()
