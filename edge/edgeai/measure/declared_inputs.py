"""What a manifest knows of the inputs of a model, for whoever has to make some up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..bundle import Loop
from .pipeline_source import declared_shape

if TYPE_CHECKING:
    from ..bundle import Model
    from .protocol import InputRequest


def with_declared(model: Model, inputs: InputRequest) -> InputRequest:
    """The inputs with what the manifest says: usual sizes, constants, and state that is looped.

    What the user gave goes before.
    """
    declared = model.inputs
    shapes = dict(inputs.shapes)
    if inputs.file is None and "" not in shapes:
        for name, each in declared.items():
            sizes = declared_shape(each)
            if name in shapes or sizes is None or not (each.ranges or each.spec.is_static):
                continue
            batch = None if each.spec.is_static or isinstance(each.spec.shape[0], int) else inputs.batch
            shapes[name] = sizes if batch is None else (batch, *sizes[1:])
    constants = {name: float(each.value) for name, each in declared.items() if each.value is not None}
    looped = [state for state in model.state if isinstance(state, Loop)]
    initial = {state.input: state.initial for state in looped if state.initial}
    loops = {state.input: state.output for state in looped}
    return replace(
        inputs, shapes=shapes, values=constants | initial | inputs.values, loops=loops | inputs.loops
    )
