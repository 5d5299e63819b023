"""LiteRT's Interpreter as one writes it by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ai_edge_litert.interpreter import Interpreter

from .loaded import Feed, Loaded


def load(path: str, threads: int | None, settings: Mapping[str, str]) -> Loaded:
    """Open, allocate and give the call. threads: None takes every CPU; LiteRT itself would take one."""
    interpreter = Interpreter(path, num_threads=threads or len(os.sched_getaffinity(0)))
    interpreter.allocate_tensors()
    inputs = [detail["index"] for detail in interpreter.get_input_details()]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    set_tensor, invoke, get_tensor = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor
    resizable = any(-1 in detail["shape_signature"] for detail in interpreter.get_input_details())

    def call(feed: Feed) -> list[object]:
        for index, array in zip(inputs, feed.values(), strict=True):
            set_tensor(index, array)
        invoke()
        return [get_tensor(index) for index in outputs]

    def resizing(feed: Feed) -> list[object]:
        # Only once, as one does by hand where all inputs have one size.
        nonlocal resizable
        if resizable:
            for index, array in zip(inputs, feed.values(), strict=True):
                interpreter.resize_tensor_input(index, array.shape)
            interpreter.allocate_tensors()
            resizable = False
        return call(feed)

    return Loaded(resizing if resizable else call)
