"""Faces in photos lie where the model's own package finds them, and faces are told from other things."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai
from edgeai.bundle.archive import extract, open_archive
from edgeai.session import Session
from tests.photos import photo
from tests.recordings import digest
from tests.references.data import read

PHOTOS: list[dict[str, Any]] = read("faces.json")["photos"]
FOUND = [row for row in PHOTOS if row["boxes"]]
MOST_PX = 0.51
"""Half a pixel where the margin is odd: the package rounds it when it pads, and not when it takes it off."""


@pytest.fixture(scope="module")
def session(public_bundle: Callable[[str], Path]) -> Iterator[Session]:
    with edgeai.load(public_bundle("face"), threads=1) as opened:
        yield opened


def pixels(row: dict[str, Any]) -> Any:
    shown = photo(row["photo"])
    if digest(shown) != row["pixels_sha256"]:
        pytest.skip(f"this scikit-image has another photo of {row['photo']}")
    return shown


@pytest.mark.parametrize("row", PHOTOS, ids=lambda row: row["photo"])
def test_faces_lie_within_a_pixel_of_where_the_package_finds_them(
    session: Session, row: dict[str, Any]
) -> None:
    found = session.predict(pixels(row)).value
    wanted = np.array(row["boxes"]).reshape(-1, 2, 2)
    assert len(found) == len(wanted)
    # Ours end at the photo's borders.
    wanted = np.clip(wanted, 0, row["size"]).reshape(-1, 4)
    np.testing.assert_allclose(found.boxes, wanted, rtol=0, atol=MOST_PX)
    np.testing.assert_allclose(found.scores, row["scores"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("row", FOUND, ids=lambda row: row["photo"])
def test_eyes_nose_mouth_and_ears_lie_within_a_pixel_too(session: Session, row: dict[str, Any]) -> None:
    found = session.predict(pixels(row)).value
    np.testing.assert_allclose(found.keypoints, row["keypoints"], rtol=0, atol=MOST_PX)


@pytest.fixture(scope="module")
def undecided(
    public_bundle: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """The same bundle without its threshold, so that every picture has a score."""
    folder = tmp_path_factory.mktemp("undecided") / "face"
    folder.mkdir()
    with open_archive(public_bundle("face")) as archive:
        extract(archive, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (ssd,) = (step for step in manifest["pipeline"][0]["post"] if step["op"] == "ssd@1")
    ssd["threshold"] = 0
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with edgeai.load(folder, threads=1) as opened:
        yield opened
    shutil.rmtree(folder)


def area_under_curve(positive: Any, negative: Any) -> float:
    """The chance that one of the first scores higher than one of the others."""
    first, others = np.array(positive)[:, None], np.array(negative)[None]
    return float(((first > others) + 0.5 * (first == others)).mean())


def test_faces_score_higher_than_other_parts_of_photos(
    undecided: Session, public_bundle: Callable[[str], Path]
) -> None:
    """scikit-image's lfw_subset: 100 faces and 100 parts of photos without any, grey, of 25 x 25 pixels.

    They go in as they are: the bundle's own steps enlarge them to 128 x 128.
    """
    import skimage.data

    pictures = np.rint(skimage.data.lfw_subset() * 255).astype(np.uint8)
    assert pictures.shape == (200, 25, 25)
    found = [undecided.predict(np.repeat(grey[..., None], 3, axis=2)).value for grey in pictures]
    scores = [float(faces.scores[0]) for faces in found]
    area = area_under_curve(scores[:100], scores[100:])
    assert area >= 0.99
    with open_archive(public_bundle("face")) as archive:
        (stated,) = archive.manifest["quality"]
    assert area == pytest.approx(stated["value"], abs=0.001)
