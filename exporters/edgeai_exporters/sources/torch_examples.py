"""Example inputs of a PyTorch module as arrays by the names of its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from edgeai.errors import ExportError, InputError, one_line
from edgeai.sources.tensors import load_npz

from ..arrays import Array
from .open_sizes import OpenSizes, shapes_by_name
from .options import SourceOptions


def example_arrays(module: Any, found: Any, options: SourceOptions) -> dict[str, Array]:
    """What `forward` takes, in its order: of `options.example`, of what was found, else random by shapes.

    Raises ExportError where there is none, or where names, kinds or dtypes are not what a model file takes.
    """
    parameters, required = _parameters(module)
    if options.example is not None:
        given = _of_file(options, parameters)
    elif found is not None:
        given = _by_name(found, parameters)
    else:
        given = _of_shapes(parameters or required, options)
    if missing := [name for name in required if name not in given]:
        raise ExportError(
            f"example inputs lack {one_line(', '.join(missing))}; the module's forward takes "
            f"{one_line(', '.join(parameters))}"
        )
    return {name: given[name] for name in parameters if name in given}


def _parameters(module: Any) -> tuple[list[str], list[str]]:
    """Names of forward's parameters, and of those without a default."""
    names, required = [], []
    for parameter in inspect.signature(module.forward).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        names.append(parameter.name)
        if parameter.default is parameter.empty:
            required.append(parameter.name)
    if not names:
        raise ExportError(
            f"forward of {type(module).__name__} names no inputs; give each a parameter of its own, since a "
            "model file's inputs have names"
        )
    return names, required


def _of_file(options: SourceOptions, parameters: Sequence[str]) -> dict[str, Array]:
    assert options.example is not None
    shown = one_line(options.example)
    try:
        with options.example.open("rb") as file:
            arrays = load_npz(file, shown)
    except OSError as error:
        raise ExportError(f"{shown} cannot be read: {error.strerror}; check the path") from error
    except InputError as error:
        raise ExportError(f"example inputs: {error}") from error
    return _by_name(arrays, parameters)


def _by_name(found: Any, parameters: Sequence[str]) -> dict[str, Array]:
    if isinstance(found, Mapping):
        given = dict(found)
    else:
        values = found if isinstance(found, (tuple, list)) else (found,)
        if len(values) > len(parameters):
            raise ExportError(
                f"{len(values)} example inputs, and forward takes {len(parameters)}: "
                f"{one_line(', '.join(parameters))}"
            )
        given = dict(zip(parameters, values, strict=False))
    for name in given:
        if name not in parameters:
            raise ExportError(
                f"example input {one_line(name)!r} is no parameter of forward; it takes "
                f"{one_line(', '.join(parameters))}"
            )
    return {name: _array(name, value) for name, value in given.items()}


def _array(name: str, value: Any) -> Array:
    array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise ExportError(
            f"example input {one_line(name)!r} is a {type(value).__name__}; give a tensor or an "
            "array of numbers, "
            "and put what is none into the module"
        )
    if not array.size:
        raise ExportError(f"example input {one_line(name)!r} of shape {list(array.shape)} is empty")
    return array


def _of_shapes(parameters: Sequence[str], options: SourceOptions) -> dict[str, Array]:
    given = shapes_by_name(parameters[:1] if "" in options.shapes else parameters, options)
    if not given:
        raise ExportError(
            "there are no example inputs; return (module, example_inputs) from the factory, or give "
            "--example inputs.npz, or --shape NAME:SIZES for inputs of float32"
        )
    random = np.random.default_rng(options.seed)
    return {
        name: random.standard_normal(_sizes(shape, options)).astype(np.float32)
        for name, shape in given.items()
    }


def _sizes(shape: Sequence[int | str], options: SourceOptions) -> tuple[int, ...]:
    return tuple(
        size
        if isinstance(size, int)
        else min(max(2, options.dims.get(size, (1, 2))[0]), options.dims.get(size, (1, 2))[1])
        for size in shape
    )


def varied(example: Mapping[str, Array], sizes: OpenSizes, seed: int) -> list[dict[str, Array]]:
    """Feeds to compare on: the example, one of every open size small, and one of odd sizes, floats noisy."""
    random = np.random.default_rng(seed)
    wanted = [
        dict.fromkeys(sizes.ranges, 1),
        {name: 3 + 2 * place for place, name in enumerate(sizes.ranges)},
    ]
    resized = [
        sizes.resized(example, {name: sizes.size(name, size) for name, size in each.items()})
        for each in wanted
    ]
    return [
        dict(example),
        *({name: _noisy(array, random) for name, array in feed.items()} for feed in resized),
    ]


def _noisy(array: Array, random: np.random.Generator) -> Array:
    """Floats of the array's own spread; integers are indices and flags, whose order alone may change."""
    if array.dtype.kind != "f":
        shuffled: Array = random.permutation(array.reshape(-1)).reshape(array.shape)
        return shuffled
    noise = random.standard_normal(array.shape) * (float(array.std()) or 1.0)
    return np.asarray(array + noise, array.dtype)
