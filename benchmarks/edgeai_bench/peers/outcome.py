"""What a run of peers found, as it is kept in JSON; parts of a run made on one machine can be joined."""

from __future__ import annotations

import dataclasses
import json
import platform
from dataclasses import dataclass
from pathlib import Path

import edgeai
from edgeai.device import detect
from edgeai.errors import InputError, one_line
from edgeai.measure.protocol import Tensor
from edgeai.wire import build

SCHEMA = "edgeai-peers/1"


@dataclass(frozen=True)
class Machine:
    """The machine that all figures are of. libraries: versions by package."""

    model: str | None
    machine: str
    cores: int
    features: tuple[str, ...]
    memory_bytes: int | None
    kernel: str
    python: str
    edgeai: str


@dataclass(frozen=True)
class CaseIdentity:
    """The model that the bare libraries ran."""

    id: str
    sha256: str
    size_bytes: int
    format: str
    inputs: tuple[Tensor, ...]


@dataclass(frozen=True)
class PeerRound:
    """What one process of a peer gave. Turn i of all peers of a round ran next to each other.

    medians_ns: of each turn's latencies. cpu_s: a call, of each turn, all threads.
    load_s, first_s: opening, and the first inference. ram_bytes: the peak (VmHWM) from the load on, less what
    was resident before; anonymous_bytes: at the end, less what there was before; peak_bytes: of the whole
    process. None where the kernel does not say.
    """

    medians_ns: tuple[int, ...]
    cpu_s: tuple[float, ...]
    load_s: float
    first_s: float
    ram_bytes: int | None
    anonymous_bytes: int | None
    peak_bytes: int | None


@dataclass(frozen=True)
class PeerResult:
    """One peer on one model.

    kind: its line in the table. settings: how it was opened. version: of its library. rounds: None's are
    rounds it was lost in. unavailable: why there are none. wrong: what was wrong with its outputs.
    notes: what else a reader should know, such as what `edgeai prepare` chose.
    """

    label: str
    kind: str
    settings: dict[str, str]
    version: str | None
    rounds: tuple[PeerRound, ...]
    unavailable: str | None = None
    wrong: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaseResult:
    """All peers on one model at one number of threads; None: each one's default. base: label of the peer that
    the others are held against; again: label of the same once more, which shows the noise."""

    case: CaseIdentity
    threads: int | None
    base: str
    again: str | None
    peers: tuple[PeerResult, ...]

    def peer(self, label: str) -> PeerResult | None:
        """By its label."""
        return next((each for each in self.peers if each.label == label), None)


@dataclass(frozen=True)
class Outcome:
    """A document."""

    schema: str
    machine: Machine
    started_utc: str
    command: tuple[str, ...]
    quick: bool
    seed: int
    results: tuple[CaseResult, ...]


def this_machine() -> Machine:
    """Where this runs."""
    device = detect()
    return Machine(
        model=device.model,
        machine=device.machine,
        cores=device.cores,
        features=device.features,
        memory_bytes=device.memory_bytes,
        kernel=platform.release(),
        python=platform.python_version(),
        edgeai=edgeai.__version__,
    )


def to_json(outcome: Outcome) -> str:
    """With a line a result, so that versions of a file can be compared."""
    head = dataclasses.asdict(dataclasses.replace(outcome, results=()))
    del head["results"]
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    results = [json.dumps(dataclasses.asdict(each), separators=(",", ":")) for each in outcome.results]
    lines.append('"results": [\n' + ",\n".join(results) + "\n]")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_outcome(file: Path) -> Outcome:
    """What `to_json` wrote. Raises InputError."""
    try:
        data = json.loads(file.read_text("utf-8"))
        if data.get("schema") != SCHEMA:
            raise ValueError(f"its schema is {data.get('schema')!r}, not {SCHEMA!r}")
        outcome: Outcome = build(Outcome, data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{one_line(file)} is no result of the peers: {one_line(error)}; leave it out"
        ) from None
    return outcome


def joined(before: Outcome | None, now: Outcome) -> Outcome:
    """Both; of a model and number of threads that both have, the newer one's. Raises InputError for results
    of another machine, which no ratio may mix."""
    if before is None:
        return now
    if dataclasses.replace(before.machine, edgeai="") != dataclasses.replace(now.machine, edgeai=""):
        raise InputError(
            "the results to join are of another machine, kernel or Python; give another --json FILE"
        )
    results = {(each.case.id, each.threads): each for each in (*before.results, *now.results)}
    return dataclasses.replace(
        now,
        results=tuple(results.values()),
        quick=before.quick or now.quick,
        started_utc=min(before.started_utc, now.started_utc),
    )
