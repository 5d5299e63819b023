"""Forms of an ONNX file that ONNX Runtime writes by itself: the graph as it runs it on this CPU.

Opened with `Tuning(optimize="none")` the graph is not rewritten again, and the weights, which lie in a file
beside it, are mapped: they are read where they are used, and the kernel can take their pages back.

ORT format is no form: on three models (face detector, PP-OCR rec, silero-vad) it loaded in 12, 108 and 63 ms,
these in 11, 40 and 45, with less RAM; and it crashed where its bytes were to be used directly.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime as ort

from ..errors import ModelError, one_line
from .onnxruntime import ORT_ERRORS, session_options, short_message
from .onnxruntime_tuning import apply_tuning
from .tuning import Tuning

if TYPE_CHECKING:
    from ..bundle import Variant
    from . import RunOptions

MODEL, WEIGHTS = "model.onnx", "weights.bin"
MIN_EXTERNAL_BYTES = 4096
"""A page. Each outside weight is a mapping of its own, of one page at least, so smaller ones gain nothing;
and shapes, which are read while a model loads, stay in the graph. 256 B to 4 KiB measured alike on the same
three models; with 64 KiB the first kept 0.9 MB more."""

_NO_PREPACKING = {"session.disable_prepacking": "1"}
_KEEP_PREPACKED = {"session.save_external_prepacked_constant_initializers": "1"}


def make_optimized(variant: Variant, options: RunOptions, folder: Path) -> Path:
    """The optimised graph, and its weights as they are. Raises ModelError."""
    return _make(variant, options, folder, _NO_PREPACKING)  # packed ones would be thrown away


def make_prepacked(variant: Variant, options: RunOptions, folder: Path) -> Path:
    """The optimised graph, and its weights in the layout that this CPU's kernels want. Raises ModelError."""
    return _make(variant, options, folder, _KEEP_PREPACKED)


def _make(variant: Variant, options: RunOptions, folder: Path, how: dict[str, str]) -> Path:
    """Write it and open it once. Where it cannot be read again, the weights go into the graph's own file.

    ONNX Runtime 1.23 writes outside weights of the bodies of `If` twice, and then finds them twice. A file
    may also crash it: whoever makes a form does so in a child.
    """
    if any(name.lower() != "cpu" for name in options.providers):
        raise ModelError(
            f"{one_line(variant.path)}: only graphs for the CPU can be saved; leave out the form or "
            f"{', '.join(options.providers)}"
        )
    main = folder / MODEL
    outside = {
        "session.optimized_model_external_initializers_file_name": WEIGHTS,
        "session.optimized_model_external_initializers_min_size_in_bytes": str(MIN_EXTERNAL_BYTES),
    }
    _write(variant.path, options, main, {**how, **outside})
    if _reason_not_to_open(main) is not None:
        (folder / WEIGHTS).unlink(missing_ok=True)
        _write(variant.path, options, main, _NO_PREPACKING)
        reason = _reason_not_to_open(main)
        if reason is not None:
            raise ModelError(f"{one_line(variant.path)}: ONNX Runtime cannot read what it saved: {reason}")
    return main


def _write(source: Path, options: RunOptions, main: Path, entries: dict[str, str]) -> None:
    level = None if options.tuning.optimize == "none" else options.tuning.optimize
    settings = session_options(options.threads, None)
    apply_tuning(settings, replace(options.tuning, optimize=level, prepack=None), options.threads)
    settings.optimized_model_filepath = str(main)
    try:
        _open(source, settings, entries)
    except ORT_ERRORS as error:
        raise ModelError(
            f"{one_line(source)} cannot be saved by ONNX Runtime: {short_message(error)}"
        ) from error


def _reason_not_to_open(main: Path) -> str | None:
    settings = session_options(1, None)
    apply_tuning(settings, Tuning(optimize="none"), 1)
    try:
        _open(main, settings, {})
    except ORT_ERRORS as error:
        return short_message(error)
    return None


def _open(path: Path, settings: Any, entries: dict[str, str]) -> None:
    for key, value in entries.items():
        settings.add_session_config_entry(key, value)
    ort.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"], enable_fallback=0)
