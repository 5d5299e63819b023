"""Latencies measured on another machine, for which a real sshd of the test's own on 127.0.0.1 stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnx_ir")

from edgeai.errors import ExportError
from edgeai_exporters.outcome import Ratio
from edgeai_exporters.schemes import SCHEMES
from edgeai_exporters.search import RemoteMeter
from tests.exporters.search.planted import plant
from tests.sshd import NEEDS_SSHD, Board, free_port, running_board

pytestmark = NEEDS_SSHD


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with running_board(tmp_path_factory.mktemp("board")) as board:
        yield board


def test_models_are_copied_run_in_turns_and_removed(board: Board, tmp_path: Path) -> None:
    planted = plant(tmp_path, 0)
    static = next(scheme for scheme in SCHEMES if scheme.name == "int8-static")
    static.load_prepare()(planted.model, planted.feeds).write(tmp_path / "int8.onnx")
    with RemoteMeter(board.target, edgeai=board.edgeai, options=board.options, seconds=0.05) as meter:
        first, second = meter.time([planted.model, tmp_path / "int8.onnx"], planted.feeds[:1])
        assert len(list(board.temporary.glob("*/*.onnx"))) == 2
    assert first.turns == second.turns == 3
    assert first.ratio == Ratio(1, 1, 1)
    assert second.ratio is not None
    assert second.ratio.low <= second.ratio.value <= second.ratio.high
    assert not any(board.temporary.iterdir())


def test_what_fails_on_the_board_is_told_in_its_words(board: Board, tmp_path: Path) -> None:
    planted = plant(tmp_path, 0)
    wrong = {"x": planted.feeds[0]["x"][:, :-1]}
    meter = RemoteMeter(board.target, edgeai=board.edgeai, options=board.options, seconds=0.05)
    with meter, pytest.raises(ExportError, match=r"0 of 3 runs: .* input x: f32\[1, 33\]"):
        meter.time([planted.model], [wrong])


def test_a_missing_edgeai_is_named_with_what_the_board_says(board: Board, tmp_path: Path) -> None:
    model = plant(tmp_path, 0)
    meter = RemoteMeter(board.target, edgeai="/nowhere/edgeai", options=board.options)
    with meter, pytest.raises(ExportError, match="/nowhere/edgeai"):
        meter.time([model.model], model.feeds[:1])
    assert not any(board.temporary.iterdir())


def test_a_host_that_does_not_answer_is_an_error_in_one_line(board: Board) -> None:
    target = f"ssh://nobody@127.0.0.1:{free_port()}"
    with pytest.raises(ExportError, match=r"nobody@127\.0\.0\.1 failed with 255") as caught:
        RemoteMeter(target, options=board.options).__enter__()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "target",
    [
        "board",
        "http://board",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://u@h:port",
        "ssh://u@h/x",
        "ssh://u:p@h",
    ],
)
def test_what_is_no_address_is_refused(target: str) -> None:
    with pytest.raises(ExportError, match="ssh://user@host"):
        RemoteMeter(target)
