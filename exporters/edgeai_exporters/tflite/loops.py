"""Loop and Scan, turn after turn, where the number of turns is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from .graph import Tensor, constant

if TYPE_CHECKING:
    from .lower import Lowering

# More turns than this make files of more operators than anybody wants.
_MOST_TURNS = 1024


def loop(lowering: Lowering, node: onnx.NodeProto) -> None:
    """A Loop with a constant number of turns whose condition stays true, or goes false, for all to see."""
    count, condition, *states = [lowering.value(name) if name else None for name in node.input]
    body = next(attribute.g for attribute in node.attribute if attribute.name == "body")
    turns = _turns(lowering, count)
    carried = [state for state in states if state is not None]
    kept: list[list[Tensor]] = [[] for _ in body.output[1 + len(carried) :]]
    goes_on = condition is None or _known(lowering, condition)
    turn = 0
    while goes_on and turn < turns:
        given = [constant(np.int64(turn)), constant(np.array(True)), *carried]
        again, *results = lowering.run_body(body, given)
        carried = results[: len(carried)]
        for gathered, result in zip(kept, results[len(carried) :], strict=True):
            gathered.append(result)
        goes_on = _known(lowering, again)
        turn += 1
    scanned = [_stacked(lowering, gathered, 0) for gathered in kept]
    lowering.bind(node, [*carried, *scanned])


def _turns(lowering: Lowering, count: Tensor | None) -> int:
    if count is None or count.data is None:
        lowering.builder.refuse("the number of its turns must be a constant")
    turns = int(count.data.reshape(()))
    if turns > _MOST_TURNS:
        lowering.builder.refuse(
            f"{turns} turns would be {turns} times its operators; at most {_MOST_TURNS} are written"
        )
    return turns


def _known(lowering: Lowering, condition: Tensor) -> bool:
    if condition.data is None:
        lowering.builder.refuse("when it ends depends on what goes in")
    return bool(condition.data.reshape(()))


def scan(lowering: Lowering, node: onnx.NodeProto) -> None:
    """A Scan: as many turns as its scanned inputs are long."""
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    body, count = attributes["body"], attributes["num_scan_inputs"]
    tensors = [lowering.value(name) for name in node.input if name]
    if lowering.opsets.version("") < 9 or len(tensors) != len(node.input):
        lowering.builder.refuse("a Scan of operator set 8 is not written")
    states, scanned = tensors[:-count], tensors[-count:]
    axes = [
        axis % x.rank for axis, x in zip(attributes.get("scan_input_axes", [0] * count), scanned, strict=True)
    ]
    backwards = attributes.get("scan_input_directions", [0] * count)
    turns = scanned[0].shape[axes[0]]
    _turns(lowering, constant(np.int64(turns)))
    kept: list[list[Tensor]] = [[] for _ in body.output[len(states) :]]
    for turn in range(turns):
        parts = [
            _at(lowering, x, axis, turns - 1 - turn if back else turn)
            for x, axis, back in zip(scanned, axes, backwards, strict=True)
        ]
        results = lowering.run_body(body, [*states, *parts])
        states = results[: len(states)]
        for gathered, result in zip(kept, results[len(states) :], strict=True):
            gathered.append(result)
    out_axes = attributes.get("scan_output_axes", [0] * len(kept))
    turned = attributes.get("scan_output_directions", [0] * len(kept))
    outputs = [
        _stacked(lowering, gathered[::-1] if back else gathered, axis)
        for gathered, axis, back in zip(kept, out_axes, turned, strict=True)
    ]
    lowering.bind(node, [*states, *outputs])


def _at(lowering: Lowering, x: Tensor, axis: int, index: int) -> Tensor:
    if x.data is not None:
        return constant(x.data.take(index, axis))
    b = lowering.builder
    return b.reshape(b.take(x, axis, index, 1), (*x.shape[:axis], *x.shape[axis + 1 :]))


def _stacked(lowering: Lowering, parts: list[Tensor], axis: int) -> Tensor:
    b = lowering.builder
    if not parts:
        b.refuse("it makes a tensor without elements, which LiteRT does not run")
    if all(part.data is not None for part in parts):
        return constant(np.stack([part.data for part in parts if part.data is not None], axis))
    shape = list(parts[0].shape)
    axis %= len(shape) + 1
    shape.insert(axis, 1)
    return b.concat([b.reshape(part, shape) for part in parts], axis)
