"""A bundle or a model as a page of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..bundle.declared import Context, Loop, RunStage
from ..errors import one_line
from ..quantities import bytes_text
from ..variant_facts import other_quality
from .variant_table import variant_lines, warnings_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..bundle.declared import Condition, Golden, Input, Stage, State, StepCall, Window
    from ..bundle.types import Bundle, Model, Needs, Variant
    from ..graph import GraphSummary
    from ..showing import Description

_FEW = 6  # operators that a line names


def page(found: Description, *, verbose: bool) -> Iterator[str]:
    """The lines. verbose: every operator and file, quality and provenance."""
    bundle = found.bundle
    yield from _head(found)
    yield from warnings_of(found.variants)
    if bundle.stages:
        yield f"pipeline, answers with {one_line(bundle.result)}"
        yield from (f"  {one_line(stage.as_)}: {_stage(stage)}" for stage in bundle.stages)
    for model in bundle.models:
        yield f"model {one_line(model.name)}"
        yield from (f"  {line}" for line in _model(model, found, verbose))
    yield from _beside(found, verbose)
    for key in found.unknown_keys:
        yield f"note: {one_line(key)} is not read by this edgeai: newer than it, or misspelt"


def _beside(found: Description, verbose: bool) -> Iterator[str]:
    """Assets, golden samples, and what the manifest says of quality and provenance."""
    bundle = found.bundle
    if bundle.assets:
        yield "assets"
        for name in bundle.assets:
            yield f"  {_file(found, name, verbose)}"
    for golden in bundle.golden:
        name = golden.where if golden.id == golden.where else f"golden {one_line(golden.id)}"
        yield f"{name}: {_golden(golden, bundle)}"
    # Of quality what no table of variants has told already.
    told = {"quality": other_quality(bundle), "provenance": bundle.manifest.get("provenance")}
    if verbose:
        told["quality"] = bundle.manifest.get("quality")
    for key, value in told.items():
        if verbose and value:
            yield f"{key}"
            yield from (f"  {line}" for line in _facts(value))
        elif value:
            yield f"{key}: {one_line(json.dumps(value), 200)}"


def _head(found: Description) -> Iterator[str]:
    bundle = found.bundle
    if bundle.is_bare:
        yield f"{one_line(bundle.path.name)}  a bare {bundle.models[0].variants[0].format} model"
        yield f"  size      {bytes_text(found.size_bytes)}"
        return
    yield f"{one_line(bundle.id)} {one_line(bundle.version)}"
    files = f"{len(found.files)} file{'s' if len(found.files) != 1 else ''}"
    how = "packed" if found.form == "packed" else "in a folder"
    yield f"  size      {bytes_text(found.size_bytes)}, {files}, {how}"
    yield f"  identity  {bundle.identity}{', signed (not checked)' if found.is_signed else ''}"
    yield f"  licence   {one_line(bundle.licence or 'not stated')}"
    if bundle.source is not None:
        rate = f" at {bundle.source.rate_hz:,} Hz" if bundle.source.rate_hz else ""
        yield f"  takes     {bundle.source.kind}{rate}"
    provenance = bundle.manifest.get("provenance")
    if isinstance(provenance, dict) and provenance.get("calibration") == "random":
        yield "  WARNING   calibrated with random numbers: its quality on real data is unknown"


def _stage(stage: Stage) -> str:
    parts = []
    if isinstance(stage, RunStage):
        parts += [*map(_step, stage.pre), f"model {one_line(stage.model)}", *map(_step, stage.post)]
        if stage.batch is not None:
            parts[len(stage.pre)] += f" in batches of up to {stage.batch.max}"
    else:
        parts.append(_step(stage.step))
    return f"{one_line(stage.from_)} > " + " > ".join(parts) + _condition(stage.only_if)


def _condition(condition: Condition | None) -> str:
    if condition is None:
        return ""
    times = [
        f"{word} {value:g} s"
        for word, value in (("lead", condition.lead_s), ("hold", condition.hold_s))
        if value
    ]
    return f", only if {one_line(condition.from_)} > {condition.above:g}" + "".join(
        f", {each}" for each in times
    )


def _step(call: StepCall) -> str:
    params = ", ".join(f"{name}={json.dumps(value)}" for name, value in call.params.items())
    return one_line(f"{call.op}({params})" if params else call.op, 120)


def _model(model: Model, found: Description, verbose: bool) -> Iterator[str]:
    for name, given in model.inputs.items():
        yield f"input   {_input(name, given)}"
    for spec in model.outputs.values():
        yield f"output  {spec}"
    yield from (f"state   {_state(state)}" for state in model.state)
    if model.window is not None:
        yield f"window  {_window(model.window)}"
    for variant in model.variants:
        yield from _variant(model, variant, found, verbose)
    yield from variant_lines(
        [facts for facts in found.variants if facts.model == model.name], verbose=verbose
    )


def _input(name: str, given: Input) -> str:
    words = [str(given.spec), given.layout, given.color]
    if given.value is not None:
        words.append(f"always {given.value:g}")
    words += [
        f"{one_line(size_)} {limits.min} to {limits.max}" + (f" by {limits.step}" if limits.step > 1 else "")
        for size_, limits in given.ranges.items()
    ]
    return ", ".join(one_line(word) for word in words if word)


def _state(state: State) -> str:
    if isinstance(state, Loop):
        return f"{one_line(state.output)} goes back into {one_line(state.input)}, {state.initial:g} at first"
    if isinstance(state, Context):
        return f"the last {state.size} of {one_line(state.input)} in front of the next"
    return "inside the model"


def _window(window: Window) -> str:
    extra = f", {window.lead} zeros in front" if window.lead else ""
    tail = "the rest is dropped" if window.pad is None else f"the last one filled up with {window.pad:g}"
    return (
        f"{one_line(window.input)} of {window.size}, every {window.hop} at {window.rate_hz:g} a second"
        f" ({window.hop / window.rate_hz * 1e3:g} ms){extra}; {tail}"
    )


def _variant(model: Model, variant: Variant, found: Description, verbose: bool) -> Iterator[str]:
    is_bare = found.bundle.is_bare
    if not is_bare:
        total = sum(found.files[name].size_bytes for name in variant.files)
        words = [variant.format, variant.precision, bytes_text(total), _needs(variant.needs)]
        yield f"variant {one_line(variant.id)}: " + ", ".join(one_line(word) for word in words if word)
    indent = "" if is_bare else "  "
    if verbose and not is_bare:
        for name in variant.files:
            yield f"{indent}{_file(found, name, verbose)}"
    graph = found.graphs.get((model.name, variant.id))
    if isinstance(graph, str):
        yield f"{indent}{graph}"
    elif graph is not None:
        yield from (f"{indent}{line}" for line in _graph(graph, verbose, with_signature=not model.inputs))


def _needs(needs: Needs) -> str:
    words = [f"{name} {range_}" for name, range_ in needs.versions.items()]
    words += [f"IR {needs.ir}"] if needs.ir else []
    words += [*needs.cpu, *(f"{name} not known here" for name in needs.unknown)]
    words += [" or ".join(needs.providers)] if needs.providers else []
    return f"needs {', '.join(words)}" if words else ""


def _graph(graph: GraphSummary, verbose: bool, *, with_signature: bool) -> Iterator[str]:
    if with_signature:
        yield from (f"input   {spec}" for spec in graph.inputs)
        yield from (f"output  {spec}" for spec in graph.outputs)
    if graph.format == "onnx":
        sets = ", ".join(f"{one_line(domain)} {version}" for domain, version in graph.opsets.items())
        yield f"IR {graph.version}, opset {sets or 'not stated'}{_by(graph)}"
    else:
        yield f"schema {graph.version}{_by(graph)}"
        if len(graph.signatures) > 1:
            yield f"signatures {one_line(', '.join(graph.signatures))}"
    operators = _operators(graph.operators, None if verbose else _FEW)
    yield f"{sum(graph.operators.values()):,} operators: {operators}"
    weights = [f"{dtype} {bytes_text(each.size_bytes)}" for dtype, each in graph.weights.items()]
    yield f"weights {', '.join(weights) or 'none'}"
    if graph.external_files:
        yield f"weights lie in {one_line(', '.join(graph.external_files))}"


def _by(graph: GraphSummary) -> str:
    return f", made by {one_line(graph.producer, 80)}" if graph.producer else ""


def _operators(counts: Mapping[str, int], most: int | None) -> str:
    names = [f"{one_line(name)} {count:,}" for name, count in counts.items()][:most]
    left = len(counts) - len(names)
    return ", ".join(names) + (f" and {left} other kinds" if left else "")


def _golden(golden: Golden, bundle: Bundle) -> str:
    limits = ", ".join(f"{one_line(name)} {value:g}" for name, value in golden.tolerance.items())
    given = golden.inputs if golden.model is not None else golden.source
    assert given is not None
    assert bundle.folder is not None
    through = "the pipeline" if golden.model is None else f"model {one_line(golden.model)}"
    return f"{one_line(given.relative_to(bundle.folder))} through {through}" + (
        f" ({limits})" if limits else ""
    )


def _file(found: Description, name: str, verbose: bool) -> str:
    file = found.files[name]
    return f"{one_line(name)}  {bytes_text(file.size_bytes)}" + (f"  sha256 {file.sha256}" if verbose else "")


def _facts(value: object) -> Iterable[str]:
    entries = (
        value.items()
        if isinstance(value, Mapping)
        else enumerate(value if isinstance(value, list) else [value])
    )
    for key, each in entries:
        text = each if isinstance(each, str) else json.dumps(each)
        yield one_line(f"{key}: {text}" if isinstance(value, Mapping) else text, 400)
