"""Keras 3 models as sources, without TensorFlow and without a setting of the user's.

Keras takes its backend when it is imported, so each export runs in a process of its own, as a user's does.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for library in ("keras", "torch", "onnxscript"):
    if importlib.util.find_spec(library) is None:  # not imported: Keras would take its own backend
        pytest.skip(f"needs {library}", allow_module_level=True)

import edgeai  # noqa: E402

OWN = Path(__file__).with_name("own_keras.py")

# Exports what the first argument says; prints the inputs and what Keras itself gives for them, or the error.
PROGRAM = """
import json, sys
from pathlib import Path
from edgeai.errors import EdgeError
from edgeai_exporters.sources import SourceOptions, open_source

spec, folder, options = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
try:
    exported = open_source(spec, folder, SourceOptions(**options))
except EdgeError as error:
    left = [str(path) for path in folder.iterdir()]
    print(json.dumps({"error": f"{type(error).__name__}: {error}", "left": left}))
else:
    import os
    import numpy as np
    feed = {name: np.resize(array, (3, *array.shape[1:])) for name, array in exported.examples[0].items()}
    np.savez(folder / "feed.npz", **feed)
    np.savez(folder / "want.npz", **exported.reference(feed))
    told = {"path": str(exported.path), "provenance": exported.provenance}
    told["env"] = os.environ.get("KERAS_BACKEND")
    print(json.dumps(told | {"tensorflow": "tensorflow" in sys.modules}))
"""
# Saves what a factory gives as a .keras file.
SAVE = """
import os, sys
os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, sys.argv[1])
import own_keras
getattr(own_keras, sys.argv[2])().save(sys.argv[3])
"""


def run(program: str, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def export(spec: str, folder: Path, **options: Any) -> dict[str, Any]:
    return dict(json.loads(run(PROGRAM, spec, str(folder), json.dumps(options)).splitlines()[-1]))


def check(told: dict[str, Any], folder: Path) -> tuple[list[Any], list[Any]]:
    """Names and shapes, after the file gave for a batch of three what Keras gave."""
    with (
        edgeai.load(told["path"]) as session,
        np.load(folder / "feed.npz") as feed,
        np.load(folder / "want.npz") as want,
    ):
        got = session.run(dict(feed))
        assert set(got) == set(want)
        assert max(float(np.abs(got[name] - want[name]).max()) for name in want) <= 1e-6
        return [(spec.name, spec.shape) for spec in session.inputs], [
            (s.name, s.shape) for s in session.outputs
        ]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "picture.keras"
    run(SAVE, str(OWN.parent), "picture", str(path))
    return path


def test_a_factory_gives_a_model_with_an_open_batch_and_no_setting_is_left_behind(tmp_path: Path) -> None:
    told = export(f"{OWN}:picture", tmp_path)
    assert check(told, tmp_path) == ([("picture", ("batch", 12, 12, 1))], [("output", ("batch", 3))])
    assert told["env"] is None
    assert told["tensorflow"] is False
    assert set(told["provenance"]["versions"]) == {"keras", "torch", "onnx"}


def test_a_model_of_several_inputs_keeps_their_names_and_what_it_leaves_open(tmp_path: Path) -> None:
    told = export(f"{OWN}:two_inputs", tmp_path, dims={"batch": (1, 8)})
    inputs, outputs = check(told, tmp_path)
    assert dict(inputs) == {"series": ("batch", "series_1", 4), "extra": ("batch", 3)}
    assert dict(outputs) == {"pooled": ("batch", 5), "score": ("batch", 2)}


def test_a_keras_file_gives_the_same_with_the_sizes_that_the_user_fixes(saved: Path, tmp_path: Path) -> None:
    told = export(str(saved), tmp_path, shapes={"": (3, 12, 12, 1)})
    assert check(told, tmp_path) == ([("picture", (3, 12, 12, 1))], [("output", (3, 3))])
    assert told["provenance"]["source"] == "keras"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "with_code",
            "ExportError: .* has Python code in it \\(a Lambda layer\\), which is not run; build it "
            "in a function",
        ),
        ("with_own_layer", "ExportError: .* has layers of your own .*give file.py:factory"),
    ],
)
def test_a_keras_file_that_needs_the_users_code_says_so(tmp_path: Path, name: str, message: str) -> None:
    import re

    run(SAVE, str(OWN.parent), name, str(tmp_path / "m.keras"))
    told = export(str(tmp_path / "m.keras"), tmp_path / "out")
    assert re.match(message, told["error"])
    assert told["left"] == []


def test_a_keras_file_that_is_cut_short_is_refused(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(saved.read_bytes()[:-200])
    told = export(str(tmp_path / "m.keras"), tmp_path / "out", via="keras")
    assert told["error"].startswith("ModelError: ")
    assert "is damaged or no Keras 3 file" in told["error"]


def test_a_model_that_declares_no_inputs_says_how_to(tmp_path: Path) -> None:
    told = export(f"{OWN}:without_inputs", tmp_path)
    assert "does not say what it takes; make it with keras.Input for every input" in told["error"]
