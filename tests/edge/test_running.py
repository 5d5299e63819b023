"""Runs of bundles and models over sources: order, times, failures, options, and what they came to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeai.answer import Answer, Failed
from edgeai.errors import InputError, UsageError
from edgeai.running import RunRequest, open_run
from tests import real_bundles


def run(path: Path, *sources: object, **options: object) -> list[Answer | Failed]:
    request = RunRequest(str(path), tuple(map(str, sources)), **options)  # type: ignore[arg-type]
    with open_run(request) as opened:
        return list(opened)


def times(answers: list[Answer | Failed]) -> list[float | None]:
    return [each.result.start_s for each in answers if isinstance(each, Answer)]


@pytest.mark.parametrize("chunk_s", [0.003, 0.1, 0.37, 100.0])
def test_chunks_of_any_length_give_the_same_events(chunk_s: float, tmp_path: Path) -> None:
    bundle = real_bundles.loudness(tmp_path / "loudness")
    sound = real_bundles.sound(tmp_path / "a.wav", [(0.2, 0.3), (0.75, 0.8)], 1.0)
    assert times(run(bundle, sound, chunk_s=chunk_s)) == [0.2, 0.75]


def test_every_recording_has_a_stream_of_its_own(tmp_path: Path) -> None:
    def count_windows(manifest: dict[str, object]) -> None:
        manifest["pipeline"][0]["post"] = [{"op": "score@1", "tensor": "next"}]  # type: ignore[index]

    bundle = real_bundles.loudness(tmp_path / "loudness", count_windows)
    sound = real_bundles.sound(tmp_path / "a.wav", [], 0.05)
    answers = run(bundle, sound, sound)
    assert [each.result.value for each in answers if isinstance(each, Answer)] == [1, 2, 3, 4, 5] * 2
    assert times(answers) == pytest.approx([0, 0.01, 0.02, 0.03, 0.04] * 2)


def test_a_recording_shorter_than_a_window_gives_nothing(tmp_path: Path) -> None:
    bundle = real_bundles.loudness(tmp_path / "loudness")
    assert run(bundle, real_bundles.sound(tmp_path / "a.wav", [(0, 1)], 0.005)) == []


def test_a_source_that_ends_in_damage_gives_what_came_before(tmp_path: Path) -> None:
    bundle = real_bundles.linear(tmp_path / "linear")
    lines = tmp_path / "x.jsonl"
    lines.write_text('{"x": [[1, 1, 1, 1]]}\n{"x": [[1, 2]]}\n{"x": [[2, 2, 2, 2]]}\n{"x": \n')
    np.save(tmp_path / "y.npy", np.zeros((1, 4), np.float32))
    first, wrong, third, broken, other = run(bundle, lines, tmp_path / "y.npy")
    assert isinstance(first, Answer)
    assert isinstance(wrong, Failed)  # of a shape that the model does not take: the next line may fit
    assert isinstance(wrong.error, InputError)
    assert str(wrong).startswith(f"{lines}:2: ")
    assert isinstance(third, Answer)
    assert third.source == f"{lines}:3"
    assert isinstance(broken, Failed)
    assert isinstance(other, Answer)
    assert other.result.value["y"].tolist() == [[1, 1, 1, 1]]


def test_an_error_inside_a_model_ends_one_item_only(tmp_path: Path) -> None:
    bundle = real_bundles.mood(tmp_path / "mood")
    np.savez(tmp_path / "bad.npz", ids=np.array([[99]]))  # no row of the table has this number
    np.savez(tmp_path / "good.npz", ids=np.array([[1, 1]]))
    bad, good = run(bundle, tmp_path / "bad.npz", tmp_path / "good.npz", model="mood")
    assert isinstance(bad, Failed)
    assert isinstance(good, Answer)
    assert good.result.value["y"].argmax() == 0


def test_one_array_for_a_model_of_several_inputs_asks_for_names(tmp_path: Path) -> None:
    bundle = real_bundles.loudness(tmp_path / "loudness")
    np.save(tmp_path / "x.npy", np.zeros((1, 160), np.float32))
    (failed,) = run(bundle, tmp_path / "x.npy", model="loud")
    assert "give a .npz: x: f32[1, 160]; count: f32[1, 1]" in str(failed)


def test_a_misspelt_source_is_told_before_anything_runs(tmp_path: Path) -> None:
    bundle = real_bundles.classifier(tmp_path / "colors")
    picture = real_bundles.picture(tmp_path / "red.png", "red")
    with pytest.raises(InputError, match="nosuch"):
        open_run(RunRequest(str(bundle), (str(picture), "nosuch.png")))


def test_a_bundle_of_several_models_without_a_pipeline_asks_which(tmp_path: Path) -> None:
    def split(manifest: dict[str, object]) -> None:
        models = manifest["models"]
        assert isinstance(models, dict)
        models["other"] = models["linear"]

    bundle = real_bundles.linear(tmp_path / "linear", split)
    np.save(tmp_path / "x.npy", np.zeros((1, 4), np.float32))
    with pytest.raises(UsageError, match="linear, other; choose one with --model"):
        run(bundle, tmp_path / "x.npy")
    (answer,) = run(bundle, tmp_path / "x.npy", model="other", top=1)
    assert isinstance(answer, Answer)
    assert answer.to_json()["result"] == {"y": [{"index": 0, "value": 1.0}]}


def test_a_pipeline_on_tensors_gets_them_by_name(tmp_path: Path) -> None:
    bundle = real_bundles.linear(tmp_path / "linear", pipeline=True)
    lines = tmp_path / "x.jsonl"
    lines.write_text('{"x": [[1, 1, 1, 1]]}\n')
    (answer,) = run(bundle, lines)
    assert isinstance(answer, Answer)
    assert answer.to_json()["result"] == {"y": [[3, 3, 3, 3]]}


def test_totals_count_items_sound_and_failures(tmp_path: Path) -> None:
    bundle = real_bundles.loudness(tmp_path / "loudness")
    sound = real_bundles.sound(tmp_path / "a.wav", [(0.2, 0.3)], 2.5)
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    started: list[str] = []
    with open_run(RunRequest(str(bundle), (str(sound), str(tmp_path / "b.wav")))) as opened:
        answers = list(opened.answers(started.append))
        totals = opened.totals
    assert started == [str(sound), str(tmp_path / "b.wav")]
    assert [type(each) for each in answers] == [Answer, Failed]
    assert (totals.answers, totals.failed, totals.sound_s) == (1, 1, 2.5)
    assert totals.stages["events"].runs > 0
    assert totals.busy_s >= totals.stages["events"].total_s


def test_a_line_says_times_latency_and_result(tmp_path: Path) -> None:
    bundle = real_bundles.loudness(tmp_path / "loudness")
    (answer,) = run(bundle, real_bundles.sound(tmp_path / "a.wav", [(0.2, 0.3)], 1.0))
    assert isinstance(answer, Answer)
    assert list(answer.to_json()) == ["source", "start_s", "end_s", "latency_s", "result"]
