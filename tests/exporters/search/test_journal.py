"""Results on disk, and what a kill may leave of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai_exporters.search.journal import Journal


def _refuse() -> None:
    pytest.fail("tried again")


def test_a_result_is_computed_once_also_by_the_next_process(tmp_path: Path) -> None:
    assert Journal(tmp_path / "j").recall("a", lambda: {"scores": [0.1, 1 / 3]}) == {"scores": [0.1, 1 / 3]}
    assert Journal(tmp_path / "j").recall("a", _refuse) == {"scores": [0.1, 1 / 3]}


def test_a_line_that_was_cut_short_is_tried_again_and_the_lines_before_it_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = Journal(path)
    whole.recall("a", lambda: 1)
    length = path.stat().st_size
    whole.recall("b", lambda: 2)
    written = path.read_bytes()
    for end in range(length, len(written)):
        path.write_bytes(written[:end])
        again = Journal(path)
        assert again.recall("a", _refuse) == 1
        assert again.recall("b", lambda: 2) == 2
        assert path.read_bytes() == written


def test_what_fails_is_not_written(tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Journal(tmp_path / "j").recall("a", fail)
    assert Journal(tmp_path / "j").recall("a", lambda: 3) == 3
