"""What `edgeai parity` does: opens model, source and data, and holds one against the other."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edgeai.graph import read_graph

from .budget import Budget
from .data.opening import open_data
from .original import runner
from .parity import OnProgress, parity
from .quality import Quality
from .search import take_turns
from .sources import open_source
from .sources.options import SourceOptions
from .surroundings import own_tokenizer


@dataclass(frozen=True)
class Proof:
    """What is asked.

    model: a file or bundle. against: any source of `edgeai export`. data, labels, limit, steps, metric,
    seed: as of `Request`. name: which of a bundle's models; None for the only one. threads: of variants.
    """

    model: Path
    against: str
    data: str
    labels: Path | None = None
    limit: int | None = None
    steps: Path | None = None
    name: str | None = None
    metric: str | None = None
    budget: Budget = Budget()
    threads: int = 1
    seed: int = 0


def hold_against(asked: Proof, *, on_progress: OnProgress = lambda *_: None) -> tuple[Quality, ...]:
    """Every variant against the source, see `parity.parity`. Raises what sources and data raise."""
    with tempfile.TemporaryDirectory(prefix="edgeai-parity-") as work, ExitStack() as stack:
        source = open_source(asked.against, Path(work), SourceOptions(seed=asked.seed))
        data = open_data(
            asked.data,
            read_graph(source.path).inputs,
            steps=asked.steps or own_tokenizer(asked.against),
            model=asked.name,
            labels=asked.labels,
            limit=asked.limit,
            seed=asked.seed,
        )
        return parity(
            asked.model,
            source.path if source.reference is None else runner(source, stack),
            data,
            metric=asked.metric,
            budget=asked.budget,
            name=asked.name,
            seed=asked.seed,
            threads=asked.threads,
            take_turns=take_turns,
            on_progress=on_progress,
        )
