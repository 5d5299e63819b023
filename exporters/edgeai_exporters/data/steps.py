"""Turns sources into feeds by the device's own pipeline of declared steps, whose model only takes notes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeai.building import fill_hashes, read_manifest
from edgeai.bundle import Bundle, Loop, Model, RunStage, Source, StepStage, TensorSpec, list_specs
from edgeai.bundle import Stage as AnyStage
from edgeai.bundle.manifest import MANIFEST, SCHEMA, parse_manifest
from edgeai.errors import EdgeError, ExportError, one_line
from edgeai.open_bundle import open_bundle
from edgeai.pipeline.bind import Step
from edgeai.pipeline.model import ModelPort
from edgeai.pipeline.pipeline import Pipeline, bind_stages
from edgeai.pipeline.values import Outputs as StageOutputs
from edgeai.store import Held

from ..arrays import Array, Feed, Outputs
from .checks import checked_feed

Run = Callable[[Feed], Outputs]
_ABSENT = {"id": "absent", "format": "absent", "files": {"absent": f"sha256:{'0' * 64}"}}
"""A variant that stands for those that are still to be made."""


class Steps:
    """The stage of a bundle that runs the model, without the stages before it that run others.

    run: what runs the model, so that state goes on from window to window as on a device; None: every window
    starts afresh.
    """

    def __init__(
        self,
        bundle: Bundle,
        stage: RunStage,
        inputs: Sequence[TensorSpec],
        run: Run | None,
        held: Held | None = None,
    ) -> None:
        assert bundle.source is not None
        self._held = held  # so that nobody cleans the unpacked bundle away meanwhile
        self.inputs = tuple(inputs)
        self.kind = bundle.source.kind
        """What the stage takes: `image`, `audio`, `text`, `bytes` or `tensors`."""
        self.fragment = _fragment(bundle, stage)
        """The steps as a manifest has them."""
        self.files = {name: bundle.assets[name] for name in bundle.assets}
        """Files that the steps name, by path inside the bundle."""
        self._model = next(model for model in bundle.models if model.name == stage.model)
        self._names = _names(self._model, self.inputs, bundle.path)
        self._bundle, self._run = _alone(bundle, stage), run
        bound = bind_stages(_alone(bundle, stage, keep_post=True), {})[-1]
        self._pre, self._post = bound.pre, bound.post

    @property
    def lacks_state(self) -> bool:
        """Whether a window's feed has state of the one before, and nothing runs the model to know it."""
        return self._run is None and any(isinstance(state, Loop) for state in self._model.state)

    def feeds(self, source: Any, where: str) -> list[Feed]:
        """What goes into the model for one source, in order: several for a recording. Raises ExportError."""
        notes = self._notes(self._run)
        port = ModelPort(self._model, notes, lambda: notes)
        pipeline = Pipeline(self._bundle, {self._model.name: port}, {})
        with ExitStack() as stack:
            stack.callback(pipeline.close)
            try:
                pipeline.predict(source)
            except EdgeError as error:
                text = str(error)
                raise ExportError(text if where in text else f"{where}: {text}") from error
        return [checked_feed(self._renamed(feed), self.inputs, where) for feed in notes.feeds]

    def feed(self, source: Any, where: str) -> Feed:
        """As `feeds`, of a source that gives one."""
        feeds = self.feeds(source, where)
        if len(feeds) != 1:
            raise ExportError(
                f"{where}: the steps gave {len(feeds)} feeds, and one is wanted; check the steps"
            )
        return feeds[0]

    @property
    def takes_several(self) -> bool:
        """Whether the steps make one feed of several sources, as a tokenizer does."""
        return bool(self._pre) and self._pre[0].takes_list

    def together(self, sources: Sequence[Any], where: str) -> Feed:
        """One feed of several sources, filled up as the steps do."""
        value: Any = list(sources)
        for step in self._pre:
            value = step.start()(value, {})
        notes = self._notes(None)
        feed = ModelPort(self._model, notes, lambda: notes).feed(value, where)
        return checked_feed(self._renamed(feed), self.inputs, where)

    def answer(self, outputs: Outputs, feed: Feed) -> Outputs:
        """What the steps behind the model make of its outputs, as long as that is arrays."""
        value: Any = StageOutputs(outputs, feed)
        answer = dict(outputs)
        for step in self._array_steps():
            value = step.start()(value, {})
            if isinstance(value, StageOutputs):
                answer = dict(value.answers)
            elif isinstance(value, np.ndarray):
                answer = {"answer": value}
            else:
                break
        return answer

    @property
    def has_answer(self) -> bool:
        """Whether there are steps behind the model that may make arrays of its outputs."""
        return bool(self._array_steps())

    def _array_steps(self) -> list[Step]:
        found = []
        for step in self._post:
            if step.call.op not in _ARRAY_STEPS:
                break
            found.append(step)
        return found

    def _renamed(self, feed: Feed) -> Feed:
        return {self._names[name]: array for name, array in feed.items()}

    def _notes(self, run: Run | None) -> _Notes:
        own = {name: declared for declared, name in self._names.items()}
        inputs = tuple(replace(spec, name=own[spec.name]) for spec in self.inputs)
        loops = {state.output: state.input for state in self._model.state if isinstance(state, Loop)}
        source = None if run is None else lambda feed: run(self._renamed(feed))
        return _Notes(inputs, source, loops)


_ARRAY_STEPS = ("pool@1", "l2_normalize@1", "softmax@1", "sigmoid@1")
"""Steps behind a model whose answers are arrays again, which metrics can look at."""


def read_steps(
    path: Path, inputs: Sequence[TensorSpec], model: str | None = None, run: Run | None = None
) -> Steps:
    """The steps of a manifest or a bundle (packed or a folder) that make feeds for a model.

    model: its name there; None: that of the only stage that runs one. Variants need not exist yet.
    Raises ExportError where no stage runs it, ManifestError for steps that cannot be.
    """
    bundle, held = _read(path)
    stages = [stage for stage in bundle.stages if isinstance(stage, RunStage)]
    fitting = [stage for stage in stages if model in {None, stage.model}]
    if not fitting or (model is None and len(fitting) > 1):
        have = one_line(", ".join(dict.fromkeys(stage.model for stage in stages))) or "none"
        wanted = "say which model with its name" if model is None else f"no stage runs {one_line(model)!r}"
        raise ExportError(f"{one_line(path)}: {wanted}; its stages run: {have}")
    return Steps(bundle, fitting[0], inputs, run, held)


def make_steps(
    source: Mapping[str, Any],
    pre: Sequence[Mapping[str, Any]],
    inputs: Sequence[TensorSpec],
    files: Mapping[str, Path] | None = None,
) -> Steps:
    """Steps that no manifest declares yet: of a `source` and `pre` as a manifest would have them."""
    manifest = {
        **_HEAD,
        "source": dict(source),
        "models": {"model": {"variants": [_ABSENT]}},
        "pipeline": [{"run": "model", "pre": list(pre)}],
        "assets": dict.fromkeys(files or {}, f"sha256:{'0' * 64}"),
    }
    bundle = parse_manifest(manifest, Path(), Path("the steps"))
    bundle = replace(bundle, assets=dict(files or {}))
    stage = bundle.stages[0]
    assert isinstance(stage, RunStage)
    return Steps(bundle, stage, inputs, None)


_HEAD = {"schema": SCHEMA, "id": "local/steps", "version": "0.0.0"}


@dataclass
class _Notes:
    """Stands for the model: keeps what it is fed. loops: inputs by the outputs that are fed back to them."""

    inputs: tuple[TensorSpec, ...]
    source: Run | None
    loops: Mapping[str, str]

    def __post_init__(self) -> None:
        self.feeds: list[Feed] = []

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        self.feeds.append({name: np.array(array) for name, array in inputs.items()})
        if self.source is not None and self.loops:
            return dict(self.source(inputs))
        return {output: inputs[name] for output, name in self.loops.items()}

    def reset(self) -> None:
        """It keeps nothing."""

    def close(self) -> None:
        """It holds nothing."""


def _names(model: Model, inputs: Sequence[TensorSpec], shown: Path) -> dict[str, str]:
    """The inputs' names by those that the manifest declares: the same, or in its order."""
    names = [spec.name for spec in inputs]
    if not model.inputs or set(model.inputs) == set(names):
        return dict(zip(names, names, strict=True))
    if len(model.inputs) != len(names):
        raise ExportError(
            f"{one_line(shown)} declares the inputs {one_line(', '.join(model.inputs))}; the model has "
            f"{list_specs(inputs)}"
        )
    return dict(zip(model.inputs, names, strict=True))


def _read(path: Path) -> tuple[Bundle, Held | None]:
    file = path / MANIFEST if path.is_dir() else path
    if file.suffix.lower() != ".json":
        return open_bundle(path)
    manifest: dict[str, Any] = {**_HEAD, **copy.deepcopy(dict(read_manifest(file)))}
    models = manifest.get("models")
    for model in models.values() if isinstance(models, dict) else ():
        if isinstance(model, dict):
            model["variants"] = [_ABSENT]
    manifest.pop("golden", None)
    return parse_manifest(fill_hashes(manifest, file.parent, file), file.parent, file), None


def _alone(bundle: Bundle, stage: RunStage, *, keep_post: bool = False) -> Bundle:
    """The bundle with the stage as its last, behind those steps before it that no model comes before."""
    by_name = {each.as_: each for each in bundle.stages}
    chain: list[AnyStage] = []
    place = stage.from_
    while place in by_name:
        before = by_name[place]
        if not isinstance(before, StepStage):
            break  # a source stands for what that model found, such as a picture for a crop
        chain.insert(0, before)
        place = before.from_
    own = replace(stage, batch=None, only_if=None, post=stage.post if keep_post else ())
    stages = [*(replace(each, only_if=None) for each in chain), own]
    if place != "source":
        stages[0] = replace(stages[0], from_="source")
    source = bundle.source or Source("tensors")
    return replace(bundle, stages=tuple(stages), result=own.as_, source=source)


def _fragment(bundle: Bundle, stage: RunStage) -> dict[str, Any]:
    assert bundle.source is not None
    rate = {} if bundle.source.rate_hz is None else {"rate": bundle.source.rate_hz}
    return {
        "source": {"kind": bundle.source.kind, **rate},
        "pre": [{"op": call.op, **call.params} for call in stage.pre],
    }
