"""What a pipeline of sound cannot do is said when it is opened or checked, and not in its middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgeai
from edgeai.errors import ManifestError
from tests import real_bundles
from tests.command import call

GAIN = {"op": "gain@1", "factor": 2.0}


def conditional_step(manifest: dict[str, Any]) -> None:
    """Sound is made louder only where it was loud."""
    condition = {"from": "events", "above": 0.5}
    manifest["pipeline"].append({**GAIN, "from": "source", "as": "louder", "only_if": condition})
    manifest["result"] = "events"


def ends_in_sound(manifest: dict[str, Any]) -> None:
    first = {**GAIN, "from": "source", "as": "louder"}
    manifest["pipeline"] += [first, {**GAIN, "from": "louder", "as": "loudest"}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            conditional_step,
            "pipeline[1].only_if: gain@1 passes sound on; a condition goes with a stage that runs a model",
        ),
        (
            ends_in_sound,
            "the pipeline ends in a signal, 'loudest'; name a stage that runs a model as its `result`",
        ),
    ],
)
def test_it_is_refused_at_once(
    change: Callable[[dict[str, Any]], None], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    folder = real_bundles.loudness(tmp_path / "loudness", change)
    with pytest.raises(ManifestError) as error:
        edgeai.load(folder)
    assert str(error.value) == f"{folder}: {said}"
    done = call("check", folder)
    assert done.code == 2
    assert said in done.out


def test_sound_may_pass_through_steps_on_its_way_to_a_model(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["pipeline"][0]["from"] = "louder"
        manifest["pipeline"].insert(0, {**GAIN, "from": "source", "as": "louder"})

    folder = real_bundles.loudness(tmp_path / "loudness", change)
    with edgeai.load(folder) as session:
        assert len(session.predict(folder / "golden/loud.wav").value) == 1
