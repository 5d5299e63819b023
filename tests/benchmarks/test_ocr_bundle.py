"""The OCR bundle reads rendered pages, however they lie, and says where every line is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

import edgeai
from edgeai.session import Session
from tests.page_scores import Score, edit_distance, score
from tests.pages import Page, page, pages, skewed_pages

LOG = logging.getLogger(__name__)  # the figures: pytest --log-cli-level=INFO


@pytest.fixture(scope="module")
def session(public_bundle: Callable[[str], Path]) -> Iterator[Session]:
    with edgeai.load(public_bundle("ocr")) as session:
        yield session


def read(session: Session, page: Page) -> Score:
    found = session.predict(page.pixels).value
    assert found.polygons is not None
    texts = [text.text for text in found.attached["text"]]
    return score(page, list(zip(found.polygons, texts, strict=True)))


def judge(session: Session, some: Iterable[Page]) -> tuple[float, float]:
    """Character error rate, and the furthest that an edge of a line lies from its ink, in source pixels."""
    scores = [read(session, page) for page in some]
    errors, characters = sum(s.errors for s in scores), sum(s.characters for s in scores)
    furthest = np.abs(np.concatenate([s.box_errors for s in scores])).max(axis=0)
    LOG.info("%d pages: %d of %d characters wrong (%.2f %%); edges at most %s px off",
             len(scores), errors, characters, 100 * errors / characters, furthest.round(2))  # fmt: skip
    return errors / characters, float(furthest.max())  # NaN where a line was not found


@pytest.mark.long
def test_a_hundred_pages_are_read_with_less_than_one_wrong_character_in_a_hundred(session: Session) -> None:
    """A quarter of them as written, the others turned by 90, 180 and 270 degrees."""
    error_rate, furthest = judge(session, pages(100))
    assert error_rate <= 0.01
    assert furthest <= 3


def test_a_few_pages_are_read_however_they_lie(session: Session) -> None:
    error_rate, furthest = judge(session, pages(4))
    assert error_rate <= 0.03  # of some 1,200 characters: the hundred pages are held to one in a hundred
    assert furthest <= 3


@pytest.mark.long
def test_pages_that_lie_askew_are_read_too(session: Session) -> None:
    error_rate, furthest = judge(session, skewed_pages())
    assert error_rate <= 0.01
    assert furthest <= 3


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_lines_come_as_they_are_read_and_begin_at_their_own_top_left(session: Session, turned: int) -> None:
    """On pages that nothing was tuned on."""
    sheet = page(2000 + turned // 90, turned)
    found = session.predict(sheet.pixels).value
    wanted = "\n".join(line.text for line in sheet.lines)
    assert edit_distance(wanted, "\n".join(text.text for text in found.attached["text"])) <= 0.05 * len(
        wanted
    )
    np.testing.assert_allclose(found.polygons, [line.quad for line in sheet.lines], atol=3)


def test_an_empty_page_has_no_lines(session: Session) -> None:
    assert session.predict(np.full((300, 400, 3), 255, np.uint8)).to_json() == []


def test_every_stage_says_what_it_took(session: Session) -> None:
    result = session.predict(next(iter(pages(1))).pixels)
    names = ["regions", "lines", "crops", "directions", "upright", "texts", "oriented", "read", "text"]
    assert [stage.name for stage in result.stages] == names
    assert {stage.name for stage in result.stages if stage.runs} == {"regions", "directions", "texts"}
