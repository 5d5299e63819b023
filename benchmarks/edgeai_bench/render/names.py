"""What a run is called where people read of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..report import Report


def name_of(report: Report) -> str:
    """The model's name in its suite, else its file name; of a bundle with what of it ran."""
    model = report.model
    if model.id is not None:
        return model.id
    name = Path(model.path).name or model.path
    return name if model.bundle is None else label(name, model.bundle.model, model.bundle.variant)


def label(name: str, model: str | None, variant: str | None) -> str:
    """`door.edge`, `door.edge:det`, `door.edge:det/s8`."""
    return name + (f":{model}" if model else "") + (f"/{variant}" if variant else "")


def labels(reports: Sequence[Report]) -> list[str]:
    """A name for each run that tells it from the others, as short as that allows: with its board,
    backend, threads, provider, device or when it started only where runs differ in them; else numbered."""
    parts: tuple[Callable[[Report], str], ...] = (
        lambda report: "" if report.identity.board is None else f"on {report.identity.board}",
        lambda report: report.identity.backend,
        lambda report: f"{report.identity.threads} thr",
        lambda report: report.identity.provider or "",
        lambda report: report.identity.device_profile,
        lambda report: report.identity.started_utc,
    )
    named = [name_of(report) for report in reports]
    for part in parts:
        if len(set(named)) == len(named):
            break
        added = [part(report) for report in reports]
        if len(set(added)) > 1:
            named = [f"{name} {more}".rstrip() for name, more in zip(named, added, strict=True)]
    if len(set(named)) < len(named):
        named = [f"{name} #{number}" for number, name in enumerate(named, 1)]
    return named
