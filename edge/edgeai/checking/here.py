"""Opens every variant that should run on this machine, and runs its golden samples."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ..device import cpu_flags, detect_profile
from ..errors import EdgeError, StoreError, one_line
from ..graph import read_graph
from ..open_bundle import open_bundle
from ..opening import open_session
from ..pipeline.golden import Comparison, compare_result, compare_tensors, run_tensors
from ..sources import open_source
from ..sysroot import SysRoot
from ..variants import Candidate, Skipped, rank
from .check import FAIL, MISSING, NO, OK, SKIPPED, Check, failed
from .steps import bind_all

if TYPE_CHECKING:
    from ..bundle import Bundle, Golden, Model
    from ..session import Session

AnyPath = str | os.PathLike[str]


def check_models_here(path: AnyPath) -> Iterator[Check]:
    """Each variant: opened, its inputs and outputs against the manifest, its samples; then the pipeline's."""
    with ExitStack() as opened:
        try:
            bundle, held = open_bundle(path)
        except StoreError as error:
            yield failed("store", error)
            return
        if held is not None:
            opened.enter_context(held)
        yield from _bare(path, bundle) if bundle.is_bare else _models(path, bundle)


def _bare(path: AnyPath, bundle: Bundle) -> Iterator[Check]:
    signatures: tuple[str | None, ...] = read_graph(bundle.path).signatures
    for signature in signatures if len(signatures) > 1 else (None,):
        what = "model" if signature is None else f"signature {one_line(signature)}"
        try:
            with _open(path, signature=signature) as session:
                yield Check(what, OK, f"opens on {session.backend}")
        except EdgeError as error:
            yield failed(what, error)


def _models(path: AnyPath, bundle: Bundle) -> Iterator[Check]:
    profile, flags = detect_profile(), cpu_flags(SysRoot())
    runs: list[list[Candidate]] = []
    for model in bundle.models:
        candidates, skipped = rank(model, profile, flags)
        runs.append(candidates)
        for candidate in candidates:
            yield from _candidate(path, bundle, model, candidate)
        yield from _without_candidate(model, candidates, skipped)
    if all(runs) and any(golden.model is None for golden in bundle.golden):
        yield from _pipeline(path, bundle, runs)


def _candidate(path: AnyPath, bundle: Bundle, model: Model, candidate: Candidate) -> Iterator[Check]:
    variant = candidate.variant
    what = f"{one_line(model.name)}/{variant.id}"
    try:
        session = _open(path, model=model.name, variant=variant.id, backend=candidate.backend)
    except EdgeError as error:
        yield failed(what, error)
        return
    with session:
        yield Check(what, OK, f"opens on {candidate.backend}, with the inputs and outputs of the manifest")
        for golden in bundle.golden:
            if golden.model != model.name:
                continue
            where = f"{what} on {candidate.backend}"
            try:
                yield _told(golden, where, _compare_tensors(golden, model, variant.tolerance, session))
            except EdgeError as error:
                yield failed(_name(golden), error)


def _without_candidate(model: Model, candidates: list[Candidate], skipped: list[Skipped]) -> Iterator[Check]:
    """Variants that no backend here can run, and a model that has no other."""
    running = {candidate.variant.id for candidate in candidates}
    for variant in model.variants:
        if variant.id not in running:
            reasons = [
                each.reason if each.backend is None else f"{each.backend}: {each.reason}"
                for each in skipped
                if each.variant == variant.id
            ]
            yield Check(f"{one_line(model.name)}/{variant.id}", SKIPPED, "; ".join(reasons))
    if not candidates:
        fault = MISSING if any(each.reason.startswith("not installed") for each in skipped) else NO
        yield Check(one_line(model.name), FAIL, "no variant runs here", fault)


def _pipeline(path: AnyPath, bundle: Bundle, runs: list[list[Candidate]]) -> Iterator[Check]:
    """The samples of the whole pipeline: as this device chooses, and on what else all of its models have."""
    samples = [golden for golden in bundle.golden if golden.model is None]
    own = bind_all(bundle)
    if own:
        why = f"needs the application's own {', '.join(own)}"
        yield from (Check(_name(golden), SKIPPED, why) for golden in samples)
        return
    done: set[tuple[tuple[str | None, str], ...]] = set()
    for variant, backend in _choices(runs):
        try:
            session = _open(path, variant=variant, backend=backend)
        except EdgeError as error:
            yield failed("pipeline", error)
            continue
        with session:
            chosen = tuple((each.variant, each.backend) for each in session.models.values())
            if chosen in done:
                continue
            done.add(chosen)
            where = ", ".join(dict.fromkeys(f"{one_line(id_)} on {name}" for id_, name in chosen))
            yield from (_sample(golden, bundle, session, where) for golden in samples)


def _choices(runs: list[list[Candidate]]) -> Iterator[tuple[str | None, str | None]]:
    """Variants and backends to ask for, so that all models can fulfil it."""
    yield None, None
    for candidate in runs[0]:
        pair = candidate.variant.id, candidate.backend
        if all(any(pair == (each.variant.id, each.backend) for each in others) for others in runs[1:]):
            yield pair


def _sample(golden: Golden, bundle: Bundle, session: Session, where: str) -> Check:
    if "result" not in _declared(bundle, golden):
        return Check(_name(golden), SKIPPED, "states no result")
    try:
        result = session.predict(_source(golden, bundle)).to_json()
    except EdgeError as error:
        return failed(_name(golden), error)
    return _told(golden, where, compare_result(result, golden.result, golden.tolerance))


def _source(golden: Golden, bundle: Bundle) -> Any:
    """What `predict` takes: a path, but for tensors."""
    assert golden.source is not None
    if bundle.source is None or bundle.source.kind != "tensors":
        return golden.source
    with open_source(f"file:{golden.source}", "tensors") as source:
        return next(source).value


def _declared(bundle: Bundle, golden: Golden) -> dict[str, Any]:
    """A sample as the manifest has it."""
    entries: list[dict[str, Any]] = bundle.manifest["golden"]
    return entries[bundle.golden.index(golden)]


def _compare_tensors(golden: Golden, model: Model, tolerance: Any, session: Session) -> Comparison:
    """tolerance: the variant's own, which goes before the sample's: int8 is not f32."""
    assert golden.inputs is not None
    assert golden.outputs is not None
    outputs = run_tensors(model, session, golden.inputs)
    return compare_tensors(outputs, golden.outputs, tolerance or golden.tolerance)


def _told(golden: Golden, where: str, found: Comparison) -> Check:
    text = f"{where}: {found.text}"
    return Check(_name(golden), OK, text) if found.passed else Check(_name(golden), FAIL, text, NO)


def _name(golden: Golden) -> str:
    return golden.where if golden.id == golden.where else f"golden {one_line(golden.id, 60)}"


def _open(path: AnyPath, **options: Any) -> Session:
    """As `edgeai.load`; what it warns of, a variant that is skipped, the checks tell themselves.

    Of what was prepared for this machine nothing: the bundle's own files are to be checked.
    """
    defaults = dict.fromkeys(("device", "backend", "threads", "providers", "signature"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return open_session(path, **{**defaults, **options}, prepared=False)
