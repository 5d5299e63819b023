"""What a benchmark gives to a pipeline: a user's file, a sample that the bundle brings, or something made up.

It travels to the measuring processes as arrays. `Source.form` says what those stand for: `array` for the one
array in them, `bytes` and `text` for what it spells, `tensors` for arrays by the model's input names.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..bundle import Bundle, Input, Loop, Model, RunStage, StepStage, TensorSpec, Window
from ..errors import InputError, one_line
from ..regular_file import open_regular
from ..sources import Item, open_source
from ..sources.bounded import read_all
from .inputs import candidate_shapes, synthetic_inputs
from .protocol import Hops, InputRequest, Source

if TYPE_CHECKING:
    from ..backends import Array

Found = tuple[Source, dict[str, "Array"]]

_ONLY = "source"  # what the only array is called
_LONGEST_S = 30.0
"""Of a recording, so much is used: samples lie in memory while that is measured."""
_SOUND_S = 3.0
"""Length of made-up sound; more where the windows are longer."""
_VGA = (640, 480)
"""Width and height of a made-up picture where a step resizes it anyway: what the cheapest cameras give."""
_RESIZING = ("resize", "letterbox", "center_crop", "region")
_NOISE_BYTES = 64 << 10
_SENTENCE = "The quick brown fox jumps over the lazy dog. "
_SENTENCES = 5
_LOUDNESS = 0.1  # of made-up sound: it peaks at -20 dB of full scale, as quiet speech does


def hops_of(bundle: Bundle, chunk_s: float | None) -> Hops | None:
    """How a bundle's stream is pushed; None where its pipeline takes no sound, or a recording as a whole."""
    if bundle.source is None or bundle.source.kind != "audio":
        return None
    windows = _windows_of_sound(bundle)
    if not windows or None in windows:
        return None
    hop_s = min(window.hop / window.rate_hz for window in windows if window is not None)
    return Hops(hop_s, chunk_s or hop_s)


def read_source(bundle: Bundle, asked: InputRequest) -> Found | None:
    """The user's file, else the first sample that the bundle brings for its pipeline, else noise.

    None for a pipeline that takes tensors, which have to be made up to fit. Raises InputError for what cannot
    be read as what the pipeline takes, ExtraMissing where that takes a library.
    """
    assert bundle.source is not None
    if asked.source is not None:
        return _from_file(bundle, asked, Path(asked.source), asked.source, "file")
    for golden in bundle.golden:
        if golden.model is None and golden.source is not None:
            told = f"sample {golden.id!r} of the bundle"
            return _from_file(bundle, asked, golden.source, one_line(told), "golden")
    return None if bundle.source.kind == "tensors" else _made_up(bundle, asked)


def made_up_tensors(bundle: Bundle, specs: tuple[TensorSpec, ...], asked: InputRequest) -> Iterator[Found]:
    """Arrays for the first model of a pipeline that takes tensors, in the sizes to try, in order.

    specs: of that model's inputs, as it was opened.
    """
    model = first_model(bundle)
    filled = {name for name, each in model.inputs.items() if each.value is not None}
    looped = {state.input for state in model.state if isinstance(state, Loop)}
    free = [spec for spec in specs if spec.name not in filled | looped]
    told = "made up: floats uniform in [0, 1), integers 0, strings empty"
    given = {
        spec.name: sizes
        for spec in free
        if (sizes := declared_shape(model.inputs.get(spec.name))) is not None
    }
    for shapes in candidate_shapes(free, given, None):
        arrays = synthetic_inputs(free, shapes, {}, asked.seed)
        yield Source("tensors", "tensors", told, "synthetic"), arrays


def first_model(bundle: Bundle) -> Model:
    """The model that the pipeline runs first."""
    name = next((stage.model for stage in bundle.stages if isinstance(stage, RunStage)), None)
    return next(model for model in bundle.models if name in {None, model.name})


def declared_shape(declared: Input | None) -> tuple[int, ...] | None:
    """The usual sizes of an input, a symbolic first one as 1; None where the manifest leaves another out."""
    if declared is None:
        return None
    sizes: list[int] = []
    for axis, size in enumerate(declared.spec.shape):
        if isinstance(size, int):
            sizes.append(size)
        elif size in declared.ranges:
            sizes.append(declared.ranges[size].opt)
        elif axis == 0:
            sizes.append(1)
        else:
            return None
    return tuple(sizes)


def value_of(source: Source, arrays: Mapping[str, Array]) -> Any:
    """What `Session.predict` takes, of the arrays that were kept."""
    if source.form == "tensors":
        return dict(arrays)
    only = arrays[_ONLY]
    if source.form == "bytes":
        return only.tobytes()
    return str(only[0]) if source.form == "text" else only


def _from_file(bundle: Bundle, asked: InputRequest, file: Path, told: str, origin: str) -> Found:
    assert bundle.source is not None
    kind = bundle.source.kind
    sha256 = _sha256(file)
    # With the scheme in front, so that no name of a file is taken for another source.
    with open_source(f"file:{file}", kind, chunk_s=1.0, dtypes=_dtypes(bundle)) as source:
        if kind == "audio":
            samples, rate_hz, is_cut = _samples(source)
            told += f", its first {_LONGEST_S:g} s" if is_cut else ""
            found = Source(kind, "array", told, origin, rate_hz, str(file), sha256)
            return found, {_ONLY: _long_enough(bundle, samples, rate_hz, asked.chunk_s)}
        item = next(source, None)
    if item is None:
        raise InputError(f"{one_line(file)} holds nothing to give to the pipeline; give another --source")
    form, arrays = _as_arrays(kind, item)
    return Source(kind, form, told, origin, None, str(file), sha256), arrays


def _as_arrays(kind: str, item: Item) -> tuple[str, dict[str, Array]]:
    value = item.value
    if kind == "tensors":
        return ("array", {_ONLY: value}) if isinstance(value, np.ndarray) else ("tensors", dict(value))
    if kind == "text":
        return "text", {_ONLY: np.array([value], dtype=object)}
    with open_regular(value) as file:
        content = read_all(file, one_line(value))
    return "bytes", {_ONLY: np.frombuffer(content, np.uint8)}


def _samples(items: Iterator[Item]) -> tuple[Array, int, bool]:
    """The recording's samples, its rate, and whether it goes on."""
    parts: list[Array] = []
    for item in items:
        assert item.rate_hz is not None
        rate_hz, most = round(item.rate_hz), round(_LONGEST_S * item.rate_hz)
        parts.append(item.value)
        count = sum(map(len, parts))
        if item.is_last or count >= most:
            return np.concatenate(parts)[:most], rate_hz, not item.is_last or count > most
    raise AssertionError("a sound without samples is refused when it is opened")


def _long_enough(bundle: Bundle, samples: Array, rate_hz: int, chunk_s: float | None) -> Array:
    """A recording that is shorter than a few windows and chunks of a stream, over and over."""
    wanted = math.ceil(_shortest_s(bundle, chunk_s) * rate_hz)
    return samples if len(samples) >= wanted else np.resize(samples, wanted)


def _shortest_s(bundle: Bundle, chunk_s: float | None) -> float:
    """Sound for four windows of every model, and two chunks; nothing where it is taken as a whole."""
    if hops_of(bundle, None) is None:
        return 0.0
    windows = [window for window in _windows_of_sound(bundle) if window is not None]
    return max(2 * (chunk_s or 0.0), *((each.size + 3 * each.hop) / each.rate_hz for each in windows))


def _made_up(bundle: Bundle, asked: InputRequest) -> Found:
    assert bundle.source is not None
    kind, random = bundle.source.kind, np.random.default_rng(asked.seed)
    rate_hz = None
    if kind == "image":
        width, height = _picture_size(bundle)
        form, told = "array", f"made up: a picture of noise, {width}x{height}"
        value: Array = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    elif kind == "audio":
        rate_hz = bundle.source.rate_hz
        assert rate_hz is not None
        seconds = max(_SOUND_S, _shortest_s(bundle, asked.chunk_s))
        form, told = "array", f"made up: {seconds:.3g} s of noise at {rate_hz} Hz"
        count = math.ceil(seconds * rate_hz)
        value = (random.random(count, dtype=np.float32) * 2 - 1) * np.float32(_LOUDNESS)
    elif kind == "text":
        form, told = "text", f"made up: {_SENTENCES} times {_SENTENCE.strip()!r}"
        value = np.array([_SENTENCE * _SENTENCES], dtype=object)
    else:
        form, told = "bytes", f"made up: {_NOISE_BYTES} bytes of noise"
        value = random.integers(0, 256, _NOISE_BYTES, dtype=np.uint8)
    return Source(kind, form, told, "synthetic", rate_hz), {_ONLY: value}


def _picture_size(bundle: Bundle) -> tuple[int, int]:
    """Width and height: what the first model declares, unless a step makes that of any picture."""
    stage = next((stage for stage in bundle.stages if isinstance(stage, RunStage)), None)
    ops = [] if stage is None else [call.op.partition("@")[0] for call in stage.pre]
    steps = [each.step.op.partition("@")[0] for each in bundle.stages if isinstance(each, StepStage)]
    if not set(_RESIZING) & {*ops, *steps}:
        for declared in first_model(bundle).inputs.values():
            layout, sizes = declared.layout, declared_shape(declared)
            if layout is not None and sizes is not None and {"W", "H"} <= set(layout):
                return sizes[layout.index("W")], sizes[layout.index("H")]
    return _VGA


def _windows_of_sound(bundle: Bundle) -> list[Window | None]:
    """Of the models that take sound, or what steps make of it; None for one that takes it as a whole."""
    sound = {"source"}
    windows: list[Window | None] = []
    models = {model.name: model for model in bundle.models}
    for stage in bundle.stages:
        if stage.from_ not in sound:
            continue
        if isinstance(stage, RunStage):
            windows.append(models[stage.model].window)
        else:
            sound.add(stage.as_)
    return windows


def _dtypes(bundle: Bundle) -> dict[str, str]:
    return {name: declared.spec.dtype for name, declared in first_model(bundle).inputs.items()}


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(file) as opened:
        while chunk := opened.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
