"""A preparation as a JSON document, and as the rows of a table for people.

The document, schema 1, kind `edgeai.prepare`; times in seconds, sizes in bytes; what is not known is null:

    path, dry_run
    models      one a model: model ("" for a bare file), identity, objective, why, is_raw, noise (raw to
                itself), inputs (shapes fed), open_dimensions (made up, as nobody gave them), spent_s,
                untried, kept (whether it is in the store), written_bytes
      raw, prepared   label, variant, backend, threads, providers, form, tuning, disk_bytes, figures
      ratio           of the duel: objective's figure, prepared over raw, with its 95 % interval and the pairs
      latency_ratio   the same of the p50
      energy          meter, scope, a_j, b_j, and the ratio
      soak            seconds, kept, raw, failed
      tried           label, figures, left (why it was not taken), lost, pareto
      skipped         variants that cannot run here: variant, backend, reason
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import one_line
from ..quantities import bytes_text, digits, energy_text, time_text

if TYPE_CHECKING:
    from ..measure.statistics import Comparison
    from .figures import Figures
    from .found import Outcome
    from .preparing import Done

SCHEMA, KIND = 1, "edgeai.prepare"


def document(path: str, done: Sequence[Done], *, dry_run: bool) -> dict[str, Any]:
    """See above."""
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "path": path,
        "dry_run": dry_run,
        "models": [_model(each) for each in done],
    }


def raw_and_prepared(done: Done) -> list[tuple[str, str, str, str]]:
    """Rows: what, raw, prepared, ratio. Of a raw that stays, the second column says so."""
    raw, own = sides(done)
    found, fight = done.searched, done.searched.duel
    rows = [
        ("latency p50", time_text(raw.latency_s), time_text(own.latency_s), _latency_ratio(done)),
        ("load", time_text(raw.load_s), time_text(own.load_s), _over(own.load_s, raw.load_s)),
        ("load to first result", time_text(raw.to_first_s), time_text(own.to_first_s), _to_first_ratio(done)),
        ("RAM, anonymous", *_bytes(raw.anonymous_bytes, own.anonymous_bytes)),
        ("RAM, peak", *_bytes(raw.peak_bytes, own.peak_bytes)),
        ("on disk", bytes_text(done.raw_bytes), _on_disk(done), ""),
    ]
    if found.objective == "ram" and fight is not None:
        rows.append(("RAM, both", "", "", interval_text(fight.found)))
    if found.energy is not None:
        a, b = (sum(each) / len(each) for each in (found.energy.a_j, found.energy.b_j))
        if found.energy.decision.take:
            rows.append(("energy", energy_text(a), energy_text(b), interval_text(found.energy.found)))
    rows.append(("written", "", bytes_text(_written(done)), ""))
    return rows


def tried_rows(done: Done) -> list[list[str]]:
    """Rows: way, p50, to raw's, load to first result, peak, why it was not taken."""
    rows = []
    for each in done.searched.outcomes:
        own = each.figures
        figures = ["", "", "", ""]
        if own is not None:
            peak = "" if own.peak_bytes is None else bytes_text(own.peak_bytes)
            figures = [time_text(own.latency_s), digits(own.latency_ratio), time_text(own.to_first_s), peak]
        why = "chosen" if each is done.searched.chosen else each.left
        rows.append([each.way.label, *figures, why])
    return rows


def doubt(done: Done) -> str | None:
    """What a user should know before trusting the choice; None where there is nothing.

    One sample a call is what devices run, so a batch that nobody gave is no doubt.
    """
    found = done.searched
    free = [each for each in found.open_dimensions if not re.search(r"\[0\]( \(|$)", each)]
    if not free:
        return None
    fed = "; ".join(f"{one_line(name)} {'x'.join(map(str, shape))}" for name, shape in found.inputs.items())
    which = one_line(", ".join(free))
    return (
        f"the model leaves {which} open, and it was measured with {fed}: give real sizes with --input-shape"
    )


def interval_text(found: Comparison | None) -> str:
    """`0.823 (0.810 to 0.836)`."""
    return "" if found is None else f"{found.ratio:.3f} ({found.low:.3f} to {found.high:.3f})"


def sides(done: Done) -> tuple[Figures, Figures]:
    """Raw's figures and those of what was chosen: of the duel where it was between these two."""
    found = done.searched
    if found.duel is not None and fought_raw(done):
        return found.duel.a, found.duel.b
    raw, own = found.raw.figures, found.chosen.figures
    assert raw is not None
    return raw, own or raw


def fought_raw(done: Done) -> bool:
    """Whether the duel was between raw and what was chosen."""
    fight = done.searched.duel
    return (
        fight is not None and not done.searched.is_raw and not done.searched.chosen.left and fight.against_raw
    )


def _model(done: Done) -> dict[str, Any]:
    found, fight = done.searched, done.searched.duel
    raw, own = sides(done)
    return {
        "model": found.model,
        "identity": done.identity,
        "objective": found.objective,
        "why": found.why,
        "is_raw": found.is_raw,
        "noise": found.noise,
        "inputs": {name: list(shape) for name, shape in found.inputs.items()},
        "open_dimensions": list(found.open_dimensions),
        "spent_s": found.spent_s,
        "untried": found.untried,
        "kept": done.prepared is not None,
        "written_bytes": _written(done),
        "raw": _way(found.raw, raw, done.raw_bytes),
        "prepared": _way(found.chosen, own, done.form_bytes),
        "ratio": _ratio(None if fight is None else fight.found, 0 if fight is None else fight.pairs),
        "latency_ratio": _ratio(
            None if fight is None else fight.latency, 0 if fight is None else fight.pairs
        ),
        "energy": _energy(done),
        "soak": None if found.soaked is None else dataclasses.asdict(found.soaked),
        "tried": [
            {
                "label": each.way.label,
                "figures": None if each.figures is None else each.figures.to_dict(),
                "left": each.left or None,
                "lost": each.lost,
                "pareto": each.way.label in found.front,
            }
            for each in found.outcomes
        ],
        "skipped": [dataclasses.asdict(each) for each in found.skipped],
    }


def _way(outcome: Outcome, figures: Figures, disk_bytes: int) -> dict[str, Any]:
    choice = outcome.choice or outcome.way.choice
    return {
        "label": outcome.way.label,
        "variant": choice.variant,
        "backend": choice.backend,
        "threads": choice.threads,
        "providers": list(choice.providers),
        "form": outcome.way.form,
        "tuning": dataclasses.asdict(choice.tuning),
        "disk_bytes": disk_bytes,
        "figures": figures.to_dict(),
    }


def _ratio(found: Comparison | None, pairs: int) -> dict[str, Any] | None:
    return None if found is None else {**dataclasses.asdict(found), "pairs": pairs}


def _energy(done: Done) -> dict[str, Any] | None:
    found = done.searched.energy
    if found is None:
        return None
    return {
        "meter": found.meter,
        "scope": found.scope,
        "a_j": list(found.a_j),
        "b_j": list(found.b_j),
        "ratio": _ratio(found.found, len(found.a_j)),
    }


def _written(done: Done) -> int:
    return done.searched.written_bytes if done.prepared is None else done.prepared.written_bytes


def _on_disk(done: Done) -> str:
    return bytes_text(done.form_bytes) + " more" if done.form_bytes else "the same"


def _latency_ratio(done: Done) -> str:
    fight = done.searched.duel
    if fight is not None and fought_raw(done):
        return interval_text(fight.latency)
    own = done.searched.chosen.figures
    return "" if own is None or done.searched.is_raw else f"{own.latency_ratio:.3f}"


def _to_first_ratio(done: Done) -> str:
    fight = done.searched.duel
    if fight is not None and fought_raw(done) and done.searched.objective == "load":
        return interval_text(fight.found)
    raw, own = sides(done)
    return "" if done.searched.is_raw else _over(own.to_first_s, raw.to_first_s)


def _bytes(raw: int | None, own: int | None) -> tuple[str, str, str]:
    if raw is None or own is None:
        return "unavailable", "unavailable", "the kernel does not say"
    return bytes_text(raw), bytes_text(own), _over(own, raw)


def _over(own: float, raw: float) -> str:
    return f"{own / raw:.3f}" if raw > 0 else ""
