"""The bar that a waiting person sees."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import sys
from pathlib import Path

import pytest

from edgeai.cli import progress
from edgeai.cli.progress import Progress


def shown(monkeypatch: pytest.MonkeyPatch, patience_s: float, *, quiet: bool = False) -> str:
    """What a terminal got while three sources were run, the second of which failed."""
    ours, its = pty.openpty()
    monkeypatch.setattr(progress, "_PATIENCE_S", patience_s)
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with os.fdopen(its, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with Progress(3, quiet=quiet) as bar:
            for name in ("a.png", "b.png", "c.png"):
                bar.start(name)
                if name == "b.png":
                    bar.say("b.png is damaged")
    text = b""
    with contextlib.suppress(OSError):  # Linux: the other end is closed
        while piece := os.read(ours, 4096):
            text += piece
    os.close(ours)
    return text.decode()


def test_a_bar_shows_which_source_has_its_turn_and_ends_full(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, 0.0)
    assert "33%  b.png" in text
    assert "66%  c.png" in text
    assert "100%" in text
    assert "\r\x1b[Kb.png is damaged\r\n" in text


def test_nobody_who_waits_for_less_than_two_seconds_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert progress._PATIENCE_S == 2.0
    assert shown(monkeypatch, 60.0) == "b.png is damaged\r\n"
    assert shown(monkeypatch, 0.0, quiet=True) == "b.png is damaged\r\n"


def test_a_file_gets_lines_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.0)
    with (tmp_path / "log").open("w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        with Progress(2, quiet=False) as bar:
            bar.start("a.png")
            bar.say("a.png is damaged")
            bar.start("b.png")
    assert (tmp_path / "log").read_text() == "a.png is damaged\n"
