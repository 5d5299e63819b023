"""Structured pruning: whole channels go, so that the model really is smaller and faster, not only sparser."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgeai.errors import ExportError, UsageError, one_line
from edgeai.extras import require


@dataclass(frozen=True)
class Pruned:
    """module: the smaller one, in inference. Parameters and multiply-accumulates for the example inputs."""

    module: Any
    parameters: int
    parameters_before: int
    macs: int
    macs_before: int


def prune(
    module: Any,
    example_inputs: Any,
    *,
    target: float,
    fine_tune: Callable[[Any], None] | None = None,
    steps: int = 1,
    keep: Sequence[str] = (),
    round_to: int = 1,
) -> Pruned:
    """A copy of a torch module with the channels of least weight (L2 norm over their group) taken out.

    example_inputs: a tensor, or a tuple of them. target: share of the multiply-accumulates to keep, between 0
    and 1; it is met from below or as near as whole channels allow. fine_tune: trains the module in place
    after each of `steps` rounds, so that the network recovers before more is taken. keep: names of modules
    whose outputs stay as wide as they are, such as those whose size has a meaning; the last layer always
    does. round_to: channels stay a multiple of it, as some accelerators like.
    The module passed in stays as it was. Raises UsageError, ExportError (it cannot be traced, or nothing can
    be taken out), ExtraMissing.
    """
    tp = require("torch_pruning", "prune", "structured pruning")
    if not 0 < target < 1:
        raise UsageError(f"target is {target}; give the share of arithmetic to keep, between 0 and 1")
    if steps < 1:
        raise UsageError(f"steps is {steps}; give 1 or more")
    pruned = copy.deepcopy(module).eval()
    kept = _kept(pruned, keep, example_inputs)
    before = _cost(tp, pruned, example_inputs)
    for step in range(1, steps + 1):
        # Equal factors: each round takes the same share of what is left.
        wanted = before[0] * target ** (step / steps)
        pruned = _to(tp, pruned, example_inputs, wanted, kept, round_to)
        if fine_tune is not None:
            pruned.train()
            fine_tune(pruned)
            pruned.eval()
    macs, parameters = _cost(tp, pruned, example_inputs)
    if macs >= before[0]:
        raise ExportError("no channel can be taken out; name fewer modules to keep, or a smaller target")
    return Pruned(pruned, parameters, before[1], macs, before[0])


def _to(
    tp: Any, module: Any, example_inputs: Any, wanted_macs: float, keep: Sequence[str], round_to: int
) -> Any:
    """By bisection over the share of channels, since arithmetic falls with about its square."""
    low, high = 0.0, 0.99
    best = module
    for _ in range(10):  # to a thousandth of the channels
        ratio = (low + high) / 2
        tried = copy.deepcopy(module)
        _take_out(tp, tried, example_inputs, ratio, keep, round_to)
        if _cost(tp, tried, example_inputs)[0] > wanted_macs:
            low = ratio
        else:
            high, best = ratio, tried
    return best


def _take_out(
    tp: Any, module: Any, example_inputs: Any, ratio: float, keep: Sequence[str], round_to: int
) -> None:
    try:
        tp.pruner.BasePruner(
            module,
            example_inputs,
            importance=tp.importance.GroupMagnitudeImportance(p=2),
            pruning_ratio=ratio,
            ignored_layers=[module.get_submodule(name) for name in keep],
            round_to=round_to,
        ).step()
        for each in module.parameters():
            each.grad = None
    except Exception as error:  # torch-pruning's and the module's own kinds
        kind = type(error).__name__
        raise ExportError(
            f"the module cannot be pruned: {one_line(error)} ({kind}); "
            "autograd must be able to trace its forward"
        ) from error


def _kept(module: Any, keep: Sequence[str], example_inputs: Any) -> list[str]:
    """Those that are named, and the layer that ran last: its outputs are the model's."""
    import torch

    named = {name: each for name, each in module.named_modules() if name}
    for name in keep:
        if name not in named:
            raise UsageError(f"keep: no module is called {one_line(name)!r}; it has: {', '.join(named)}")
    ran: list[str] = []
    hooks = [
        each.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, each in named.items()
        if getattr(each, "weight", None) is not None and each.weight.dim() > 1
    ]
    try:
        with torch.no_grad():
            module(*example_inputs) if isinstance(example_inputs, tuple) else module(example_inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return [*keep, *ran[-1:]]


def _cost(tp: Any, module: Any, example_inputs: Any) -> tuple[int, int]:
    """Multiply-accumulates and parameters."""
    macs, parameters = tp.utils.count_ops_and_params(module, example_inputs)
    return int(macs), int(parameters)
