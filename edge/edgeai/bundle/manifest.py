"""Reads a manifest into the bundle's types; every mistake names the file and the path inside it.

Keys that are not known are kept in `Bundle.manifest` and otherwise passed over, so that older runtimes read
newer bundles; what must not be passed over, a bundle names in `requires`. The JSON Schema is
`manifest.schema.json` beside this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..errors import BundleTooNew, one_line
from .declared import (
    SOURCE_KINDS,
    Context,
    Golden,
    Input,
    Internal,
    Loop,
    RunStage,
    SizeRange,
    Source,
    Stage,
    State,
    Window,
)
from .json_table import NAME, JsonTable, one_of
from .known_keys import BACKENDS, unknown_keys
from .stages import parse_stages
from .types import NUMPY_DTYPES, Bundle, Model, Needs, TensorSpec, Variant

__all__ = ["parse_manifest", "named_files", "unknown_keys", "MANIFEST", "SIGNATURE", "REQUIREMENTS", "SCHEMA"]

SCHEMA = 1
"""The schema that this edgeai reads and writes."""

REQUIREMENTS = ("pipeline", "state", "window")
"""What a bundle may ask for in `requires`."""

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
"""Names inside a bundle that no file of its own may have."""

_SUFFIXES = {".onnx": "onnx", ".tflite": "tflite"}

_ID = r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*"
_VERSION = r"[0-9A-Za-z][0-9A-Za-z.+_-]*"
_SHA256 = r"sha256:[0-9a-f]{64}"
_SPECIFIER = r"(>=|<=|==|!=|>|<)\s*\d+(\.\d+)*(\s*,\s*(>=|<=|==|!=|>|<)\s*\d+(\.\d+)*)*"
# 64 MiB as f32: half a minute of sound at 500 kHz, more than any board keeps for a window.
_MOST_ELEMENTS = 1 << 24

T = TypeVar("T")


def parse_manifest(manifest: Mapping[str, Any], folder: Path, shown: Path) -> Bundle:
    """The bundle that a manifest declares. Nothing but the manifest is looked at.

    folder: where the bundle's files lie. shown: the path that errors name.
    Raises ManifestError, or BundleTooNew for a schema or a requirement that is not known here.
    """
    root = JsonTable(shown, manifest)
    _check_growth(root, manifest)
    named_files(manifest, shown)  # before anything points to a file
    models = _models(root.table("models"), folder)
    if not models:
        root.fail("models", "is missing or empty; name at least one model")
    known = {model.name: model for model in models}
    assets = {name: folder / name for name in _files(root.table("assets"))}
    stages = parse_stages(root.tables("pipeline"), known)
    bundle = Bundle(
        path=shown,
        folder=folder,
        manifest=manifest,
        models=models,
        assets=assets,
        stages=stages,
        id=root.matching("id", _ID, "a name such as acme/door"),
        version=root.matching("version", _VERSION, "a version such as 1.4.0"),
        source=_source(root, stages, known) if stages else None,
        result=_result(root, stages),
        golden=tuple(_golden(table, known, assets, folder) for table in root.tables("golden")),
        licence=root.optional_text("licence"),
    )
    _check_golden_of_pipeline(root, bundle)
    return bundle


def named_files(manifest: Mapping[str, object], shown: str | Path = MANIFEST) -> dict[str, str]:
    """sha256 in hex by path inside the bundle, of every file that a manifest names: its models' and assets.

    Variants in formats that are not known here count too. Raises ManifestError, also where one path has two
    hashes.
    """
    root = JsonTable(Path(shown), manifest)
    found: dict[str, str] = {}
    tables = [root.table("assets")]
    models = root.table("models")
    for name in models.names():
        tables += [variant.table("files") for variant in models.table(name).tables("variants")]
    for table in tables:
        for path, sha256 in _files(table).items():
            if found.setdefault(path, sha256) != sha256:
                table.fail(path, "has another sha256 elsewhere in the manifest")
    return found


def _check_growth(root: JsonTable, manifest: Mapping[str, Any]) -> None:
    schema = manifest.get("schema")
    if isinstance(schema, int) and not isinstance(schema, bool) and schema > SCHEMA:
        raise BundleTooNew(
            f"{one_line(root.file)} has schema {schema}, this edgeai reads {SCHEMA}; update edgeai"
        )
    if root.count("schema") != SCHEMA:
        root.fail("schema", f"must be {SCHEMA}")
    unknown = [name for name in root.texts("requires") if name not in REQUIREMENTS]
    if unknown:
        raise BundleTooNew(
            f"{one_line(root.file)} requires {one_line(', '.join(unknown))}, which this edgeai does not "
            f"know (it knows: {', '.join(REQUIREMENTS)}); update edgeai"
        )


def _files(table: JsonTable) -> dict[str, str]:
    """sha256 in hex by path."""
    files = {}
    for path in table.names():
        if path in {MANIFEST, SIGNATURE} or not path:
            table.fail(path, "is a name that a bundle's own files cannot have")
        if path.startswith("/") or "\\" in path or any(part in {"", ".", ".."} for part in path.split("/")):
            table.fail(path, "is no path inside the bundle; write it as folder/file")
        files[path] = table.matching(path, _SHA256, "sha256: and 64 lower-case hex digits")[7:]
    return files


def _models(table: JsonTable, folder: Path) -> tuple[Model, ...]:
    names = table.names()
    for name in names:
        if not re.fullmatch(NAME, name):
            table.fail(name, "is no name for a model; use letters, digits, _ . and -")
    return tuple(_model(name, table.table(name), folder) for name in names)


def _model(name: str, table: JsonTable, folder: Path) -> Model:
    inputs = _by_name(table.table("inputs"), _input)
    outputs = _by_name(table.table("outputs"), _output)
    variants = tuple(_variant(each, folder) for each in table.tables("variants"))
    if not variants:
        table.fail("variants", "is missing or empty; a model has at least one")
    seen: set[str] = set()
    for index, variant in enumerate(variants):
        if variant.id in seen:
            table.fail(f"variants[{index}].id", f"is {variant.id!r}, which an earlier variant is called too")
        seen.add(variant.id)
    model = Model(
        name=name,
        variants=variants,
        inputs=inputs,
        outputs=outputs,
        state=tuple(_state(each, inputs, outputs) for each in table.tables("state")),
        window=_window(table, inputs),
    )
    _check_who_fills(table, model)
    return model


def _check_who_fills(table: JsonTable, model: Model) -> None:
    """One source for each input: the caller, a constant, or an output that is fed back."""
    fixed = {name for name, each in model.inputs.items() if each.value is not None}
    contexts: set[str] = set()
    for index, state in enumerate(model.state):
        if isinstance(state, Loop):
            if state.input in fixed:
                table.fail(f"state[{index}].input", f"is {state.input!r}, which is filled already")
            fed, out = model.inputs[state.input].spec, model.outputs[state.output]
            if len(fed.shape) != len(out.shape) or not _may_be_equal(fed.shape, out.shape):
                table.fail(f"state[{index}].output", f"is {out}, which does not fit input {fed}")
            fixed.add(state.input)
        elif isinstance(state, Context):
            if state.input in contexts:
                table.fail(f"state[{index}].input", f"is {state.input!r}, which has a context already")
            contexts.add(state.input)
    for name in sorted(contexts & fixed):
        table.fail("state", f"gives a context to {name!r}, which the caller does not fill")
    if model.window is not None and model.window.input in fixed:
        table.fail("window.input", f"is {model.window.input!r}, which the caller does not fill")


def _may_be_equal(one: tuple[int | str, ...], other: tuple[int | str, ...]) -> bool:
    return all(a == b or isinstance(a, str) or isinstance(b, str) for a, b in zip(one, other, strict=True))


def _by_name(table: JsonTable, read: Callable[[str, JsonTable], T]) -> dict[str, T]:
    return {name: read(name, table.table(name)) for name in table.names()}


def _spec(name: str, table: JsonTable) -> TensorSpec:
    dtype = table.choice("dtype", tuple(NUMPY_DTYPES))
    sizes = table.any("shape")
    if not isinstance(sizes, list):
        table.fail("shape", 'is missing or no list; give sizes and names, such as [1, 3, "H", "W"]')
    for index, size in enumerate(sizes):
        is_size = isinstance(size, int) and not isinstance(size, bool) and size >= 0
        if not is_size and not (isinstance(size, str) and size):
            table.fail(f"shape[{index}]", f'is {size!r}; give a size, a name, or "?"')
    return TensorSpec(name, dtype, tuple(sizes))


def _output(name: str, table: JsonTable) -> TensorSpec:
    return _spec(name, table)


def _input(name: str, table: JsonTable) -> Input:
    spec = _spec(name, table)
    dims = table.table("dims")
    ranges: dict[str, SizeRange] = {}
    same: dict[str, str] = {}
    for dimension in dims.names():
        if dimension not in spec.shape:
            dims.fail(dimension, f"is no dimension of {spec}")
        value = dims.any(dimension)
        if isinstance(value, str):
            same[dimension] = value
        elif isinstance(value, dict):
            ranges[dimension] = _range(JsonTable(dims.file, value, f"{dims.key}.{dimension}"))
        else:
            dims.fail(dimension, 'is neither an object with min, opt, max nor "=NAME"')
    for dimension, other in same.items():
        if not other.startswith("=") or other[1:] not in ranges:
            dims.fail(dimension, f'is {other!r}; give "=NAME" of a dimension that has a range')
        ranges[dimension] = ranges[other[1:]]
    return Input(
        spec=spec,
        layout=_layout(table, spec),
        color=table.choice("color", ("RGB", "BGR", "GRAY", "YUV")) if table.has("color") else None,
        ranges=ranges,
        value=table.number("value") if table.has("value") else None,
    )


def _layout(table: JsonTable, spec: TensorSpec) -> str | None:
    layout = table.optional_text("layout")
    if layout is not None and len(layout) != len(spec.shape):
        table.fail("layout", f"is {layout!r}, which has not as many letters as the shape has dimensions")
    return layout


def _range(table: JsonTable) -> SizeRange:
    low, high = table.count("min"), table.count("max")
    step = table.count("step") if table.has("step") else 1
    usual = table.count("opt") if table.has("opt") else high
    if not low <= usual <= high:
        table.fail("", f"must have min <= opt <= max; it has {low}, {usual}, {high}")
    return SizeRange(low, usual, high, step)


def _state(table: JsonTable, inputs: Mapping[str, Input], outputs: Mapping[str, TensorSpec]) -> State:
    kind = table.choice("kind", ("loop", "internal", "context"))
    if kind == "internal":
        return Internal()
    name = one_of(table, "input", inputs)
    if kind == "context":
        context = Context(name, table.count("size"))
        if context.size > _MOST_ELEMENTS:
            table.fail("size", f"is {context.size:,}; the most are {_MOST_ELEMENTS:,}")
        return context
    fed = inputs[name].spec
    if not fed.is_static:
        table.fail("input", f"is {fed}; state needs fixed sizes, since it starts from a filled array")
    initial = table.number("initial") if table.has("initial") else 0.0
    return Loop(name, one_of(table, "output", outputs), float(initial))


def _window(table: JsonTable, inputs: Mapping[str, Input]) -> Window | None:
    value = table.any("window")
    if value is None:
        return None
    if not isinstance(value, dict):
        table.fail("window", "is neither an object nor null")
    window = JsonTable(table.file, value, f"{table.key}.window")
    size = window.count("size")
    lead = window.whole("lead", 0)
    if size > _MOST_ELEMENTS or lead > size:
        window.fail("", f"has more than {_MOST_ELEMENTS:,} elements, or a lead that is longer than it is")
    return Window(
        input=one_of(window, "input", inputs),
        size=size,
        hop=window.count("hop") if window.has("hop") else size,
        rate_hz=window.positive("rate"),
        lead=lead,
        pad=float(window.number("pad")) if window.has("pad") else None,
    )


def _variant(table: JsonTable, folder: Path) -> Variant:
    files = _files(table.table("files"))
    if not files:
        table.fail("files", "is missing or empty; name the variant's file with its sha256")
    names = table.table("names")
    return Variant(
        id=table.matching("id", NAME.replace("A-Za-z_]", "A-Za-z0-9_]", 1), "letters, digits, _ . and -"),
        format=table.text("format"),
        path=folder / _entry(table, files),
        precision=table.optional_text("precision"),
        needs=_needs(table.table("needs")),
        tolerance=_numbers(table.table("tolerance")),
        names={name: names.text(name) for name in names.names()},
        signature=table.optional_text("signature"),
        files=files,
        cost=_cost(table),
    )


def _cost(table: JsonTable) -> Mapping[str, Any]:
    """Kept as it is: figures that nothing here depends on, written by exporters that may be newer."""
    value = table.any("cost")
    if value is not None and not isinstance(value, dict):
        table.fail("cost", "is no object")
    return value or {}


def _entry(table: JsonTable, files: Mapping[str, str]) -> str:
    """The file to open: the one named, the only one, or the only one that is called like a model."""
    entry = table.optional_text("entry")
    if entry is not None:
        if entry not in files:
            table.fail("entry", f"is {entry!r}; give one of the variant's files")
        return entry
    models = [path for path in files if Path(path).suffix in _SUFFIXES]
    candidates = models if len(files) > 1 else list(files)
    if len(candidates) != 1:
        table.fail("entry", "is missing; say which of the files is to be opened")
    return candidates[0]


def _needs(table: JsonTable) -> Needs:
    versions = {
        backend: table.matching(key, _SPECIFIER, "a version range such as >=1.20")
        for key, backend in BACKENDS.items()
        if table.has(key)
    }
    return Needs(
        versions=versions,
        ir=table.count("ir") if table.has("ir") else None,
        cpu=table.texts("cpu"),
        providers=table.texts("providers"),
        unknown=table.names(),
    )


def _numbers(table: JsonTable) -> dict[str, float]:
    return {name: float(table.number(name)) for name in table.names()}


def _source(root: JsonTable, stages: tuple[Stage, ...], models: Mapping[str, Model]) -> Source:
    """What is declared, else what the first model that runs takes."""
    if root.has("source"):
        table = root.table("source")
        kind = table.choice("kind", SOURCE_KINDS)
        source = Source(kind, table.count("rate") if table.has("rate") else None)
        if kind == "audio" and source.rate_hz is None:
            table.fail("rate", "is missing; say at how many samples a second the pipeline takes sound")
        return source
    first = next((models[stage.model] for stage in stages if isinstance(stage, RunStage)), None)
    if first is None:
        return Source("tensors")
    if first.window is not None:
        return Source("audio", round(first.window.rate_hz))
    is_image = any(each.layout or each.color for each in first.inputs.values())
    return Source("image" if is_image else "tensors")


def _result(root: JsonTable, stages: tuple[Stage, ...]) -> str | None:
    names = [stage.as_ for stage in stages]
    if root.has("result"):
        return one_of(root, "result", dict.fromkeys(names))
    return names[-1] if names else None


def _golden(
    table: JsonTable, models: Mapping[str, Model], assets: Mapping[str, Path], folder: Path
) -> Golden:
    def asset(key: str) -> Path | None:
        if not table.has(key):
            return None
        return folder / one_of(table, key, assets)

    golden = Golden(
        id=table.optional_text("id") or table.key,
        model=one_of(table, "model", models) if table.has("model") else None,
        inputs=asset("inputs"),
        outputs=asset("outputs"),
        source=asset("source"),
        result=table.any("result"),
        tolerance=_numbers(table.table("tolerance")),
        where=table.key,
    )
    if golden.model is not None and (golden.inputs is None or golden.outputs is None):
        table.fail("", "names a model, so it needs `inputs` and `outputs`: .npz files among the assets")
    if golden.model is None and golden.source is None:
        table.fail("", "needs a `source` and its `result`, or a `model` with `inputs` and `outputs`")
    return golden


def _check_golden_of_pipeline(root: JsonTable, bundle: Bundle) -> None:
    for golden in bundle.golden:
        if golden.model is None and not bundle.stages:
            root.fail(golden.where, "has a source, but the bundle has no pipeline to give it to")
