"""What a run is called where people read of it."""

from __future__ import annotations

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
