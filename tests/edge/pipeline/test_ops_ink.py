"""The step to_ink works in source pixels, whatever was done to the image before."""

from __future__ import annotations

import numpy as np
import pytest

from edgeai.errors import InputError
from edgeai.pipeline.ops.image import decode, layout, resize
from edgeai.pipeline.ops.ink import to_ink
from edgeai.pipeline.values import Detections
from tests.edge.steps.test_ink import quad, words

ROUGH = quad(65, 84, 235, 100).astype(np.float32)


def found(*polygons: object) -> Detections:
    quads = np.array(polygons, np.float32).reshape(-1, 4, 2)
    return Detections(
        np.zeros((len(quads), 4), np.float32), np.full(len(quads), 0.5, np.float32), polygons=quads
    )


def test_polygons_and_boxes_become_the_inks_and_scores_stay() -> None:
    image = decode(words((60, 80, 240, 104)))
    fitted = to_ink(image, each=found(ROUGH))
    assert fitted.polygons is not None
    np.testing.assert_allclose(fitted.polygons[0], quad(60, 80, 240, 104), atol=0.75)
    np.testing.assert_allclose(fitted.boxes[0], [60, 80, 240, 104], atol=0.75)
    assert fitted.scores.tolist() == [0.5]


def test_an_image_that_was_made_larger_gives_the_same_in_source_pixels() -> None:
    image = resize(decode(words((60, 80, 240, 104))), size=[600, 400])
    fitted = to_ink(image, each=found(ROUGH))
    assert fitted.polygons is not None
    np.testing.assert_allclose(fitted.polygons[0], quad(60, 80, 240, 104), atol=0.75)


def test_nothing_found_stays_nothing() -> None:
    assert len(to_ink(decode(words()), each=found())) == 0


def test_what_does_not_fit_is_refused() -> None:
    image = decode(words())
    with pytest.raises(InputError, match="put it before any layout@1"):
        to_ink(layout(image, to="NCHW"), each=found(ROUGH))
    with pytest.raises(InputError, match="must name detections with polygons"):
        to_ink(image, each=Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)))
    with pytest.raises(InputError, match="level lies between 0 and 1"):
        to_ink(image, each=found(ROUGH), level=1.0)
