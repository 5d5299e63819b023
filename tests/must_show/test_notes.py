"""The notes of a piece are those that basic-pitch's own package finds, without what it guesses at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai
from edgeai.session import Session
from edgeai.steps.notes import note_name
from tests.references.data import read
from tests.references.samples import RATE_HZ, pieces

PIECES: list[dict[str, Any]] = read("basic_pitch.json")["pieces"]
FRAME_S = 256 / RATE_HZ


@pytest.fixture(scope="module")
def session(public_bundle: Callable[[str], Path]) -> Iterator[Session]:
    with edgeai.load(public_bundle("basic-pitch"), threads=1) as opened:
        yield opened


@pytest.mark.parametrize("row", PIECES, ids=lambda row: row["name"])
def test_notes_have_the_packages_pitches_and_its_times_within_a_frame(
    session: Session, row: dict[str, Any]
) -> None:
    found = session.predict(pieces()[row["name"]], rate=RATE_HZ).value
    wanted = sorted(row["plain"], key=lambda note: (note_name(note[2]), note[0]))
    found = sorted(found, key=lambda note: (note.name, note.start_s))
    assert [note.name for note in found] == [note_name(pitch) for _, _, pitch, _ in wanted]
    times_s = np.array([[note.start_s, note.end_s] for note in found])
    # The package shifts its clock a little from window to window; ours counts samples.
    np.testing.assert_allclose(times_s, [note[:2] for note in wanted], rtol=0, atol=1.5 * FRAME_S)
    scores = [note.score for note in found]
    np.testing.assert_allclose(scores, [note[3] for note in wanted], rtol=0, atol=0.02)
