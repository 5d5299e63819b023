"""OpenVINO as one writes it by hand: compile for the CPU, call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openvino

from .loaded import Loaded


def load(path: str, threads: int | None, settings: Mapping[str, str]) -> Loaded:
    """Compile and give the call. threads: None leaves it to OpenVINO. settings: its own properties."""
    config: dict[str, Any] = dict(settings)
    if threads is not None:
        config["INFERENCE_NUM_THREADS"] = threads
    compiled = openvino.compile_model(path, "CPU", config)
    # By place: a TFLite file's tensors go by other names than its signature.
    return Loaded(lambda feed: compiled(list(feed.values())), lambda result: list(result.values()))
