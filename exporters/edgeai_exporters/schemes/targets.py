"""Which schemes are worth building for which device, by what is known of its CPU and accelerators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from edgeai.device import DeviceProfile

from . import SCHEMES, Scheme

VNNI = "avx512_vnni"
"""Without it x86 adds two products of u8 and s8 in 16 bits, which saturates where both are large
(onnxruntime.ai/docs/performance/model-optimizations/quantization.html)."""
SEVEN_BITS = "-7bit"
"""Behind the name of a scheme whose weights have 7 bits, so that nothing saturates."""


@dataclass(frozen=True)
class Rule:
    """Of one scheme: on which targets it is built. None stands for any machine."""

    scheme: str
    format: str
    suits: Callable[[DeviceProfile | None], bool]


def _any(_: DeviceProfile | None) -> bool:
    return True


def _is_x86(profile: DeviceProfile | None) -> bool:
    return profile is not None and ("x86_64" in profile.match.machines or profile.id.startswith("x86"))


def _is_arm(profile: DeviceProfile | None) -> bool:
    return profile is not None and not _is_x86(profile)


def _has_nvidia(profile: DeviceProfile | None) -> bool:
    """Generic profiles prefer CUDA too, in case there is some; a board that has it says so."""
    return profile is not None and "cuda" in profile.preferred_providers and bool(profile.accelerators)


def _has_npu(profile: DeviceProfile | None) -> bool:
    return profile is not None and any(unit.kind in {"npu", "tpu", "dsp"} for unit in profile.accelerators)


def _not_arm(profile: DeviceProfile | None) -> bool:
    return not _is_arm(profile)


# What is not in this table suits every target.
RULES: tuple[Rule, ...] = (
    # u8 x s8 is the fast pair on x86, s8 x s8 on Arm.
    Rule("int8-static", "onnx", _not_arm),
    Rule("int8-static-layers", "onnx", _not_arm),
    Rule("int8-static-percentile", "onnx", _not_arm),
    Rule("int8-static-entropy", "onnx", _not_arm),
    Rule("int8-static-sym", "onnx", _is_arm),
    # TensorRT takes integers with zero point 0 alone.
    Rule("int8-static-tensorrt", "onnx", _has_nvidia),
    # Edge TPUs and NPUs want integers from end to end.
    Rule("int8-static-io", "tflite", _has_npu),
)


def schemes_for(profile: DeviceProfile | None, format_: str) -> tuple[Scheme, ...]:
    """The rows to try for a target, in order of preference; None is any machine.

    For x86, whose VNNI is not known before it runs, each scheme with u8 activations comes twice: with
    weights of 8 bits, for CPUs with VNNI alone (`Scheme.cpu`), and with 7 bits, for all.
    """
    rules = {(rule.scheme, rule.format): rule.suits for rule in RULES}
    suiting = [
        scheme
        for scheme in SCHEMES
        if scheme.format == format_ and rules.get((scheme.name, format_), _any)(profile)
    ]
    if not _is_x86(profile) or (profile is not None and VNNI in profile.features):
        return tuple(suiting)
    return tuple(_with_seven_bits(suiting))


def _with_seven_bits(schemes: list[Scheme]) -> Iterator[Scheme]:
    for scheme in schemes:
        if not scheme.saturates:
            yield scheme
            continue
        yield replace(scheme, cpu=(VNNI,))
        yield replace(
            scheme,
            name=scheme.name + SEVEN_BITS,
            help=f"{scheme.help}; weights of 7 bits, for x86 without VNNI",
            options={**scheme.options, "reduce_range": True},
            is_fallback=True,
        )
