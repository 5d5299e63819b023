"""The report of one benchmark run: what is written as JSON and rendered as a table.

All times in seconds, all sizes in bytes; None means unknown, and a warning says why. The JSON Schema is
`report.schema.json` beside this file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeai.measure.conditions import Change, Conditions
from edgeai.measure.energy import Energy
from edgeai.measure.memory import Memory
from edgeai.measure.protocol import PipelineMeasured, Tensor
from edgeai.measure.statistics import Estimate
from edgeai.unavailable import Unavailable

from .figures import Latency
from .limits import LimitVerdict
from .mlperf import MlperfResult
from .pipeline_report import BundleIdentity, PipelineResult
from .profiling import ProfileResult
from .soak_report import SoakResult

SCHEMA_VERSION = 1

VALID, NOISY, INVALID = "VALID", "NOISY", "INVALID"


@dataclass(frozen=True)
class Doubt:
    """A doubt with a name, so that scripts can look for it.

    effect: what it does to the verdict: `invalid`, `noisy`, or `note` for nothing.
    """

    name: str
    effect: str
    message: str
    advice: str


@dataclass(frozen=True)
class SeenFinding:
    """What `edgeai doctor` found beside a run.

    check, severity, what, why, mend: as `edgeai.doctor.Finding`. seen: `before` the run, `after` it, or
    `throughout`.
    """

    check: str
    severity: str
    what: str
    why: str
    mend: str
    seen: str


@dataclass(frozen=True)
class ModelIdentity:
    """The file that was measured and the shapes it ran with.

    Of a whole bundle: `sha256` is its identity, `size_bytes` that of the models that were opened, `format`
    `edge`, and there are no inputs and outputs. Of one of its models: that model's file, under its path.
    """

    path: str
    sha256: str
    size_bytes: int
    format: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    id: str | None = None
    """Its name in the suite, where it came from one."""
    bundle: BundleIdentity | None = None
    """None for a bare model file."""


@dataclass(frozen=True)
class Identity:
    """Everything that another person needs to repeat the run."""

    edgeai_version: str
    python_version: str
    backend: str
    library_version: str
    provider: str | None
    provider_share: dict[str, float]
    threads: int
    affinity: tuple[int, ...]
    device_profile: str
    device_model: str | None
    matched_by: str
    cpu_features: tuple[str, ...]
    cores: int
    memory_bytes: int | None
    kernel: str
    machine: str
    governors: tuple[str, ...]
    power_mode: str | None
    page_cache: str
    command: tuple[str, ...]
    started_utc: str
    board: str | None = None
    """Its address, where it was asked to measure by `--on`; None for a run here."""
    tree: str | None = None
    """Folder that stood for another machine (`--root`); None for a real run."""
    prepared: str | None = None
    """Keys, as `edgeai store list` shows them, of the prepared models that ran; None where all ran as they
    came."""


@dataclass(frozen=True)
class Settings:
    """How it was measured."""

    quick: bool
    processes: int
    warm_up_min_s: float
    warm_up_max_s: float
    min_runs: int
    min_s: float
    max_s: float
    precision: float | None
    batch: int | None
    rate_hz: float | None
    inputs: str
    input_sha256: str | None
    """Of the file of inputs, where one was given."""
    values: dict[str, float]
    """Inputs filled with one number."""
    loops: dict[str, str]
    """Outputs fed back, {input: output}; such an input starts from zeros."""
    seed: int
    intervals: str
    """What low and high are everywhere: `95 %`, or `range` of the processes where they are too few."""


@dataclass(frozen=True)
class Start:
    """Seconds from nothing to the first result, means over processes."""

    interpreter: Estimate
    imports: Estimate
    load: Estimate
    first_inference: Estimate
    load_to_first_result: Estimate


@dataclass(frozen=True)
class MemoryUse:
    """Bytes, means over processes.

    peak: highest resident set (VmHWM) from load to the end. incremental: that less the baseline's resident
    set. anonymous, pss: at the end of the steady state; incremental_anonymous: less the baseline's.
    """

    baseline: Estimate | None
    peak: Estimate | None
    incremental: Estimate | None
    anonymous: Estimate | None
    incremental_anonymous: Estimate | None
    pss: Estimate | None


@dataclass(frozen=True)
class PacedResult:
    """Calls started on a schedule. reached_hz: calls per second of the whole window. late: calls that
    started more than one period behind."""

    rate_hz: float
    reached_hz: float
    late: int
    latency: Latency
    cpu_s_per_inference: Estimate


@dataclass(frozen=True)
class ProcessRecord:
    """One worker process, raw."""

    samples_ns: tuple[int, ...]
    keep_every: int
    runs: int
    duration_s: float
    cpu_s: float
    warm_up_runs: int
    converged: bool
    met_rule: bool
    half_width: float | None
    loop_s: float
    phases: tuple[PhaseRecord, ...]
    before: Conditions
    after: Conditions
    change: Change
    paced_change: Change | None
    output_error: str | None
    paced_samples_ns: tuple[int, ...]
    paced_keep_every: int | None
    pipeline: PipelineMeasured | None = None
    """What its stages took; None for a model on tensors."""


@dataclass(frozen=True)
class PhaseRecord:
    """One phase of one process."""

    name: str
    duration_s: float
    memory: Memory
    disk_bytes: int | None


@dataclass(frozen=True)
class Report:
    """One model on one backend with one set of options."""

    verdict: str
    warnings: tuple[Doubt, ...]
    model: ModelIdentity
    identity: Identity
    settings: Settings
    latency: Latency
    start: Start
    memory: MemoryUse
    cpu_s_per_inference: Estimate
    throughput_hz: Estimate
    samples_per_s: Estimate | None
    """None where the model has no batch dimension that can be told."""
    paced: PacedResult | None
    disk_read_bytes: Estimate | None
    """Read from storage while loading and running once."""
    energy: Energy | Unavailable
    processes: tuple[ProcessRecord, ...]
    pipeline: PipelineResult | None = None
    """None for a model on tensors."""
    mlperf: MlperfResult | None = None
    soak: SoakResult | None = None
    """None where they were not asked for."""
    profile: ProfileResult | Unavailable | None = None
    """None where it was not asked for."""
    findings: tuple[SeenFinding, ...] | None = None
    """What the doctor found before and after; None in reports of before there was one."""


@dataclass(frozen=True)
class Failure:
    """A model that could not be measured, in a run over several.

    skipped: whether something is missing on this machine, rather than wrong with the model.
    """

    model: str
    backend: str | None
    error: str
    message: str
    skipped: bool


OF_BUNDLES = ("bundle", "pipeline")
"""Keys that only a run of a bundle has: a bare model's is written as before there were bundles."""
OF_LONG_RUNS = ("mlperf", "soak", "profile")
"""Keys that a run has only where it was asked for them."""
OF_THE_DOCTOR = ("findings",)
"""Keys that runs of before there was a doctor do not have."""
OF_BOARDS = ("board", "tree")
"""Keys that an identity has only where another machine measured, or where a tree stood for one."""
OF_PREPARED = ("prepared",)
"""Keys that an identity has only where something prepared ran."""
OF_SUITES = ("limits", "asked")
"""Keys that a document has only where a suite has limits, and where it is one run of a `--json-dir`."""


def document(
    reports: Sequence[Report],
    failures: Sequence[Failure],
    *,
    limits: Sequence[LimitVerdict] = (),
    asked: str | None = None,
) -> dict[str, Any]:
    """The JSON document of a whole command: versioned, with every run in it.

    limits: what those of a suite say. asked: of a `--json-dir`, the digest of what was asked for.
    """
    made = {
        "schema": SCHEMA_VERSION,
        "kind": "edgeai.bench",
        "runs": [_run(report) for report in reports],
        "failures": [dataclasses.asdict(failure) for failure in failures],
    }
    if limits:
        made["limits"] = [dataclasses.asdict(limit) for limit in limits]
    if asked is not None:
        made["asked"] = asked
    return made


def _run(report: Report) -> dict[str, Any]:
    run = dataclasses.asdict(report)
    for place in (run, run["model"], run["identity"], *run["processes"]):
        for key in (*OF_BUNDLES, *OF_LONG_RUNS, *OF_BOARDS, *OF_PREPARED, *OF_THE_DOCTOR):
            if place.get(key, run) is None:
                del place[key]
    run.get("profile", {}).pop("traces", None)  # a file of its own, where it was asked for
    return run
