"""Explains why a quantized variant is no faster than its float source."""

from __future__ import annotations

from collections.abc import Sequence

from ..outcome import Layer, Tried

MOSTLY = 0.5
"""From this share of layers in higher precision on, their borders are the likely reason."""


def why_not_faster(tried: Tried, layers: Sequence[Layer] = ()) -> str | None:
    """The likely reason; None where the variant is faster, is a float file, or was not measured.

    layers: those of the export; the variant's own tell which operators it quantizes. The reasons are known
    properties of kernels, not measurements of this model: the text says "likely" where several are possible.
    """
    if tried.ratio is None or tried.scheme is None or tried.ratio.high < 1:
        return None
    operators = {layer.operator for layer in layers if layer.variant == tried.id}
    verb = "is slower than float" if tried.ratio.low > 1 else "is not faster than float beyond doubt"
    return f"{verb}: {_reason(tried, operators)}"


_FLOAT_ARITHMETIC = (
    "only weights are small; the arithmetic stays in f32, and weights are unpacked in every run"
)
_BY_PRECISION = {
    "f16": "CPUs have few f16 kernels, so values are cast to f32 and back around operators; f16 pays in "
    "size, and in speed on GPUs",
    "w8": _FLOAT_ARITHMETIC,
    "w4": _FLOAT_ARITHMETIC,
}


def _reason(tried: Tried, operators: set[str]) -> str:
    if tried.precision in _BY_PRECISION:
        return _BY_PRECISION[tried.precision]
    if tried.layers and len(tried.kept) >= MOSTLY * tried.layers:
        return (
            f"{len(tried.kept)} of {tried.layers} layers stay in higher precision, and values are converted "
            "at each border between them and the rest"
        )
    if "dynamic" in tried.precision:
        if any("conv" in operator.lower() for operator in operators):
            return "dynamically quantized convolutions have slow kernels; static int8 suits convolutions"
        return (
            "dynamic int8 looks for the range of its inputs in every run, which likely takes longer than the "
            "small layers of this model gain"
        )
    if tried.precision == "int8-sym":
        return (
            "x86 multiplies u8 by s8 fast and s8 by s8 slowly, which this variant does; it is made for Arm "
            "and TensorRT, so measure there"
        )
    return (
        "converting to int8 and back around layers likely takes longer than the layers gain: small layers, "
        "operators without int8 kernels between them, or a CPU without int8 dot products (VNNI, asimddp)"
    )
