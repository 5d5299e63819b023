"""What speaks against a comparison of living programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeai.measure.alternate import Arm

from ..report import Doubt


def doubts_of_pairs(pairs: Sequence[tuple[Arm, Arm]]) -> Iterator[Doubt]:
    """Each makes the comparison invalid: noise widens the interval, and is no doubt."""
    for name, arms in (("A", [one for one, _ in pairs]), ("B", [two for _, two in pairs])):
        yield from _of_arm(name, arms)


def _of_arm(name: str, arms: Sequence[Arm]) -> Iterator[Doubt]:
    wrong = [arm.told.output_error for arm in arms if arm.told.output_error]
    if wrong:
        yield Doubt(
            "wrong_output",
            "invalid",
            f"{len(wrong)} of {len(arms)} processes of {name} gave other outputs for the same inputs: "
            f"{wrong[0]}",
            "the backend computes unreliably here, or the model is random on purpose; try another backend",
        )
    throttled = sorted({event for arm in arms for event in arm.told.change.throttle_events})
    if throttled:
        yield Doubt(
            "throttled",
            "invalid",
            f"the board was throttled while {name} was measured: {', '.join(throttled)}",
            "cool it, give it a stronger supply, or a lower power mode; then measure again",
        )
    swapped = max((phase.memory.swap_bytes or 0) for arm in arms for phase in arm.told.phases)
    if swapped:
        yield Doubt(
            "swapped",
            "invalid",
            f"{swapped / 1e6:.1f} MB of the process of {name} were in swap",
            "free memory or switch swap off (swapoff -a), then measure again",
        )
