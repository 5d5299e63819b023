"""What the launcher asks of a worker process and what comes back, as JSON-able dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..prepared.choice import Choice
from .conditions import Change, Conditions
from .memory import Memory
from .profiled import ProfileRule
from .scenarios import Scenario
from .timing import StopRule, WarmUpRule


@dataclass(frozen=True)
class ModelRequest:
    """Which model to open and how; see `edgeai.load`.

    model: path of a bundle or a model file. name: of a bundle's models the one to open. variant: its id.
    prepared: as `edgeai.load`'s. choice: open exactly this instead; its form lies in choice_folder.
    """

    model: str
    backend: str | None = None
    device: str | None = None
    threads: int | None = None
    providers: tuple[str, ...] | None = None
    signature: str | None = None
    name: str | None = None
    variant: str | None = None
    prepared: bool | None = None
    choice: Choice | None = None
    choice_folder: str | None = None


@dataclass(frozen=True)
class InputRequest:
    """What to feed.

    shapes: by input name, `""` for the only input. values: constants by input name.
    file: .npy or .npz instead.
    loops: outputs to feed back, as {input: output}; such an input starts from its value, else from zeros.
    source: of a pipeline, the file to give it; None for a sample of the bundle's, else a made-up one.
    chunk_s: of a pipeline of sound, how much is pushed at once in real time; None for the stream's own hop.
    pool: whether the file holds several samples; see `sample_pool`. Elsewhere the first batch of them is fed.
    sample: of a model of a bundle, what its pipeline feeds it for its golden sample, where that can be had.
    """

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    loops: dict[str, str] = field(default_factory=dict)
    file: str | None = None
    batch: int | None = None
    seed: int = 0
    source: str | None = None
    chunk_s: float | None = None
    pool: bool = False
    sample: bool = False


@dataclass(frozen=True)
class Source:
    """What a pipeline is given; the arrays lie in the folder.

    kind: one of `SOURCE_KINDS`. form: what the arrays stand for, see `pipeline_source`.
    told: where it came from, in words. origin: `file`, `golden` or `synthetic`.
    rate_hz: samples a second; None for what is not sound. file, sha256: None where it was made up.
    """

    kind: str
    form: str
    told: str
    origin: str
    rate_hz: int | None = None
    file: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Hops:
    """How a stream is pushed. hop_s: the shortest hop of its models' windows, which is its own pace.
    chunk_s: how much is pushed at once in real time."""

    hop_s: float
    chunk_s: float


@dataclass(frozen=True)
class ProbedPipeline:
    """What the probe found out about a pipeline.

    stages: their names, in order. models: which model each runs; empty for a stage without one.
    hops: None for a pipeline that is asked item by item.
    modules: what was imported to open and run it, so that a measuring worker does so before its baseline.
    """

    stages: tuple[str, ...]
    models: tuple[str, ...]
    source: Source
    hops: Hops | None
    modules: tuple[str, ...]


@dataclass(frozen=True)
class PipelineRequest:
    """That the whole pipeline is measured, and not one model.

    stream_s: how long it runs in real time, where it is a stream. found: what the probe found out.
    """

    stream_s: float = 5.0
    found: ProbedPipeline | None = None


@dataclass(frozen=True)
class OtherSubject:
    """Something else that is measured in the model's place, by its own `subject.Subject`.

    target: `module:Class`, made with the request. settings: what it alone understands.
    """

    target: str
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One worker's job.

    folder: where the probe leaves the inputs and its outputs for the measuring workers.
    probe: only open the model, find shapes that run, and keep what came out.
    turns: stay alive and run whenever the launcher says so; see `turns`. cpus: to use then, empty for all.
    rate_hz: paced calls after the steady state, for paced_s seconds.
    pipeline: None for a model on tensors.
    scenario: run this one of MLPerf instead. soak_s: call back to back for so long instead.
    profile: find out what each operator takes instead; of a model on tensors only.
    energy: stay alive and idle or run whenever the launcher says so; see `energy_process`.
    tree: read conditions from this folder, which stands for another machine; RAM stays this process's own.
    real: feed and compare real values as `Session.run` does without `raw`, which all variants of a model
        share. tolerance: how far outputs may be from the probe's, as a variant states it (`cosine`, `abs`,
        `rel`); None for `inputs.outputs_agree`.
    form: make this form of the model instead; see `forming`.
    other: measure this in the model's place, on the same inputs, against the same outputs.
    """

    model: ModelRequest
    inputs: InputRequest
    folder: str
    probe: bool = False
    warm_up: WarmUpRule = WarmUpRule()
    stop: StopRule = StopRule()
    rate_hz: float | None = None
    paced_s: float = 10.0
    sysroot: str = "/"
    pipeline: PipelineRequest | None = None
    turns: bool = False
    cpus: tuple[int, ...] = ()
    scenario: Scenario | None = None
    soak_s: float | None = None
    profile: ProfileRule | None = None
    energy: bool = False
    tree: str | None = None
    real: bool = False
    tolerance: dict[str, float] | None = None
    form: str | None = None
    other: OtherSubject | None = None


@dataclass(frozen=True)
class Tensor:
    """A tensor of the model with the shape that ran."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Opened:
    """A bundle's model as it was opened. why: why this variant and backend, and why not others."""

    name: str
    variant: str
    backend: str
    library_version: str
    provider: str | None
    why: tuple[str, ...]


@dataclass(frozen=True)
class Probed:
    """What the probe found out.

    open_dimensions: symbolic dimensions that nobody gave a size. not_finite: outputs with NaN or infinity.
    samples_per_call: size of the batch dimension; None where the model has none that can be told.
    models: of a bundle, those that were opened. sizes: that the file's named dimensions ran with.
    is_static: whether the model fixes every dimension of its inputs.
    prepared: keys of the prepared models that ran. unprepared: why one that is there did not run.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    open_dimensions: tuple[str, ...]
    not_finite: tuple[str, ...]
    samples_per_call: int | None
    backend: str
    library_version: str
    threads: int
    provider: str | None
    provider_share: dict[str, float]
    models: tuple[Opened, ...] = ()
    pipeline: ProbedPipeline | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    is_static: bool = True
    prepared: tuple[str, ...] = ()
    unprepared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Phase:
    """One phase of a worker: how long, and its RAM at the end with the peak inside it.

    disk_bytes: read from storage in the phase; None where the kernel does not say.
    """

    name: str
    duration_s: float
    memory: Memory
    disk_bytes: int | None


@dataclass(frozen=True)
class Timed:
    """Latencies of one loop; see `timing.Steady`. late: only for paced calls."""

    samples_ns: tuple[int, ...]
    keep_every: int
    runs: int
    duration_s: float
    cpu_s: float
    sum_ns: int
    min_ns: int
    max_ns: int
    met_rule: bool = True
    half_width: float | None = None
    late: int = 0


@dataclass(frozen=True)
class StageSamples:
    """What one stage took in each call of the steady state that was kept, in the order of its latencies.

    pre_ns, run_ns, post_ns: steps before the model, the model, steps after it; a stage without a model takes
    its time in `pre_ns`. runs: of the model.
    """

    name: str
    pre_ns: tuple[int, ...]
    run_ns: tuple[int, ...]
    post_ns: tuple[int, ...]
    runs: tuple[int, ...]


@dataclass(frozen=True)
class Streamed:
    """A stream in real time; see `real_time.RealTime`. change: what happened to the machine meanwhile."""

    samples_ns: tuple[int, ...]
    keep_every: int
    windows: int
    sum_ns: int
    min_ns: int
    max_ns: int
    chunks: int
    answered: int
    late: int
    busy_s: float
    stream_s: float
    duration_s: float
    cpu_s: float
    change: Change


@dataclass(frozen=True)
class PipelineMeasured:
    """What a measuring worker reports of a pipeline besides. stream: None where it is no stream."""

    stages: tuple[StageSamples, ...]
    stream: Streamed | None


@dataclass(frozen=True)
class Measured:
    """What a measuring worker reports.

    phases: in order, from `interpreter` to `steady` (and `paced`, `real time`). peak_resets: whether the
    kernel let the peak be reset between phases. output_error: what was wrong with the outputs, None where
    they agree.
    loop_s: what the timing loop itself takes a call; it is in CPU time and rate, not in latencies.
    change, paced_change: what happened to the machine during the steady state and the paced calls.
    """

    phases: tuple[Phase, ...]
    peak_resets: bool
    first_inference_s: float
    warm_up_runs: int
    converged: bool
    steady: Timed
    paced: Timed | None
    before: Conditions
    after: Conditions
    change: Change
    paced_change: Change | None
    loop_s: float
    affinity: tuple[int, ...]
    output_error: str | None
    provider: str | None
    provider_share: dict[str, float]
    pipeline: PipelineMeasured | None = None


@dataclass(frozen=True)
class MadeForm:
    """A form that was made. main: the file to open, or to give as cache. files: bytes of each by name."""

    main: str
    files: dict[str, int]


@dataclass(frozen=True)
class Turn:
    """One turn of calls in a row. median_ns: of its latencies. cpu_s: of the process, all threads."""

    median_ns: int
    runs: int
    duration_s: float
    cpu_s: float


@dataclass(frozen=True)
class Turned:
    """What a worker that took turns reports at its end, beside the turns; see `Measured` for the fields."""

    phases: tuple[Phase, ...]
    peak_resets: bool
    warm_up_runs: int
    converged: bool
    change: Change
    output_error: str | None
    provider: str | None
