"""ONNX Runtime as one writes it by hand; with settings, one point of the grid of its own options."""

from __future__ import annotations

from collections.abc import Mapping

import onnxruntime as ort

from .loaded import Loaded


def load(path: str, threads: int | None, settings: Mapping[str, str]) -> Loaded:
    """Open and give the call. threads: None leaves their number to ONNX Runtime.

    settings: `optimize` (none, basic, extended, all), `spinning`, `arena`, `prepack`, `parallel` (0 or 1).
    """
    session = ort.InferenceSession(path, _options(threads, settings), providers=["CPUExecutionProvider"])
    return Loaded(lambda feed: session.run(None, feed))


def _options(threads: int | None, settings: Mapping[str, str]) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = 3  # warnings of graph clean-up fill the screen, and cost nothing
    if threads is not None:
        options.intra_op_num_threads = threads
    if "optimize" in settings:
        levels = ort.GraphOptimizationLevel
        options.graph_optimization_level = {
            "none": levels.ORT_DISABLE_ALL,
            "basic": levels.ORT_ENABLE_BASIC,
            "extended": levels.ORT_ENABLE_EXTENDED,
            "all": levels.ORT_ENABLE_ALL,
        }[settings["optimize"]]
    if "spinning" in settings:
        options.add_session_config_entry("session.intra_op.allow_spinning", settings["spinning"])
    if settings.get("arena") == "0":
        options.enable_cpu_mem_arena = False
    if settings.get("prepack") == "0":
        options.add_session_config_entry("session.disable_prepacking", "1")
    if settings.get("parallel") == "1":
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
        options.inter_op_num_threads = threads or 0
    return options
