"""What is asked of a search."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError
from ..measure.protocol import InputRequest

OBJECTIVES = ("latency", "ram", "energy", "load")
BUDGET_S, ENERGY_BUDGET_S = 30.0, 120.0
"""Of wall time. Joules need longer: each look at a meter takes seconds of idling and of running."""


@dataclass(frozen=True)
class SearchSettings:
    """What to look for, and for how long.

    budget_s: of wall time, for one model; None for the usual one of the objective.
    threads: only so many; None leaves their number to the search. backends, variant: only these.
    max_ram_bytes: of VmHWM above the baseline; max_latency_s: of the p50. Ways beyond are refused.
    inputs: what is fed, see `InputRequest`. fix_sizes: named dimensions will never have other sizes.
    meter: for `energy`, by name; None for the most trusted. soak_s: how long the winner must run hot.
    """

    budget_s: float | None = None
    objective: str = "latency"
    threads: int | None = None
    backends: tuple[str, ...] = ()
    variant: str | None = None
    max_ram_bytes: int | None = None
    max_latency_s: float | None = None
    inputs: InputRequest = InputRequest()
    fix_sizes: bool = False
    meter: str | None = None
    soak_s: float | None = None

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise UsageError(
                f"no objective is called {self.objective!r}; choose one of {', '.join(OBJECTIVES)}"
            )
        if self.budget_s is not None and self.budget_s <= 0:
            raise UsageError("a budget of no time finds nothing; give some seconds, such as 30s")
        for limit, name, such_as in (
            (self.max_ram_bytes, "RAM", "64MB"),
            (self.max_latency_s, "latency", "20ms"),
            (self.soak_s, "soak", "5m"),
        ):
            if limit is not None and limit <= 0:
                raise UsageError(
                    f"a {name} of nothing makes no sense; leave it out or give some, as {such_as}"
                )

    @property
    def seconds(self) -> float:
        """The budget in seconds."""
        if self.budget_s is not None:
            return self.budget_s
        return ENERGY_BUDGET_S if self.objective == "energy" else BUDGET_S
