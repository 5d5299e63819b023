"""Who takes part: the peers of a run, by label."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from .case import OpenCase
from .table import BASE

NAMES = {"onnxruntime": "ONNX Runtime", "litert": "LiteRT", "openvino": "OpenVINO", "mnn": "MNN"}
RAW, PREPARED, AGAIN = "edgeai raw", "edgeai prepared", "bare library, again"


@dataclass(frozen=True)
class Peer:
    """label: as rows call it. kind: its line in the table. notes: for the reader."""

    label: str
    kind: str
    settings: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def base_of(case: OpenCase) -> Peer:
    """Whom all are held against: the bare library with its defaults."""
    kind = BASE[case.format]
    return Peer(NAMES[kind], kind)


def again_of(case: OpenCase) -> Peer:
    """The same once more: what differs is noise."""
    base = base_of(case)
    return Peer(AGAIN, base.kind)


def others_of(case: OpenCase) -> list[Peer]:
    """The other libraries."""
    names = (
        "\n".join(each.name for each in case.probed.inputs),
        "\n".join(each.name for each in case.probed.outputs),
    )
    return [
        Peer(NAMES["openvino"], "openvino"),
        Peer(NAMES["mnn"], "mnn", {"inputs": names[0], "outputs": names[1]}),
    ]


def by_edgeai(case: OpenCase, **settings: str) -> Peer:
    """edgeai, raw unless the settings say otherwise; see `by_edgeai.load`."""
    usual = {"prepared": "0", "backends": ",".join(_backends(case))}
    if case.is_bundle:
        usual["real"] = "1"
        if case.base.model.name is not None:
            usual["model"] = case.base.model.name
    asked = {**usual, **settings}
    return Peer(PREPARED if asked["prepared"] == "1" else RAW, "edgeai", asked)


def grid_of_onnxruntime() -> list[Peer]:
    """Points of the grid of ONNX Runtime's own options that an engineer would try by hand: every level of
    optimisation with and without spinning and arena, and the rest one by one."""
    points: list[dict[str, str]] = [
        {"optimize": level, "spinning": spinning, "arena": arena}
        for level, spinning, arena in itertools.product(("all", "extended", "basic"), "10", "10")
    ]
    points += [{"optimize": "none"}, {"prepack": "0"}, {"prepack": "0", "spinning": "0"}]
    points += [{"parallel": "1"}, {"parallel": "1", "spinning": "0"}]
    usual = {"optimize": "all", "spinning": "1", "arena": "1"}
    return [
        Peer(f"grid: {', '.join(f'{key} {value}' for key, value in point.items())}", "onnxruntime", point)
        for point in points
        if point != usual
    ]


def _backends(case: OpenCase) -> list[str]:
    """Whose libraries edgeai may load for this case."""
    if not case.is_bundle:
        return [BASE[case.format]]
    return list(dict.fromkeys(BASE.values()))
