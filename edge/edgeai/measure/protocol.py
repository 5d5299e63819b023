"""What the launcher asks of a worker process and what comes back, as JSON-able dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field

from .conditions import Change, Conditions
from .memory import Memory
from .timing import StopRule, WarmUpRule


@dataclass(frozen=True)
class ModelRequest:
    """Which model to open and how; see `edgeai.load`."""

    model: str
    backend: str | None = None
    device: str | None = None
    threads: int | None = None
    providers: tuple[str, ...] | None = None
    signature: str | None = None


@dataclass(frozen=True)
class InputRequest:
    """What to feed.

    shapes: by input name, `""` for the only input. values: constants by input name.
    file: .npy or .npz instead.
    loops: outputs to feed back, as {input: output}; such an input starts from zeros.
    """

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    loops: dict[str, str] = field(default_factory=dict)
    file: str | None = None
    batch: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Request:
    """One worker's job.

    folder: where the probe leaves the inputs and its outputs for the measuring workers.
    probe: only open the model, find shapes that run, and keep what came out.
    rate_hz: paced calls after the steady state, for paced_s seconds.
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


@dataclass(frozen=True)
class Tensor:
    """A tensor of the model with the shape that ran."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Probed:
    """What the probe found out.

    open_dimensions: symbolic dimensions that nobody gave a size. not_finite: outputs with NaN or infinity.
    samples_per_call: size of the batch dimension; None where the model has none that can be told.
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
class Measured:
    """What a measuring worker reports.

    phases: in order, from `interpreter` to `steady` (and `paced`). peak_resets: whether the kernel let the
    peak be reset between phases. output_error: what was wrong with the outputs, None where they agree.
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
