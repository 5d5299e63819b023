"""Distillation is the same for the same seeds, also where the process was killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import edgeai  # noqa: E402
from edgeai.errors import ExportError  # noqa: E402
from edgeai_exporters.distill import distill  # noqa: E402
from edgeai_exporters.distill.augment import AUGMENTATIONS  # noqa: E402
from edgeai_exporters.distill.teaching import soft_loss  # noqa: E402
from edgeai_exporters.sources.options import SourceOptions  # noqa: E402
from edgeai_exporters.sources.torch_module import export_torch  # noqa: E402
from tests.exporters.distill.small import RECIPE, write_recipe  # noqa: E402

SLOW = RECIPE.replace("epochs = 5", "epochs = 60").replace("patience = 4", "patience = 0")


def weights(file: Path) -> bytes:
    """All of a state_dict, in order."""
    state = torch.load(file, weights_only=True)
    return b"".join(each.numpy().tobytes() for each in state.values())


def test_the_report_pairs_seeds_and_the_student_runs_as_onnx(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = distill(
        write_recipe(tmp_path), out=tmp_path / "out", on_progress=lambda *each: told.append(each[:2])
    )
    teacher, alone, distilled = found.report.trained
    assert [len(each.scores) for each in found.report.trained] == [1, 3, 3]
    assert (teacher.parameters, alone.parameters) == (8 * 32 + 32 + 32 * 3 + 3, 8 * 4 + 4 + 4 * 3 + 3)
    gains = np.subtract(distilled.scores, alone.scores)
    assert found.report.gain.value == pytest.approx(gains.mean(), abs=1e-12)
    # Student's t for 2 degrees of freedom, from a table.
    assert found.report.gain.high == pytest.approx(
        gains.mean() + 4.302653 * gains.std(ddof=1) / 3**0.5, abs=1e-6
    )
    assert told[-1] == (4 + 2 * 3 * 5, 4 + 2 * 3 * 5)
    state = torch.load(found.weights, weights_only=True)
    x = np.ones((1, 8), np.float32)
    hidden = np.maximum(x @ state["0.weight"].numpy().T + state["0.bias"].numpy(), 0)
    with edgeai.load(found.student) as session:
        (logits,) = session.run({session.inputs[0].name: x}).values()
    np.testing.assert_allclose(
        logits, hidden @ state["3.weight"].numpy().T + state["3.bias"].numpy(), atol=1e-5
    )


def test_a_killed_run_goes_on_bit_by_bit(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, SLOW)
    whole = distill(recipe, out=tmp_path / "whole")
    command = [sys.executable, "-m", "edgeai_exporters.distill", str(recipe), "-o", str(tmp_path / "killed")]
    for name in ("teacher-0", "alone-1", "distilled-2"):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                # Wait for the third epoch of that training, so that there is a checkpoint to go on from.
                if line.endswith(f", {name}\n") and (
                    next(process.stderr, "") and next(process.stderr, "").strip()
                ):
                    os.kill(process.pid, signal.SIGKILL)
                    break
        assert process.returncode == -signal.SIGKILL
    done = distill(recipe, out=tmp_path / "killed")
    assert weights(done.weights) == weights(whole.weights)
    assert done.report == whole.report


def test_what_is_done_is_not_trained_again_and_a_changed_recipe_is(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    first = distill(recipe, out=tmp_path / "out")
    (work,) = (tmp_path / "out" / "work").iterdir()
    stamps = {file.name: file.stat().st_mtime_ns for file in work.glob("*.pt")}
    again = distill(recipe, out=tmp_path / "out")
    assert {file.name: file.stat().st_mtime_ns for file in work.glob("*.pt")} == stamps
    assert again.report == first.report
    write_recipe(tmp_path, RECIPE.replace("temperature = 2.0", "temperature = 3.0"))
    distill(recipe, out=tmp_path / "out")
    assert len(list((tmp_path / "out" / "work").iterdir())) == 2


def test_an_onnx_file_teaches_as_its_module_does(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, RECIPE.replace("epochs = 4", "").partition("[[distillation.hints]]")[0])
    tail = RECIPE[RECIPE.index("[[augmentation]]") :]
    module = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))
    torch.save(module.state_dict(), tmp_path / "teacher.pt")
    options = SourceOptions(dims={"batch": (1, 1024)})
    export_torch(module, torch.zeros(2, 8), "teacher", tmp_path, options, {})
    text = recipe.read_text("utf-8") + tail
    source = 'source = "models.py:teacher"'
    found = []
    for name, given in (("torch", f'{source}\nweights = "teacher.pt"'), ("onnx", 'source = "teacher.onnx"')):
        recipe.write_text(text.replace(source, given), "utf-8")
        found.append(distill(recipe, out=tmp_path / name))
    # The same sums in another order: the students agree, not to the last bit.
    first, second = (np.frombuffer(weights(each.weights), np.float32) for each in found)
    np.testing.assert_allclose(first, second, atol=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('student = "1"', 'student = "9"', "the student has no module '9' for a hint; it has: 0, 1, 2, 3"),
        (
            "models.py:student",
            "models.py:not_a_module",
            "returned a int; a student must be a torch.nn.Module",
        ),
        ("labels = 30", "labels = 3000", "data.labels is 3000, and there are 210 training samples"),
        ("epochs = 4", 'weights = "none.pt"', "none.pt cannot be read: No such file or directory"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(tmp_path: Path, old: str, new: str, error: str) -> None:
    recipe = write_recipe(tmp_path, RECIPE.replace(old, new))
    with pytest.raises(ExportError, match=error):
        distill(recipe, out=tmp_path / "out")


def test_the_loss_is_hintons_by_hand() -> None:
    logits, taught = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[3.0, 1.0], [0.0, 0.0]])

    def softmax(x: Any) -> Any:
        return np.exp(x) / np.exp(x).sum(1, keepdims=True)

    p, q = softmax(taught / 2), softmax(logits / 2)
    soft = 4 * (p * np.log(p / q)).sum(1)
    hard = -np.log(softmax(logits)[0, 1])
    wanted = (0.3 * hard + 0.7 * soft[0] + soft[1]) / 2  # the second sample has no label
    given = soft_loss(torch.tensor(logits), torch.tensor(taught), torch.tensor([1, -1]), 2.0, 0.3)
    assert float(given) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_augmentation_keeps_shapes_and_follows_the_generator(kind: str) -> None:
    batch = torch.rand(4, 1, 12, 12)
    first, again, other = (
        AUGMENTATIONS[kind](
            batch, 0.5 if kind in {"zoom", "scale"} else 3.0, torch.Generator().manual_seed(seed)
        )
        for seed in (1, 1, 2)
    )
    assert first.shape == batch.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_roll_moves_all_channels_alike() -> None:
    signal_in = torch.arange(10.0).expand(1, 2, 10)
    out = AUGMENTATIONS["roll"](signal_in, 5.0, torch.Generator().manual_seed(0))
    assert torch.equal(out[0, 0], out[0, 1])
    assert sorted(out[0, 0].tolist()) == list(range(10))
