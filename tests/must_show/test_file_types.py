"""What a file is, by the bundle and by magika's own package: the model's label and score, for 19 contents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import edgeai
from edgeai.session import Session
from tests.references.data import read
from tests.references.samples import contents

FILES: list[dict[str, Any]] = read("magika.json")["files"]


@pytest.fixture(scope="module")
def session(public_bundle: Callable[[str], Path]) -> Iterator[Session]:
    with edgeai.load(public_bundle("magika"), threads=1) as opened:
        yield opened


@pytest.mark.parametrize("row", FILES, ids=lambda row: row["name"])
def test_label_and_score_are_those_of_the_package(session: Session, row: dict[str, Any]) -> None:
    content = contents()[row["name"]]
    assert hashlib.sha256(content).hexdigest() == row["sha256"]
    best = session.predict(content).value.top[0]
    # Not the package's `answer`, which also has thresholds and exceptions: noise is `unknown` there.
    assert best.name == row["label"]
    assert best.score == pytest.approx(row["score"], abs=1e-4)
