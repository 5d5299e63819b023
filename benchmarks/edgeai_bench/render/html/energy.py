"""Energy: the headline figure with its scope, then how it was had, the power trace and the rails."""

from __future__ import annotations

from edgeai.markup import Markup, element
from edgeai.measure.energy import Energy
from edgeai.quantities import power_text
from edgeai.unavailable import Unavailable

from ...report import Report
from ..charts.bars import bar
from ..charts.power import power_chart
from ..energy import idle_text, joules, per_joule, sampling_text, sigma_texts, unavailable_text, watts
from .parts import facts, section, table


def energy_tile(report: Report) -> tuple[str, str, str]:
    """Gross joules of one call, with their interval and what they cover."""
    energy = report.energy
    if isinstance(energy, Unavailable):
        return "energy", "unavailable", f"{energy.unavailable}; {energy.advice}"
    value, interval = joules(energy.gross_j, energy)
    kind = "estimated, " if energy.is_estimate else ""
    return f"energy per {_call(report)}, gross", value, f"{interval} {kind}{energy.scope}".strip()


def energy_section(report: Report, points: int) -> Markup:
    """Everything about energy; one line where there is none."""
    energy = report.energy
    if isinstance(energy, Unavailable):
        return section("Energy", element("p", unavailable_text(energy), class_="missing"))
    return section(
        "Energy",
        element("div", power_chart(energy, points)),
        facts(_figures(report, energy)),
        _rails(energy),
        facts(_method(energy)),
    )


def _call(report: Report) -> str:
    return "inference" if report.pipeline is None else f"call ({report.pipeline.call})"


def _figures(report: Report, energy: Energy) -> dict[str, str]:
    call, each = _call(report), "inference" if report.pipeline is None else report.pipeline.call
    per_j, interval = per_joule(energy)
    return {
        "gross": f"{_with_interval(joules(energy.gross_j, energy))} per {call}",
        "net": f"{_with_interval(joules(energy.net_j, energy))} per {call}, less {idle_text(energy)}",
        "mean power": _with_interval(watts(energy.power_w, energy)),
        "per joule": f"{per_j} {each}s {interval}".rstrip(),
        "scope": energy.scope + (", estimated" if energy.is_estimate else ""),
    }


def _with_interval(figure: tuple[str, str]) -> str:
    return " ".join(figure).rstrip()


def _rails(energy: Energy) -> Markup:
    """Mean of each rail over the windows; nothing of a meter with one rail, which is the total."""
    rails = energy.trace.rails_w
    if len(rails) < 2:
        return Markup()
    most = max(*rails.values(), energy.power_w.value, 1e-12)
    rough = energy.is_estimate
    total = energy.power_w.value
    named = [(_rail(name, energy), mean, "step") for name, mean in rails.items()]
    rows = [
        [name, bar([(0.0, max(mean, 0.0) / most, class_)], title=name), power_text(mean, rough=rough)]
        for name, mean, class_ in [*named, ("total", total, "anonymous")]
    ]
    header = [("rail", "name"), ("mean over the windows", "wide"), ("power", "number")]
    return table("Rails", header, rows, class_="bars")


def _rail(name: str, energy: Energy) -> str:
    return f"{name}, inside another" if name in energy.trace.inside else name


def _method(energy: Energy) -> dict[str, str]:
    told = {"meter": energy.meter, "method": energy.method, "sampling": sampling_text(energy)}
    sigmas = ", ".join(f"{cause} {sigma}" for cause, sigma in sigma_texts(energy).items())
    if sigmas:
        told["uncertainty"] = f"one standard deviation of the gross figure: {sigmas}"
    if energy.notes:
        told["notes"] = " ".join(energy.notes)
    return told
