"""How a runner is opened beyond threads and providers: what `edgeai prepare` may find faster or smaller.

None, or empty, leaves a matter as the library has it, but for spinning. A backend ignores what it has no such
thing for; which settings are worth trying on which backend stands in `worth_trying`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LEVELS = ("none", "basic", "extended", "all")
"""How far ONNX Runtime may rewrite the graph while it loads."""


@dataclass(frozen=True)
class Tuning:
    """Settings of one runner.

    spinning: whether threads without work burn their core while they wait for some: never, or as long as an
        idle session's share of a core allows; None for so short that only a run's own gaps are bridged.
    arena: whether freed memory is kept for the next run.
    optimize: one of LEVELS. prepack: whether weights are copied into the layout that the kernels want.
    affinities: for each thread beyond the calling one, the CPUs that it may use.
    sizes: of named dimensions, which the graph is then specialised for; other sizes are refused.
    shapes: of inputs with open dimensions, which the graph is compiled for; `fixed_shapes` runs all others.
    """

    spinning: bool | None = None
    arena: bool | None = None
    optimize: str | None = None
    prepack: bool | None = None
    affinities: tuple[tuple[int, ...], ...] = ()
    sizes: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
