"""Names of files that every file system keeps."""

from __future__ import annotations

import pytest

from edgeai.bundle.names import DEPTH_LIMIT, NAME_LIMIT, clash, name_problem
from tests.hostile.names import BAD_NAMES


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "det/s8.onnx",
        "_x/Y-1+2=3,4@5.tar.gz",
        "console",
        "com",
        "nulls.txt",
        "a..b",
        "0",
        "x" * NAME_LIMIT,
    ],
)
def test_portable_names_are_allowed(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize("name", [*BAD_NAMES, "", "/", "a/", "a b", "a~1"])
def test_other_names_are_refused(name: str) -> None:
    assert name_problem(name) is not None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/a", "is an absolute path"),
        ("a/../b", "leads out of its folder"),
        ("a//b", "has an empty component"),
        ("a/Nul.txt", "is the name of a device on Windows"),
        ("x" * 241, "is longer than 240 letters"),
        ("a/" * DEPTH_LIMIT + "a", "lies deeper than 16 folders"),
        (
            "a:b",
            "is not portable: use letters, digits and _ . + @ = , - (beginning with a letter, digit or _, "
            "and no dot at the end)",
        ),
    ],
)
def test_the_problem_is_named(name: str, said: str) -> None:
    assert name_problem(name) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "b", "d/a", "d/b", "D2/a"], None),
        (["a", "A"], "'A' is there twice, or differs from another by case alone"),
        (["d/a", "d/a"], "'d/a' is there twice, or differs from another by case alone"),
        (["d", "d/a"], "'d' is a file and a folder"),
        (["D/a", "d"], "'d' is a file and a folder"),
        (["d/a", "D/b"], "the folder 'D' differs from another by case alone"),
        (["x/d/a", "x/D/b"], "the folder 'x/D' differs from another by case alone"),
    ],
)
def test_files_that_cannot_lie_together_are_named(names: list[str], said: str | None) -> None:
    assert clash(names) == said
