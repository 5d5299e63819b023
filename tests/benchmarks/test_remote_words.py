"""What goes to a board with `edgeai bench --on`: the user's words, quoted, and a wheel of this edgeai."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai_bench.cli import bench
from edgeai_bench.remote.command import command_text
from edgeai_bench.remote.forwarding import forwarded
from edgeai_bench.remote.job import Job
from edgeai_bench.remote.wheel import write_wheel
from tests.benchmarks.test_remote_bench import SHORT, measured, name
from tests.command import call
from tests.sshd import NEEDS_SSHD, Board, running_board
from tests.tiny_models import linear_onnx


def test_options_go_as_they_were_written_and_files_under_their_new_names() -> None:
    written = ["m.onnx", "--on", "ssh://a", "-q", "--html", "r.html", "--threads", "1,2", "--quick"]
    written += ["--min-time", "500ms", "--input-shape", "x:1x3", "--input-shape", "y:2", "--rate=10/s"]
    written += ["--input", "here.npz", "--seed", "0", "--json", "--model", "-odd"]
    with bench.make_context("bench", written) as context:
        words = forwarded(context, {"input_file": "input_file.npz"})
    expected = ["--threads=1,2", "--quick", "--min-time=500ms", "--input-shape=x:1x3", "--input-shape=y:2"]
    expected += ["--rate=10/s", "--input", "input_file.npz", "--seed=0", "--model=-odd"]
    assert sorted(words) == sorted(expected)


def test_every_word_arrives_whatever_it_holds(tmp_path: Path) -> None:
    hostile = ["--model=a b'; touch $(id) `id`\n\"", "--variant=*"]
    folder = tmp_path / "it's $HOME"
    (folder / "files").mkdir(parents=True)
    (tmp_path / "edgeai it's").write_text('#!/bin/sh\nprintf "%s\\0" "$@" "$TMPDIR" "$EDGEAI_HOME"\n')
    (tmp_path / "edgeai it's").chmod(0o755)
    job = Job(("m0/m0.onnx",), tuple(hostile), (), {})
    text = command_text(job, str(folder), str(tmp_path / "edgeai it's"))
    done = subprocess.run(["sh"], input=text, capture_output=True, text=True, check=True)
    temporary = folder / "tmp"
    expected = ["bench", *hostile, "--json", "--", "m0/m0.onnx", str(temporary), str(temporary / "home")]
    assert done.stdout.split("\0")[:-1] == expected


def test_a_job_is_another_one_where_a_word_or_a_file_differs() -> None:
    job = Job(("m0/m0.onnx",), ("--quick",), (), {})
    assert job.key() == replace(job, shown={"m0/m0.onnx": "elsewhere.onnx"}).key()
    others = [job.key(), job.key("/opt/edgeai"), replace(job, options=()).key()]
    assert len({*others, replace(job, models=()).key()}) == 4


def test_the_script_for_boards_is_posix_shell() -> None:
    script = Path(sys.modules[Job.__module__].__file__ or "").with_name("board.sh")
    for shell in ("dash", "sh", "bash"):
        subprocess.run(shlex.split(f"{shell} -n {shlex.quote(str(script))}"), check=True)


def test_the_wheel_holds_all_of_this_edgeai_and_its_hashes(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    wheel, again = write_wheel(tmp_path), write_wheel(tmp_path / "again")
    assert wheel.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        record = next(each for each in names if each.endswith(".dist-info/RECORD"))
        rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
        assert sorted(row[0] for row in rows) == sorted(names)
        for each, digest, size in rows:
            data = archive.read(each)
            sha256 = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert each == record or (digest, size) == (f"sha256={sha256}", str(len(data)))
        assert f"{record.removesuffix('RECORD')}entry_points.txt" in names
    assert {"edgeai/_data/models/digits.edge", "edgeai_bench/_data/suites/public.toml"} <= set(names)
    assert "edgeai_bench/remote/board.sh" in names
    assert not any("__pycache__" in each for each in names)


@pytest.fixture
def bare_board(tmp_path: Path) -> Iterator[Board]:
    """A board with this Python and nothing of edgeai."""
    with running_board(tmp_path / "board", {"PYTHONPATH": ""}) as board:
        (board.programs / "python3").symlink_to(Path(sys.executable).resolve())
        yield board


@pytest.mark.long
@NEEDS_SSHD
def test_a_wheel_is_pushed_where_there_is_no_edgeai_and_nothing_of_it_stays(
    bare_board: Board, tmp_path: Path
) -> None:
    model = linear_onnx(tmp_path / "linear.onnx")
    words = ["--on", bare_board.target, "--ssh-config", bare_board.config, "--push-wheel", "--json"]
    done = call("bench", model, *SHORT, *words)
    assert measured(done) == {name(bare_board): "linear.onnx"}
    assert "making a temporary environment" in done.err
    assert bare_board.left() == []
    assert list(bare_board.home.iterdir()) == []
