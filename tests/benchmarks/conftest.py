"""One real run that tests of reports share: bench writes every format of it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import call

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Run:
    """What `edgeai bench digits` wrote, and where."""

    document: Any
    html: str
    csv: str
    markdown: str
    html_path: Path


@pytest.fixture(scope="session")
def real(fetched: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A quick run of `digits` on every backend that is installed."""
    folder = tmp_path_factory.mktemp("report")
    html, csv, markdown = folder / "r.html", folder / "r.csv", folder / "r.md"
    words = ["--min-runs", 20, "--min-time", 0.2, "--processes", 2, "--warm-up", 0.2, "--json"]
    done = call("bench", "digits", "--quick", *words, "--html", html, "--csv", csv, "--markdown", markdown)
    assert done.code in (0, 1), done.err
    texts = [path.read_text("utf-8") for path in (html, csv, markdown)]
    return Run(done.document, *texts, html)
