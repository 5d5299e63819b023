"""Makes and proves the variants of one float file: itself, and the best of each scheme that suits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgeai.bundle import sniff_format
from edgeai.device import cpu_flags, detect_profile, load_profile
from edgeai.errors import EdgeError, UsageError, one_line
from edgeai.extras import require
from edgeai.sysroot import SysRoot

from .budget import Budget
from .gather import Gathered
from .here import machine_words
from .parity import Reference, prove
from .quality import Latency
from .request import Request
from .schemes import SCHEMES, Scheme
from .schemes.targets import schemes_for
from .search import FLOAT, Found, LatencyMeter, Samples, compete
from .shipping import Candidate

_CAUTION = 0.8
"""Of the budget that the search may use up: it takes the luckiest of many, which others will not confirm."""
_QUANTIZERS = {
    "onnx": ("onnx_ir", "quant", "quantizing ONNX models"),
    "tflite": ("litert_quantizer", "tflite-export", "quantizing TFLite models"),
}
"""What the schemes of a format need: module, extra, what for."""
NONE = "none"
"""As a scheme: the float files alone."""


@dataclass(frozen=True)
class Making:
    """What the variants of every format are made with.

    meter: None where nothing measures on the target. warnings: grows.
    """

    request: Request
    gathered: Gathered
    reference: Reference
    meter: LatencyMeter | None
    folder: Path
    warnings: list[str]
    on_progress: Callable[[int, int, str], None]


def candidates(making: Making, file: Path) -> list[Candidate]:
    """Every variant that was tried of a float file, the file itself first.

    Raises ExportError where the file itself is not what the source is.
    """
    request, gathered = making.request, making.gathered
    format_ = sniff_format(file)
    schemes = schemes_of(making, format_)
    found = compete(
        file,
        schemes,
        calibration=gathered.calibrating,
        validation=_samples(making),
        score=gathered.score,
        metric=_identity(gathered.metric, request.steps),
        # Whoever allows a drop wants the scheme as a whole, and not what layers in float make of it.
        budget=Budget() if request.allow_drop else _cautious(gathered.budget),
        folder=making.folder / format_,
        meter=making.meter,
        prefer=request.prefer,
        seed=request.seed,
        on_progress=lambda done, total, what: making.on_progress(done, total, f"searching {format_}: {what}"),
        on_failure=lambda scheme, error: making.warnings.append(f"no {format_} {scheme.name}: {error}"),
    )
    return [_proven(making, each) for each in found]


def schemes_of(making: Making, format_: str) -> list[Scheme]:
    """The rows to try: those that were named, else those that suit the target. Raises UsageError.

    Without data none is tried unless it is named and needs none.
    """
    request = making.request
    named = [name for name in request.schemes if name != NONE]
    profile = detect_profile() if request.target is None else load_profile(request.target)
    if named:
        suiting = schemes_for(profile, format_)
        found = [each for each in suiting if _is_named(each, named)]
        others = [each for each in SCHEMES if each.format == format_ and _is_named(each, named)]
        have = {each.name.removesuffix("-7bit") for each in found}
        found += [each for each in others if each.name not in have]
    elif request.schemes or making.gathered.calibration == "none":
        found = []
    else:
        found = [each for each in schemes_for(profile, format_) if each.competes]
    if making.gathered.calibration == "none":
        lacking = [each.name for each in found if each.needs_calibration]
        if lacking:
            raise UsageError(
                f"{', '.join(lacking)} calibrates with data; give --data or --random-calibration"
            )
    if found:
        require(*_QUANTIZERS[format_])
    return _provable(found, making)


def _is_named(scheme: Scheme, names: Sequence[str]) -> bool:
    base = scheme.name.removesuffix("-7bit")
    return bool({scheme.name, base, f"{scheme.format}-{scheme.name}", f"{scheme.format}-{base}"} & set(names))


def check_names(names: Sequence[str]) -> None:
    """Whether each names a scheme, or `none`. Raises UsageError."""
    known = {scheme.name for scheme in SCHEMES}
    known |= {f"{scheme.format}-{scheme.name}" for scheme in SCHEMES} | {f"{name}-7bit" for name in known}
    for name in names:
        if name not in known and name != NONE:
            listed = ", ".join(dict.fromkeys(scheme.name for scheme in SCHEMES))
            raise UsageError(f"--scheme {one_line(name)!r} is unknown; known: {NONE}, {listed}")


def _provable(schemes: Sequence[Scheme], making: Making) -> list[Scheme]:
    """Those whose variants compute here what they compute on the target."""
    flags = cpu_flags(SysRoot()) or frozenset()
    found = []
    for scheme in schemes:
        lacking = [flag for flag in scheme.cpu if flag not in flags]
        if lacking:
            text = f"this CPU lacks {', '.join(lacking)}, so that it cannot be proven here"
            making.warnings.append(f"no {scheme.format} {scheme.name}: {text}")
        else:
            found.append(scheme)
    return found


def _samples(making: Making) -> Samples:
    """What the search judges by. The float file stands for the original, which its proof compares it with and
    which may run ten times slower."""
    data = making.gathered.searching
    return Samples(making.gathered.searching_feeds, data.labels(), answer=data.answer)


def _cautious(budget: Budget) -> Budget:
    drop, cosine = budget.max_drop, budget.min_cosine
    return replace(
        budget,
        max_drop=None if drop is None else _CAUTION * drop,
        min_cosine=None if cosine is None else 1 - _CAUTION * (1 - cosine),
    )


def _identity(metric: str, steps: Path | None) -> str:
    """A metric's name with the contents of the user's own files that its scores depend on."""
    files = [Path(metric.rpartition(":")[0]), Path(metric.partition(":")[2]), *([steps] if steps else [])]
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()]
    return " ".join([metric, *hashes])


def _proven(making: Making, found: Found) -> Candidate:
    """The proof of a variant; none of one that misses the budget already where it was searched."""
    request, gathered = making.request, making.gathered
    if not found.is_within and not request.allow_drop:
        return Candidate(replace(found, why=_missed(found, gathered.metric)), None)
    candidate = Candidate(found, None)
    try:
        quality = prove(
            found.path,
            making.reference,
            gathered.proving,
            metric=gathered.metric,
            budget=gathered.budget,
            variant=candidate.id,
            on_progress=lambda done, total, what: making.on_progress(done, total, f"proving: {what}"),
        )
    except EdgeError as error:
        if found.scheme == FLOAT:
            raise
        return Candidate(replace(found, why=f"it cannot be proven: {error}"), None)
    return Candidate(found, replace(quality, latency=_latency(making, found)))


def _latency(making: Making, found: Found) -> Latency | None:
    timing = found.timing
    if timing is None or making.meter is None:
        return None
    source_s = None if timing.ratio is None else timing.latency_s / timing.ratio.value
    where = machine_words(1) if making.request.measure_on is None else making.meter.where
    return Latency(where, timing.latency_s, source_s, timing.ratio)


def _missed(found: Found, metric: str) -> str:
    quality = found.quality
    return f"{found.why}: {metric} {quality.mean:.4f}, {quality.drop:+.4f} below the source"
