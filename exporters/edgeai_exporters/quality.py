"""What a proof found out about a variant, as the bundle's `quality` list holds it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from edgeai.measure.statistics import Estimate

from .budget import Budget
from .outcome import Ratio


@dataclass(frozen=True)
class MetricFigures:
    """A metric on the held-out samples: of the variant, of the source, and how much it fell, paired. 95 %."""

    name: str
    value: Estimate
    source: Estimate
    drop: Estimate


@dataclass(frozen=True)
class Probe:
    """A feed beside the samples: a batch, or values at the ends of the range and beyond.

    cosine: the worst with the source's outputs; of a batch, the worst row's with what the source gives for
    the row alone. max_error: largest absolute difference. Both None where the source does not run it, or
    gives something that is not finite. problem: empty where nothing is wrong.
    """

    name: str
    cosine: float | None
    max_error: float | None
    problem: str = ""


@dataclass(frozen=True)
class Latency:
    """How long one call takes on `machine`: medians of the variant and the source, run in turns.

    ratio: variant over source, paired. Both None where the source is no model file.
    """

    machine: str
    latency_s: float
    source_s: float | None
    ratio: Ratio | None


@dataclass(frozen=True)
class Quality:
    """One variant against the source on held-out samples, in its own runtime.

    max_error, mean_error: absolute, over all floating outputs, in their unit; None where there are none.
    cosine, worst_cosine: mean over samples, and of the worst one. top1_agreement: share of samples whose
        likeliest class is the source's; None where the first output does not look like classes.
    problems: what is wrong whatever the budget: NaN, rows of a batch that disturb each other, a run that
    fails.
    missed: how it misses the budget. data: in words; kind: as `Data.kind`.
    """

    model: str
    variant: str
    format: str
    backend: str
    data: str
    kind: str
    samples: int
    size_bytes: int
    max_error: float | None
    mean_error: float | None
    cosine: float
    worst_cosine: float
    top1_agreement: float | None
    metric: MetricFigures
    probes: tuple[Probe, ...] = ()
    problems: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    latency: Latency | None = field(default=None, compare=False)

    @property
    def passes(self) -> bool:
        """Whether it may be shipped: within the budget, and nothing wrong."""
        return not self.problems and not self.missed

    @property
    def why(self) -> str:
        """Why it may not be shipped; empty where it may."""
        return "; ".join((*self.problems, *self.missed))

    def judged(self, budget: Budget) -> Quality:
        """The same with what the budget says of it."""
        return replace(self, missed=budget.missed(self.metric.drop, self.cosine))

    def to_json(self, *, latency: bool = False) -> dict[str, Any]:
        """As an entry of the manifest's `quality`, numbers with 6 significant digits:

            {"model": "m", "variant": "int8", "backend": "onnxruntime", "data": "x.npz",
             "samples": 200, "passes": true, "problems": [], "metric": {"name": "top1", "value": .98,
             "interval": [.95, .99], "source": .985, "drop": .005, "drop_interval": [-.01, .02]},
             "cosine": .9991, "worst_cosine": .991, "top1_agreement": .99, "max_error": .1, "mean_error":
             .001, "size_bytes": 123, "probes": [{"name": "batch 3", "cosine": .999, "max_error": .1}]}

        A figure that is unknown is left out. latency: with the timings, `{"machine", "latency_s", "source_s",
        "ratio", "ratio_interval"}`; without, so that the same export gives the same bytes.
        """
        found: dict[str, Any] = {
            "model": self.model,
            "variant": self.variant,
            "format": self.format,
            "backend": self.backend,
            "data": self.data,
            "kind": self.kind,
            "samples": self.samples,
            "passes": self.passes,
            "problems": [*self.problems, *self.missed],
            "metric": _metric_json(self.metric),
            "cosine": self.cosine,
            "worst_cosine": self.worst_cosine,
            "top1_agreement": self.top1_agreement,
            "max_error": self.max_error,
            "mean_error": self.mean_error,
            "size_bytes": self.size_bytes,
            "probes": [_probe_json(probe) for probe in self.probes],
        }
        if latency and self.latency is not None:
            found["latency"] = _latency_json(self.latency)
        rounded: dict[str, Any] = _rounded(found)
        return rounded


def _metric_json(figures: MetricFigures) -> dict[str, Any]:
    return {
        "name": figures.name,
        "value": figures.value.value,
        "interval": _interval(figures.value),
        "source": figures.source.value,
        "source_interval": _interval(figures.source),
        "drop": figures.drop.value,
        "drop_interval": _interval(figures.drop),
    }


def _probe_json(probe: Probe) -> dict[str, Any]:
    return {
        "name": probe.name,
        "cosine": probe.cosine,
        "max_error": probe.max_error,
        "problem": probe.problem or None,
    }


def _latency_json(latency: Latency) -> dict[str, Any]:
    ratio = latency.ratio
    return {
        "machine": latency.machine,
        "latency_s": latency.latency_s,
        "source_s": latency.source_s,
        "ratio": None if ratio is None else ratio.value,
        "ratio_interval": None if ratio is None else [ratio.low, ratio.high],
    }


def _interval(estimate: Estimate) -> list[float] | None:
    if estimate.low is None or estimate.high is None:
        return None
    return [estimate.low, estimate.high]


def _rounded(value: Any) -> Any:
    """Numbers with 6 significant digits, objects without what is unknown."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.6g}") + 0.0 if isinstance(value, float) else value
