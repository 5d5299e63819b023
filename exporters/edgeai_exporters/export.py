"""`export`: a source becomes a bundle of variants that were searched for, proven, and chosen.

    outcome = export(Request(source="model.onnx", out=Path("model.edge"), data="photos/"))

The steps, each a module of its own: `sources` makes one float file; `gather` opens the data; `floats` writes
it in every format; `search` quantizes it within the budget; `parity` proves what was found on samples that
nothing was fitted to; `shipping` chooses; `bundling` writes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import edgeai
from edgeai.device import detect_profile, load_profile
from edgeai.errors import EdgeError, ExportError, UsageError, one_line
from edgeai.graph import read_graph

from .arrays import Feed
from .bundling import Around, Shipped, id_of, write_bundle
from .candidates import Making, candidates, check_names
from .costing import cost_of
from .exported import Exported
from .floats import float_files
from .gather import Gathered, gather
from .golden import golden_samples, tolerance_of
from .matching import has_open_batch
from .original import runner
from .outcome import Layer, Outcome
from .parity import Reference, make_reference
from .request import Request
from .search import LatencyMeter, LocalMeter, RemoteMeter
from .shipping import Choice, choose, in_order, tried
from .sources import open_source
from .sources.options import SourceOptions
from .surroundings import Surroundings, own_tokenizer, surroundings, with_steps_of
from .workplace import workplace

OnProgress = Callable[[int, int, str], None]
"""(done, total, `phase: detail`)."""


def _silent(done: int, total: int, what: str) -> None:
    pass


def export(request: Request, *, on_progress: OnProgress = _silent) -> Outcome:
    """Do what `Request` asks, and write the bundle.

    Whatever ends it early, nothing is written to `Request.out`, and the same request goes on where it was.
    Raises UsageError for options that do not go together, and what the steps raise: ModelError for a source
    that is no model, UnsupportedOperator, ExportError, ExtraMissing; all are EdgeError.
    """
    start_s = time.monotonic()
    _check_request(request)
    with workplace(request) as folder:
        try:
            outcome = _export(request, folder, on_progress)
        except OSError as error:
            if isinstance(error, EdgeError):
                raise
            where = one_line(error.filename or folder)
            raise ExportError(
                f"{where}: {error.strerror or error}; make room or give permission, and export again"
            ) from error
    return replace(outcome, seconds=time.monotonic() - start_s)


def name_of(source: str) -> str:
    """What a source is called before it is opened: a file's stem, a folder's name, the last of a hub id."""
    place = source.partition(".py:")[0] if ".py:" in source else source
    name = Path(place.rpartition(":")[2] if ":" in place else place).resolve()
    stem = name.stem if name.suffix in {".onnx", ".tflite", ".pt2", ".keras", ".py"} else name.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "model"


def _check_request(request: Request) -> None:
    """Before hours of work, what would only be found out behind them."""
    check_names(request.schemes)
    out = request.out
    if out.exists() and not request.force:
        raise UsageError(f"{one_line(out)} is there already; give another -o, or --force to replace it")
    if not out.resolve().parent.is_dir():
        raise UsageError(f"{one_line(out.parent)} is no folder; make it, or give another -o")
    if Path(request.source).exists() and out.exists() and out.samefile(request.source):
        raise UsageError(f"{one_line(out)} is the source itself; give another -o")
    if request.target is not None:
        load_profile(request.target)


def _export(request: Request, folder: Path, on_progress: OnProgress) -> Outcome:
    on_progress(0, 1, "reading the source")
    source = open_source(request.source, folder / "source", _options(request))
    inputs = read_graph(source.path).inputs
    warnings: list[str] = []
    with ExitStack() as stack:
        run = runner(source, stack)
        request = replace(request, steps=request.steps or own_tokenizer(request.source))
        around = surroundings(request, source, stack)
        gathered = gather(request, inputs, run, around.model)
        warnings += gathered.notes
        on_progress(0, 1, "running the source")
        reference = make_reference(
            run,
            gathered.proving,
            has_batch=has_open_batch(inputs),
            seed=request.seed,
            on_progress=lambda done, total, what: on_progress(done, total, f"running the source: {what}"),
        )
        around = with_steps_of(around, gathered.proving, reference.outputs, folder)
        floats = float_files(source, request, gathered.searching_feeds, folder)
        warnings += [f"no {name}: {why}" for name, why in floats.missing.items()]
        with _meter(request) as meter:
            making = Making(request, gathered, reference, meter, folder, warnings, on_progress)
            found = [each for file in floats.files.values() for each in candidates(making, file)]
        choices = choose(found, prefer=request.prefer, allow_drop=request.allow_drop)
        on_progress(0, 1, "writing the bundle")
        built = _write(request, source, around, gathered, reference, choices, folder, warnings)
    return Outcome(
        name=source.name,
        bundle=str(built.path),
        identity=built.identity,
        provenance=source.provenance,
        data=gathered.told,
        calibration=gathered.calibration,
        budget=str(gathered.budget),
        machine=_machine(request, meter),
        tried=tuple(map(tried, choices)),
        layers=tuple(_layers(choices)),
        warnings=tuple(dict.fromkeys(warnings)),
        settings=_settings(request),
        max_drop=gathered.budget.max_drop,
        min_cosine=gathered.budget.min_cosine,
    )


def _options(request: Request) -> SourceOptions:
    return SourceOptions(
        via=request.via,
        task=request.task,
        shapes=request.shapes,
        dims=request.dims,
        example=request.example,
        opset=request.opset,
        seed=request.seed,
    )


@contextmanager
def _meter(request: Request) -> Iterator[LatencyMeter | None]:
    """What times variants: the board that was named, this machine where it is the target, else nothing."""
    if request.measure_on is not None:
        with RemoteMeter(request.measure_on) as remote:
            yield remote
    elif request.target in {None, detect_profile().id}:
        yield LocalMeter()
    else:
        yield None


def _machine(request: Request, meter: LatencyMeter | None) -> str:
    if meter is not None:
        return meter.where
    return f"nothing: no {request.target} is here; --measure-on ssh://user@board measures on one"


def _write(
    request: Request,
    source: Exported,
    around: Surroundings,
    gathered: Gathered,
    reference: Reference,
    choices: list[Choice],
    folder: Path,
    warnings: list[str],
) -> Any:
    data = gathered.proving
    feed = data.feed(0)
    samples = ((data.feed(row), outputs) for row, outputs in enumerate(reference.outputs))
    golden, files = golden_samples(around.model, samples, folder / "golden")
    template = around.template
    whole = Around(
        model=around.model,
        id=request.id or (None if template is None else template.get("id")) or id_of(source.name),
        version=request.version,
        licence=request.licence,
        template=template,
        files={**around.files, **files},
        others=around.others,
        golden=golden,
        provenance=_provenance(request, source, gathered),
    )
    shipped = [_shipped(choice, feed, warnings) for choice in in_order(choices, prefer=request.prefer)]
    return write_bundle(shipped, whole, request.out, force=request.force)


def _shipped(choice: Choice, feed: Feed, warnings: list[str]) -> Shipped:
    candidate = choice.candidate
    found, quality = candidate.found, candidate.quality
    assert quality is not None
    try:
        cost = cost_of(found.path, feed).to_json()
    except EdgeError as error:
        warnings.append(f"{candidate.id}: costs are unknown: {error}")
        cost = None
    return Shipped(
        id=candidate.id,
        format=found.format,
        precision=found.precision,
        path=found.path,
        needs={"cpu": list(found.cpu)} if found.cpu else {},
        tolerance=tolerance_of(quality),
        quality={key: value for key, value in quality.to_json().items() if key not in {"model", "variant"}},
        cost=cost,
    )


def _provenance(request: Request, source: Exported, gathered: Gathered) -> dict[str, Any]:
    """Where the bundle comes from. What a run measured is not in it: the same export gives the same bytes."""
    return {
        **source.provenance,
        "edgeai": edgeai.__version__,
        "calibration": gathered.calibration,
        "data": gathered.told,
        "budget": str(gathered.budget),
        "seed": request.seed,
        **({} if request.target is None else {"target": request.target}),
    }


def _layers(choices: list[Choice]) -> Iterator[Layer]:
    for choice in choices:
        found = choice.candidate.found
        for each in found.sensitivities:
            if each.level == found.scheme:
                is_kept = each.layer in found.levels
                yield Layer(choice.candidate.id, each.layer, each.operator, each.loss, each.gain_s, is_kept)


def _settings(request: Request) -> dict[str, Any]:
    """Of the request, as JSON types."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(request).items()}
