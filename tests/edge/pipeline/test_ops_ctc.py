"""ctc on what a recognizer gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeai.errors import InputError
from edgeai.pipeline.ops.ctc import ctc
from edgeai.pipeline.values import Outputs, Text


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    path = tmp_path / "letters.txt"
    path.write_text("a\nb\n", encoding="utf-8")
    return path


def likely(*texts: list[int], classes: int) -> NDArray[np.float32]:
    """Scores [N, T, classes] of 0.75 for these classes and nothing for the others."""
    scores = np.zeros((len(texts), len(texts[0]), classes), np.float32)
    for row, steps in enumerate(texts):
        scores[row, np.arange(len(steps)), steps] = 0.75
    return scores


def test_one_row_is_one_text(letters: Path) -> None:
    scores = likely([1, 1, 0, 1, 2], classes=3)
    for each in (scores, scores[0]):
        assert ctc(Outputs({"y": each}), vocabulary=letters) == Text("aab", 0.75)


def test_several_rows_are_a_list(letters: Path) -> None:
    scores = likely([1, 0, 2], [0, 0, 0], classes=3)
    assert ctc(Outputs({"y": scores}), vocabulary=letters) == [Text("ab", 0.75), Text("", None)]


def test_a_space_follows_the_vocabulary_and_the_blank_may_be_anywhere(letters: Path) -> None:
    scores = likely([1, 3, 2], classes=4)
    assert ctc(Outputs({"y": scores}), vocabulary=letters, space=True) == Text("a b", 0.75)
    scores = likely([0, 2, 1, 3], classes=4)
    assert ctc(Outputs({"y": scores}), vocabulary=letters, space=True, blank=3) == Text("a b", 0.75)


def test_logits_become_probabilities(letters: Path) -> None:
    logits = np.log(np.array([[[0.1, 0.7, 0.2], [0.8, 0.1, 0.1], [0.2, 0.3, 0.5]]])) + 5
    text = ctc(Outputs({"y": logits}), vocabulary=letters, probabilities=False)
    assert isinstance(text, Text)
    assert text.text == "ab"
    assert text.score == pytest.approx(0.6, rel=1e-6)


def test_the_vocabulary_must_fit_the_output(letters: Path) -> None:
    scores = likely([1, 2], classes=4)
    with pytest.raises(
        InputError, match=r"is \[1, 2, 4\]; letters\.txt makes it \[N, T, 3\], with the blank$"
    ):
        ctc(Outputs({"y": scores}), vocabulary=letters)
    with pytest.raises(InputError, match=r"\[N, T, 4\], with the blank and the space"):
        ctc(Outputs({"y": scores[..., :3]}), vocabulary=letters, space=True)
    with pytest.raises(InputError, match=r"the output is \[4\]"):
        ctc(Outputs({"y": scores[0, 0]}), vocabulary=letters)
    with pytest.raises(InputError, match="blank is 4; give 0 to 3"):
        ctc(Outputs({"y": scores}), vocabulary=letters, space=True, blank=4)
