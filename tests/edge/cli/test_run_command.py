"""`edgeai run` as a user calls it: lines, errors, pipes, memory, and what it loads."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import real_bundles
from tests.command import call

EDGEAI = [sys.executable, "-m", "edgeai"]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))


@pytest.fixture
def colors(tmp_path: Path) -> Path:
    return real_bundles.pack(real_bundles.classifier(tmp_path / "colors"), tmp_path / "colors.edge")


@pytest.fixture
def loudness(tmp_path: Path) -> Path:
    return real_bundles.loudness(tmp_path / "loudness")


# What is printed.


def test_a_picture_gives_one_json_line(colors: Path, tmp_path: Path) -> None:
    picture = real_bundles.picture(tmp_path / "green.png", "green")
    done = call("run", colors, picture)
    assert (done.code, done.err) == (0, "")
    (line,) = done.lines
    assert 0 < line.pop("latency_s") < 10
    assert line == {
        "source": str(picture),
        "result": [
            {"label": "green", "score": 0.9993},
            {"label": "red", "score": 0.0003},
            {"label": "blue", "score": 0.0003},
        ],
    }


def test_a_folder_gives_a_line_for_each_picture_in_the_order_in_which_people_count(
    colors: Path, tmp_path: Path
) -> None:
    for number, color in ((10, "blue"), (2, "green"), (1, "red")):
        real_bundles.picture(tmp_path / f"photos/{number}.png", color)
    done = call("run", colors, tmp_path / "photos", "--top", "1")
    assert [line["result"][0]["label"] for line in done.lines] == ["red", "green", "blue"]
    assert all(len(line["result"]) == 1 for line in done.lines)


def test_sound_gives_a_line_for_each_event_with_times_of_the_source(loudness: Path, tmp_path: Path) -> None:
    real_bundles.sound(tmp_path / "a.wav", [(0.2, 0.3), (1.4, 1.5)], 2.0)
    real_bundles.sound(tmp_path / "b.wav", [(0.5, 0.6)], 1.0)
    done = call("run", loudness, tmp_path / "*.wav")
    found = [(Path(line["source"]).name, line["start_s"], line["end_s"]) for line in done.lines]
    assert found == [("a.wav", 0.2, 0.21), ("a.wav", 1.4, 1.41), ("b.wav", 0.5, 0.51)]
    assert done.lines[0]["result"] == {"event": "loud", "start_s": 0.2, "end_s": 0.21, "score": 0.5}


def test_texts_are_run_line_by_line_from_a_pipe(tmp_path: Path) -> None:
    bundle = real_bundles.mood(tmp_path / "mood")
    done = subprocess.run(
        [*EDGEAI, "run", str(bundle), "-"],
        input=b"good good good\n\nbad\n",
        capture_output=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["source"], line["result"][0]["label"]) for line in lines] == [
        ("-:1", "good"),
        ("-:3", "bad"),
    ]


def test_a_bare_model_takes_arrays(tmp_path: Path) -> None:
    folder = real_bundles.linear(tmp_path / "linear")
    np.save(tmp_path / "x.npy", np.array([[0, 1, 2, 3]], np.float32))
    (tmp_path / "x.jsonl").write_text('{"x": [[1, 1, 1, 1]]}\n{"x": [[2, 2, 2, 2], [0, 0, 0, 0]]}\n')
    for model in ("linear.onnx", "linear.tflite"):
        done = call("run", folder / model, tmp_path / "x.npy", tmp_path / "x.jsonl")
        assert [line["result"] for line in done.lines] == [
            {"y": [[1, 3, 5, 7]]},
            {"y": [[3, 3, 3, 3]]},
            {"y": [[5, 5, 5, 5], [1, 1, 1, 1]]},
        ]


def test_one_model_of_a_bundle_can_be_run_on_tensors(loudness: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", x=np.full((1, 160), -0.5, np.float32), count=np.array([[4]], np.float32))
    done = call("run", loudness, tmp_path / "in.npz", "--model", "loud", "--variant", "f32")
    assert done.lines[0]["result"] == {"y": [[0.5]], "next": [[5]]}


def test_statistics_come_last_and_on_standard_error(colors: Path, tmp_path: Path) -> None:
    picture = real_bundles.picture(tmp_path / "red.png", "red")
    done = call("run", colors, picture, picture, "--stats")
    assert len(done.lines) == 2
    first, header, stage = done.err.splitlines()
    assert first.startswith("2 answers in ")
    assert header.split() == ["stage", "runs", "before,", "ms", "model,", "ms", "after,", "ms"]
    assert stage.split()[:2] == ["color", "2"]


def test_verbose_says_which_variant_runs_and_why(colors: Path, tmp_path: Path) -> None:
    done = call("run", colors, real_bundles.picture(tmp_path / "red.png", "red"), "-v")
    assert done.err.startswith("edgeai: color: f32 (f32) on onnxruntime: the only one that runs here\n")


def test_a_person_at_a_terminal_reads_words_and_json_only_on_request(colors: Path, tmp_path: Path) -> None:
    picture = real_bundles.picture(tmp_path / "red.png", "red")
    words = [*EDGEAI, "run", str(colors), str(picture)]
    text = at_a_terminal(words)
    assert text.startswith(f"{picture}  ")
    assert text.rstrip().endswith("ms  red 1.00, green 0.00, blue 0.00")
    assert json.loads(at_a_terminal([*words, "--json"]))["result"][0]["label"] == "red"


# Pictures with answers on them.


def test_drawn_pictures_are_named_in_the_lines(tmp_path: Path) -> None:
    from PIL import Image

    bundle = real_bundles.detector(tmp_path / "detector")
    photo = real_bundles.picture(tmp_path / "photo.png", "blue", (160, 120))
    done = call("run", bundle, photo, "--draw", tmp_path / "out")
    drawn = Path(done.lines[0]["drawn"])
    assert drawn == tmp_path / "out/photo.png"
    with Image.open(drawn) as image, Image.open(photo) as before:
        assert image.size == before.size == (160, 120)
        assert image.convert("RGB").getpixel((40, 15)) != (0, 0, 255)  # on the box's upper edge
        assert image.convert("RGB").getpixel((150, 115)) == (0, 0, 255)


# What goes wrong.


def test_a_damaged_picture_is_one_line_and_the_others_are_run(colors: Path, tmp_path: Path) -> None:
    real_bundles.picture(tmp_path / "photos/a.png", "red")
    (tmp_path / "photos/b.png").write_bytes(b"no picture")
    real_bundles.picture(tmp_path / "photos/c.png", "blue")
    done = call("run", colors, tmp_path / "photos")
    assert done.code == 2
    assert [Path(line["source"]).name for line in done.lines] == ["a.png", "c.png"]
    assert done.err.startswith(f"edgeai: {tmp_path / 'photos/b.png'} is no image or damaged")
    assert done.err.count("\n") == 1


def test_a_damaged_recording_is_one_line_and_the_others_are_run(loudness: Path, tmp_path: Path) -> None:
    whole = real_bundles.sound(tmp_path / "s/b.wav", [(0.2, 0.3)], 1.0)
    (tmp_path / "s/a.wav").write_bytes(whole.read_bytes()[:30])
    done = call("run", loudness, tmp_path / "s")
    assert done.code == 2
    assert [line["source"] for line in done.lines] == [str(whole)]
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give something to run"),
        (("nosuch.png",), "nosuch.png: no such file"),
        (("red.png", "--rate", "8000"), "--rate is for raw samples from standard input"),
        (("red.png", "--chunk", "0.5"), "--chunk is for sound, and"),
        (("red.png", "--variant", "nosuch"), "has no variant 'nosuch'; it has: f32"),
        (("red.png", "--device", "nosuch"), "nosuch"),
        (("red.png", "--backend", "litert"), "onnx is not read by litert"),
        (("red.png", "--draw", "red.png/out"), "images cannot be written there: Not a directory"),
    ],
)
def test_what_does_not_fit_is_one_line_and_exit_code_2(
    words: tuple[str, ...], said: str, colors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    real_bundles.picture(tmp_path / "red.png", "red")
    done = call("run", colors, *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_picture_for_a_bare_model_is_told_what_it_takes(tmp_path: Path) -> None:
    model = real_bundles.linear(tmp_path / "linear") / "linear.onnx"
    done = call("run", model, real_bundles.picture(tmp_path / "red.png", "red"))
    assert done.code == 2
    assert "takes arrays (.npy, .npz, JSON lines)" in done.err


def test_names_with_control_characters_do_not_reach_the_terminal(colors: Path, tmp_path: Path) -> None:
    bad = tmp_path / "a\x1b[31m\n.png"
    bad.write_bytes(b"no picture")
    done = call("run", colors, bad)
    assert done.code == 2
    assert "\x1b" not in done.err
    assert done.err.count("\n") == 1


# Pipes.


def test_an_event_is_printed_at_once_while_sound_comes_in(loudness: Path) -> None:
    sound = real_bundles.samples([(0.1, 0.2)], 0.3).tobytes()
    with subprocess.Popen(
        [*EDGEAI, "run", str(loudness), "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(sound)
        process.stdin.flush()  # and the pipe stays open, as arecord's does
        line = json.loads(process.stdout.readline())
        assert (line["source"], line["start_s"]) == ("-", 0.1)
        process.stdin.write(sound)
        process.stdin.close()
        rest = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert [json.loads(line)["start_s"] for line in rest] == [0.4]


def test_raw_samples_of_another_rate_are_resampled(loudness: Path) -> None:
    sound = real_bundles.samples([(0.5, 0.6)], 1.0, rate_hz=48000).tobytes()
    done = subprocess.run(
        [*EDGEAI, "run", str(loudness), "-", "--rate", "48000"], input=sound, capture_output=True, check=True
    )
    assert abs(json.loads(done.stdout)["start_s"] - 0.5) <= 0.01


def test_ctrl_c_is_one_line_and_exit_code_130(loudness: Path) -> None:
    with subprocess.Popen(
        [*EDGEAI, "run", str(loudness), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell that starts the tests in the background ignores it, and so would the child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(real_bundles.samples([(0.1, 0.2)], 0.3).tobytes())
        process.stdin.flush()
        process.stdout.readline()  # it is running
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().strip() == b"edgeai: interrupted"
    assert process.returncode == 130


def test_a_reader_that_has_enough_is_no_error(loudness: Path, tmp_path: Path) -> None:
    real_bundles.sound(tmp_path / "a.wav", [(at, at + 0.05) for at in np.arange(0.1, 50, 0.1)], 50.0)
    command = f"{sys.executable} -m edgeai run {loudness} {tmp_path}/a.wav | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout)["start_s"] == 0.1
    assert done.stderr == ""


# What it costs.


def test_a_wake_word_takes_under_80_mb_and_loads_only_what_it_uses(
    public_model: Callable[[str], Path], tmp_path: Path
) -> None:
    bundle = wake_word(tmp_path / "wake", public_model("okay-nabu"))
    loaded, peak_bytes = modules_and_peak(["run", str(bundle), "-"], seconds=20)
    assert peak_bytes < 80e6
    assert "ai_edge_litert" in loaded
    assert not loaded & {"PIL", "soxr", "soundfile", "tokenizers", "onnxruntime", "psutil", "edgeai_bench"}


def test_memory_stays_flat_however_long_the_sound(loudness: Path) -> None:
    _, short_bytes = modules_and_peak(["run", str(loudness), "-"], seconds=5)
    _, long_bytes = modules_and_peak(["run", str(loudness), "-"], seconds=300)  # 9.6 MB of samples
    assert long_bytes < short_bytes + 3e6


def test_help_loads_neither_numpy_nor_a_backend() -> None:
    loaded, _ = modules_and_peak(["run", "--help"], seconds=0)
    assert not loaded & {"numpy", "onnxruntime", "ai_edge_litert", "PIL"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("edgeai run {} x.npy --variant l", {"lite"}),
        ("edgeai run {} x.npy --model ", {"linear"}),
        ("edgeai run {} x.npy --backend li", {"litert"}),
        ("edgeai run nosuch.edge x.npy --variant ", set()),
        ("edgeai check {} --device raspberry-pi-z", {"raspberry-pi-zero-2-w"}),
    ],
)
def test_tab_completes_what_a_bundle_has(words: str, expected: set[str], tmp_path: Path) -> None:
    packed = real_bundles.pack(real_bundles.linear(tmp_path / "linear"), tmp_path / "linear.edge")
    words = words.format(packed)
    variables = {
        "_EDGEAI_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("edgeai")], env={**os.environ, **variables}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert {line.split(",")[1] for line in done.stdout.split()} == expected


def at_a_terminal(words: list[str]) -> str:
    """What a command writes where its standard output is a terminal."""
    ours, its = pty.openpty()
    with subprocess.Popen(words, stdout=its, stdin=subprocess.DEVNULL) as process:
        os.close(its)
        text = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux: the other end is closed
                break
            if not piece:
                break
            text += piece
    os.close(ours)
    assert process.returncode == 0
    return text.decode()


def modules_and_peak(words: list[str], seconds: float) -> tuple[set[str], int]:
    """Which modules a command loaded and the most memory that it held, given so much silence to hear."""
    # Not getrusage: its maximum begins with what the process that forked held.
    report = (
        "import json, sys\n"
        f"sys.argv = ['edgeai', *{words!r}]\n"
        "from edgeai.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "peak = open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]\n"
        "modules = sorted({name.partition('.')[0] for name in sys.modules})\n"
        "print(json.dumps([modules, 1024 * int(peak)]), file=sys.stderr)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", report],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        for _ in range(round(seconds * 2)):
            process.stdin.write(bytes(16000))
        process.stdin.close()
        text = process.stderr.read()
    assert process.returncode == 0, text
    modules, peak_bytes = json.loads(text.splitlines()[-1])
    return set(modules), peak_bytes


def wake_word(folder: Path, model: Path) -> Path:
    """A wake-word bundle as a user would write it by hand."""
    folder.mkdir()
    (folder / "wake.tflite").write_bytes(model.read_bytes())
    manifest = {
        "schema": 1,
        "id": "test/wake",
        "version": "1",
        "source": {"kind": "audio", "rate": 16000},
        "models": {
            "wake": {
                "inputs": {"input_audio": {"dtype": "f32", "shape": [1, 3, 40]}},
                "outputs": {"dense_1": {"dtype": "f32", "shape": [1, 1]}},
                "state": [{"kind": "internal"}],
                "window": {"input": "input_audio", "size": 3, "rate": 100},
                "variants": [{"id": "i8", "format": "tflite", "files": ["wake.tflite"]}],
            }
        },
        "pipeline": [
            {
                "run": "wake",
                "pre": [{"op": "micro_frontend@1"}],
                "post": [{"op": "score@1"}, {"op": "trigger@1", "above": 0.85, "name": "wake"}],
            }
        ],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    out = folder.with_suffix(".edge")
    assert call("bundle", "--manifest", folder / "manifest.json", "-o", out).code == 0
    return out


def test_a_closed_standard_output_is_no_stack_trace(loudness: Path, tmp_path: Path) -> None:
    real_bundles.sound(tmp_path / "a.wav", [(0.1, 0.2)], 0.3)
    command = f"{sys.executable} -m edgeai run {loudness} {tmp_path}/a.wav >&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 3}
