"""Results of peers as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edgeai.errors import one_line
from edgeai.measure.statistics import Comparison
from edgeai.quantities import bytes_text, time_text

from ..render.markdown import plain
from .outcome import CaseResult, Outcome, PeerResult
from .ratios import (
    ANONYMOUS,
    CPU,
    FIGURES,
    FIRST,
    INCONCLUSIVE,
    LATENCY,
    RAM,
    Mean,
    figure,
    geometric_mean,
    noise,
    ratio,
)

WRITE: dict[str, Callable[[float], str]] = {
    LATENCY: time_text,
    FIRST: time_text,
    RAM: bytes_text,
    ANONYMOUS: bytes_text,
    CPU: time_text,
}


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others numbers."""
    lines = [columns, ["---", *["--:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ratio_text(found: Comparison | Mean | None) -> str:
    """`0.713 [0.702, 0.724]`."""
    if found is None:
        return "-"
    if found.low is None or found.high is None:
        return f"{found.ratio if isinstance(found, Comparison) else found.value:.3f}"
    value = found.ratio if isinstance(found, Comparison) else found.value
    return f"{value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def document(outcome: Outcome, title: str = "Peers") -> str:
    """The whole document: the machine, then for each number of threads the means and the models."""
    parts = [f"# {title}", machine_text(outcome)]
    counts = list(dict.fromkeys(result.threads for result in outcome.results))
    for threads in counts:
        results = [each for each in outcome.results if each.threads == threads]
        parts += [f"## {threads_text(threads)}", means_table(results), models_table(results)]
        missing = list(not_measured(results))
        parts += ["Not measured or not counted:\n\n" + "\n".join(missing)] if missing else []
    return "\n\n".join([*parts, LEGEND]) + "\n"


def threads_text(threads: int | None) -> str:
    """`1 thread`, or what None stands for."""
    if threads is None:
        return "Default threads"
    return f"{threads} thread" if threads == 1 else f"{threads} threads"


def machine_text(outcome: Outcome) -> str:
    """Where and how, in a paragraph."""
    machine = outcome.machine
    memory = "" if machine.memory_bytes is None else f", {bytes_text(machine.memory_bytes)} of RAM"
    kinds = {peer.kind: peer.version for result in outcome.results for peer in result.peers}
    versions = {f"{kind} {version}" for kind, version in kinds.items() if version}
    quick = " A quick run, for a first look only." if outcome.quick else ""
    features = f" ({', '.join(machine.features)})" if machine.features else ""
    command = one_line(" ".join(outcome.command), 600).replace("`", "'")
    return (
        f"`{command}`, from {outcome.started_utc}, on {plain(machine.model or 'unknown')}, "
        f"{machine.machine}{features}, {machine.cores} cores{memory}, kernel {plain(machine.kernel)}, "
        f"{', '.join([f'Python {machine.python}', *sorted(versions)])}; order drawn from seed "
        f"{outcome.seed}.{quick}"
    )


def means_table(results: Sequence[CaseResult]) -> str:
    """Geometric means of the ratios over models, a row a peer; a model that a peer does not run, or runs
    wrong, is not in its mean, and `models` says how many are."""
    labels = list(dict.fromkeys(peer.label for result in results for peer in result.peers))
    bases = {result.base for result in results}
    rows = []
    for label in labels:
        if label in bases:
            continue
        cells = [ratio_text(geometric_mean(ratios_of(results, label, name))) for name in FIGURES]
        counted = len(ratios_of(results, label, LATENCY))
        tried = sum(result.peer(label) is not None for result in results)
        rows.append([plain(label), f"{counted} of {tried}", *cells])
    named = " or ".join(sorted(bases))
    return f"Geometric means over models of the ratio to {named}:\n\n" + table(
        ["peer", "models", *FIGURES], rows
    )


def ratios_of(results: Sequence[CaseResult], label: str, name: str) -> list[Comparison]:
    """Of a figure, over the models on which the peer ran and was right."""
    found = []
    for result in results:
        base, other = result.peer(result.base), result.peer(label)
        if base is None or other is None or not base.rounds or not other.rounds or other.wrong:
            continue
        one = ratio(base, other, name)
        if one is not None:
            found.append(one)
    return found


def models_table(results: Sequence[CaseResult]) -> str:
    """A row a model and peer: each figure, and below the base its ratio."""
    rows: list[list[str]] = []
    for result in results:
        base = result.peer(result.base)
        for peer in result.peers:
            if base is None or not peer.rounds or peer.wrong:
                continue
            rows.append([plain(result.case.id), plain(peer.label), *_cells(result, base, peer)])
    return table(["model", "peer", *FIGURES, "noise"], rows)


def _cells(result: CaseResult, base: PeerResult, peer: PeerResult) -> Iterator[str]:
    for name in FIGURES:
        value = figure(peer, name)
        text = "unavailable" if value is None else WRITE[name](value)
        yield text if peer is base else f"{text}, {ratio_text(ratio(base, peer, name))}"
    found = noise(result)
    yield noise_text(found) if peer is base else ""


def noise_text(found: float | None) -> str:
    """`±1.2 %`, with a word where it is too much to decide anything."""
    if found is None:
        return "-"
    return f"±{100 * found:.1f} %" + (" (inconclusive)" if found > INCONCLUSIVE else "")


def not_measured(results: Sequence[CaseResult]) -> Iterator[str]:
    """A line for each peer that did not run a model, or ran it wrong, and what else is to be known."""
    for result in results:
        for peer in result.peers:
            where = f"- {plain(result.case.id)}, {plain(peer.label)}: "
            if peer.unavailable:
                yield where + plain(peer.unavailable)
            if peer.wrong:
                yield where + "wrong outputs: " + plain(peer.wrong)
            for note in peer.notes:
                yield where + plain(note)


LEGEND = """Ratios are to the first row of each model; below 1 is faster or smaller. In brackets: 95 %
intervals, Student's t over rounds (of p50 and CPU: of each round's median ratio of turns that ran next to
each other). A round is a fresh process for every peer, all alive at once, each loading in turn, then short
turns in an order drawn anew each time; who does not have the turn is stopped. `load to first result`:
opening the model and the first inference, libraries imported before. `RAM`: peak (VmHWM) from the load on,
above what was resident with the libraries imported. `anonymous RAM`: at the end, above the same baseline; a
ratio of amounts under 0.26 MB says nothing and is not given. `CPU`: seconds of all threads a call, back to
back. `noise`: of the base measured twice in the same rounds. What is timed of a peer is its library's own
call; of edgeai it is `Session.run`. Outputs of all were held against edgeai, raw, on one thread."""
