"""What `edgeai fit` predicts against what was published, by others, on real boards.

    KERAS_BACKEND=torch .venv-export/bin/python benchmarks/exports/published_models.py /tmp/published
    .venv/bin/python benchmarks/peers/fit_published.py /tmp/published > benchmarks/results/fit-published.md

Published are the rows of benchmark-method.md. The models are rebuilt with random weights, in real numbers;
of a quantized row every byte is taken a quarter and the products are counted as 8-bit ones. `sum` is
arithmetic and traffic one after the other, at their peaks; `times` the published time over it. The range that
`edgeai fit` predicts with (`fit.roofline.SLOWDOWN`) is the least and the most of `times` over all rows of a
processor. `by others` says whether the range of the other sources alone would have held the row.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from edgeai.device import load_profile
from edgeai.fit import CPU, Sizes, Speed, sized_demands
from edgeai.fit.roofline import ARITHMETIC_SLOWDOWN, SLOWDOWN, Peak, accelerator_peaks, cpu_peak, speed
from edgeai.graph.demand import Demand
from edgeai.graph.traffic import Traffic

PIXEL_4 = "Pixel 4"
_XNNPACK = "XNNPACK's README, Feb 2022"
_ALLAN = "aallan/benchmarking-ml-on-the-edge"
_TF_TRT = "aallan/benchmarking-ml-on-the-edge: TensorFlow with TensorRT"
_MLPERF = "MLPerf Inference v3.1, p90"
_ONE = "one author's repository"
_TPU = "tensorflow/tpu README"


@dataclass(frozen=True)
class Row:
    """A published figure. kind: of the processor. is_counted: whether the range counts it."""

    board: str
    model: str
    dtype: str
    published_ms: float
    source: str
    kind: str = CPU
    is_counted: bool = True


ROWS = (
    Row("raspberry-pi-4", "mobilenet-v1", "f32", 77, _XNNPACK),
    Row("raspberry-pi-4", "mobilenet-v2", "f32", 46, _XNNPACK),
    Row("raspberry-pi-4", "mobilenet-v3-large", "f32", 40, _XNNPACK),
    Row("raspberry-pi-4", "mobilenet-v3-small", "f32", 15, _XNNPACK),
    Row("raspberry-pi-4", "mobilenet-v1", "i8", 24, _XNNPACK),
    Row("raspberry-pi-4", "mobilenet-v2", "i8", 17, _XNNPACK),
    Row("raspberry-pi-4", "ssd-mobilenet-v2", "i8", 112.6, _ALLAN),
    Row("raspberry-pi-4", "ssd-mobilenet-v1", "i8", 82.7, _ALLAN),
    Row("raspberry-pi-3-b-plus", "ssd-mobilenet-v2", "i8", 379.6, _ALLAN),
    Row("raspberry-pi-3-b-plus", "ssd-mobilenet-v1", "i8", 271.5, _ALLAN),
    Row("raspberry-pi-5", "ssd-mobilenet-v2", "i8", 23.5, _ALLAN),
    Row("raspberry-pi-5", "ssd-mobilenet-v1", "i8", 16.9, _ALLAN),
    Row(PIXEL_4, "efficientnet-lite0", "f32", 12, _TPU),
    Row(PIXEL_4, "efficientnet-lite0", "i8", 6.5, _TPU),
    Row("jetson-agx-orin", "resnet50", "i8", 0.640, _MLPERF, "gpu"),
    Row("jetson-orin-nx", "resnet50", "i8", 1.082, _MLPERF, "gpu"),
    Row("jetson-nano", "resnet50-256", "f16", 42, _ONE, "gpu"),
    Row("jetson-nano", "resnet50-256", "f32", 79, _ONE, "gpu"),
    Row("jetson-nano", "ssd-mobilenet-v2", "f16", 72.3, _TF_TRT, "gpu", is_counted=False),
    Row("jetson-nano", "ssd-mobilenet-v1", "f16", 61.6, _TF_TRT, "gpu", is_counted=False),
)

_DIVIDED = {"f32": 1, "f16": 2, "i8": 4}


@dataclass(frozen=True)
class Found:
    """A row and what is predicted of it."""

    row: Row
    speed: Speed

    @property
    def times(self) -> float:
        """What was published over the sum."""
        assert self.speed.sum_s is not None
        return self.row.published_ms / 1e3 / self.speed.sum_s

    @property
    def has_traffic(self) -> bool:
        """Whether the memory's rate is known, so that the sum is more than the arithmetic."""
        return self.speed.sum_s != self.speed.compute_s

    @property
    def times_arithmetic(self) -> float:
        """What was published over the arithmetic alone."""
        assert self.speed.compute_s is not None
        return self.row.published_ms / 1e3 / self.speed.compute_s

    @property
    def is_inside(self) -> bool:
        """Whether the range that edgeai predicts with holds it."""
        assert self.speed.likely_s is not None
        low, high = self.speed.likely_s
        return low <= self.row.published_ms / 1e3 <= high


def main(folder: Path) -> None:
    """Print the table."""
    found = [
        Found(row, speed(_as(demand_of(folder / f"{row.model}.onnx"), row.dtype), peak_of(row)))
        for row in ROWS
    ]
    print(_HEAD)
    print(
        "| board | model | type | published ms | bound | sum | times | predicted ms | inside | by others "
        "| source |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for each in found:
        row, told = each.row, each.speed
        assert told.bound_s is not None
        assert told.sum_s is not None
        assert told.likely_s is not None
        low, high = (1e3 * end for end in told.likely_s)
        cells = (
            *(row.board, row.model, row.dtype, f"{row.published_ms:g}"),
            *(f"{1e3 * told.bound_s:.3g}", f"{1e3 * told.sum_s:.3g}", f"{each.times:.2f}"),
            *(f"{low:.3g} to {high:.3g}", _word(each.is_inside), by_others(each, found), row.source),
        )
        print(f"| {' | '.join(cells)} |")
    print()
    for kind in SLOWDOWN:
        print(_summary(kind, [each for each in found if each.row.kind == kind and each.row.is_counted]))
    print(_FOOT)


def by_others(one: Found, found: list[Found]) -> str:
    """Whether the least and the most of the other sources hold a row; none where there is no other source."""
    others = [
        each
        for each in found
        if each.row.kind == one.row.kind and each.row.source != one.row.source and each.row.is_counted
    ]
    if not one.has_traffic:
        times = [each.times_arithmetic for each in others]
    else:
        times = [each.times for each in others if each.has_traffic]
    return _word(min(times) <= one.times <= max(times)) if times else "none"


def _summary(kind: str, rows: list[Found]) -> str:
    alone = [each.times_arithmetic for each in rows]
    times = [each.times for each in rows if each.has_traffic]
    return (
        f"- {kind}: {len(rows)} rows count, times {min(times):.2f} to {max(times):.2f}, used "
        f"{SLOWDOWN[kind]}; over arithmetic alone {min(alone):.2f} to {max(alone):.2f}, used "
        f"{ARITHMETIC_SLOWDOWN.get(kind, 'nowhere')}; the range of the other sources holds "
        f"{sum(by_others(each, rows) == 'yes' for each in rows)} of {len(rows)}"
    )


def _word(holds: bool) -> str:
    return "yes" if holds else "**no**"


def demand_of(file: Path) -> Demand:
    """Of a file in real numbers."""
    (sized,) = sized_demands(file, Sizes())
    assert sized.demand is not None
    assert sized.demand.macs is not None, sized.demand.unavailable
    return sized.demand


def _as(demand: Demand, dtype: str) -> Demand:
    """The same model in another type of numbers."""
    assert demand.traffic is not None
    by = _DIVIDED[dtype]
    macs = sum((demand.macs or {}).values())
    moved = Traffic(demand.traffic.least_bytes // by, demand.traffic.bytes // by)
    return replace(demand, macs={dtype: macs}, traffic=moved)


def peak_of(row: Row) -> Peak:
    """Of the profile; of the phone, which has none, as of a Snapdragon 855 with four threads."""
    if row.board == PIXEL_4:
        # One Kryo 485 (a Cortex-A76) of 2.84 GHz and three of 2.42 GHz; 34.1 GB/s: Qualcomm's product brief.
        cycles = 2.84e9 + 3 * 2.42e9
        return Peak("Snapdragon 855", CPU, {"f32": 8 * cycles, "i8": 32 * cycles}, 34.1e9, "", 4)
    profile = load_profile(row.board)
    return cpu_peak(profile) if row.kind == CPU else accelerator_peaks(profile)[0]


_HEAD = """\
# `edgeai fit` against published figures

Made by `benchmarks/peers/fit_published.py`: how, and what the columns mean, stands there. Nothing was
measured here: boards, runtimes and clocks are those of the sources; times in ms. The models are rebuilt with
random weights by `benchmarks/exports/published_models.py`. Their multiply-accumulates agree with published
counts: MobileNet V1 569 M, V2 301 M, V3 217 M and 57 M, EfficientNet-Lite0 385 M. ResNet50 is Keras's version
1 with 3.86 G; MLPerf's 1.5 has 4.1 G. The SSDs of aallan are quantized and run with four threads by the notes
beside them; they end in a choice of boxes, which is not counted. Of the Pi 3 B+ nobody publishes the memory's
rate: its sum is the arithmetic alone, as on a Zero 2 W, and it is here because it alone has their cores.
Left out of benchmark-method.md's rows: the language models, whose files are GGUF, which nothing here reads.
"""

_FOOT = """
The range is wide because peaks know nothing of caches or of a runtime's kernels: it tells 20 ms from 200, not
20 from 30. The last column but one is the honest test, and it is weak: a range from other people's runs holds
half of the rows. The quantized SSDs are slower than any other row; those of Pi 3 B+ and Pi 4 ran on
TensorFlow Lite of 2019. The two rows with TensorFlow around TensorRT are shown and not counted: most of
their time is outside the engine. NPUs, TPUs and DSPs have no row: `edgeai fit` gives their bound alone.
RAM: `fit-memory-x86-64-vm.md`.
"""

if __name__ == "__main__":
    main(Path(sys.argv[1]))
