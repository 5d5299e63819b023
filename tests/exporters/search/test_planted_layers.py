"""The search against networks whose sensitive layers are known, since they were made so."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnx_ir")

from edgeai_exporters.budget import Budget
from edgeai_exporters.metrics.vectors import cosine
from edgeai_exporters.schemes import SCHEMES
from edgeai_exporters.search import Samples, search
from tests.exporters.search.planted import plant

STATIC = next(scheme for scheme in SCHEMES if scheme.name == "int8-static")
QUICK = 4


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.long if seed >= QUICK else ()) for seed in range(20)]
)
def test_the_layers_that_stay_in_float_are_those_that_were_planted(seed: int, tmp_path: Path) -> None:
    planted = plant(tmp_path, seed)
    found = search(
        planted.model,
        STATIC,
        calibration=planted.feeds[:32],
        validation=Samples(planted.feeds[32:]),
        score=cosine,
        metric="cosine",
        budget=Budget(min_cosine=0.99),
        folder=tmp_path,
        meter=None,
        seed=seed,
    )
    assert set(found.kept) == planted.sensitive
    assert found.is_within
    assert found.blanket is not None
    assert found.blanket.mean < 0.98
    assert found.quality.mean >= 0.99
