"""Which axes of which inputs stay open, by what a user said of shapes and dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeai.errors import ExportError, UsageError, one_line

from ..arrays import Array
from .options import SourceOptions

ANY_SIZE = (1, 1 << 20)
"""Range of an open dimension that nobody gave one; the upper end only keeps arithmetic on sizes in range."""

BATCH = "batch"

_LEAST_EXAMPLE = 2
"""torch.export takes 1 for a constant: an example of 1 along an open axis would fix it."""


@dataclass(frozen=True)
class OpenSizes:
    """axes: name of the dimension by axis, by input. ranges: least and largest size by dimension."""

    axes: Mapping[str, Mapping[int, str]]
    ranges: Mapping[str, tuple[int, int]]

    def size(self, name: str, wanted: int) -> int:
        """The size nearest to the wanted one that a dimension can have."""
        low, high = self.ranges[name]
        return min(max(wanted, low), high)

    def resized(self, feed: Mapping[str, Array], sizes: Mapping[str, int]) -> dict[str, Array]:
        """The feed with open axes repeated or cut to sizes by the dimension's name; others as they are."""
        return {name: _resized(array, self.axes.get(name, {}), sizes) for name, array in feed.items()}

    def example(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """The feed with at least 2 along every open axis. Raises ExportError where sizes contradict."""
        sizes: dict[str, int] = {}
        for name, axes in self.axes.items():
            for axis, dimension in axes.items():
                size = self.size(dimension, max(feed[name].shape[axis], _LEAST_EXAMPLE))
                if sizes.setdefault(dimension, size) != size:
                    raise ExportError(
                        f"dimension {dimension!r} is {sizes[dimension]} in one example input and {size} in "
                        f"{one_line(name)!r}; give examples that agree"
                    )
        return self.resized(feed, sizes)


def open_sizes(shapes: Mapping[str, Sequence[int]], options: SourceOptions) -> OpenSizes:
    """Open axes of inputs whose examples have these shapes. Raises UsageError for what does not fit them.

    A name in `options.shapes` is an open axis; `batch` without a place is the first axis of every input.
    """
    given = shapes_by_name(tuple(shapes), options)
    axes: dict[str, dict[int, str]] = {name: {} for name in shapes}
    for name, wanted in given.items():
        _check_fit(name, wanted, shapes[name])
        axes[name] = {axis: size for axis, size in enumerate(wanted) if isinstance(size, str)}
    placed = dict.fromkeys(dimension for each in axes.values() for dimension in each.values())
    for dimension in options.dims:
        if dimension in placed:
            continue
        if dimension != BATCH:
            raise UsageError(
                f"dimension {one_line(dimension)!r} has no place; say which axis it is in a shape, such as "
                f"--shape {one_line(next(iter(shapes), 'x'))}:{BATCH}x{one_line(dimension)}"
            )
        for name, shape in shapes.items():
            if len(shape) and name not in given:
                axes[name][0] = BATCH
        placed[BATCH] = None
    ranges = {dimension: _range(dimension, options) for dimension in placed}
    fixed = {dimension for dimension, (low, high) in ranges.items() if low == high}
    kept = {name: {axis: d for axis, d in each.items() if d not in fixed} for name, each in axes.items()}
    return OpenSizes(kept, {name: limits for name, limits in ranges.items() if name not in fixed})


def shapes_by_name(names: Sequence[str], options: SourceOptions) -> dict[str, tuple[int | str, ...]]:
    """The shapes that the user gave, by the names of inputs. Raises UsageError for a name that is none."""
    given = dict(options.shapes)
    if "" in given:
        if len(names) != 1:
            raise UsageError(
                f"say which input a shape is for, as NAME:SIZES; inputs: {one_line(', '.join(names))}"
            )
        given[names[0]] = given.pop("")
    for name in given:
        if name not in names:
            raise UsageError(f"no input is called {one_line(name)!r}; inputs: {one_line(', '.join(names))}")
    return given


def _check_fit(name: str, wanted: Sequence[int | str], shape: Sequence[int]) -> None:
    fits = len(wanted) == len(shape) and all(
        isinstance(want, str) or want == have for want, have in zip(wanted, shape, strict=True)
    )
    if not fits:
        raise UsageError(
            f"shape {'x'.join(map(str, wanted))} does not fit the example of input {one_line(name)!r}, "
            f"which is {list(shape)}"
        )


def _range(dimension: str, options: SourceOptions) -> tuple[int, int]:
    low, high = options.dims.get(dimension, ANY_SIZE)
    if not dimension.isidentifier() or not 1 <= low <= high:
        raise UsageError(
            f"dimension {one_line(dimension)!r} from {low} to {high} is none; give a name of letters "
            "and a range"
        )
    return low, high


def _resized(array: Array, axes: Mapping[int, str], sizes: Mapping[str, int]) -> Array:
    for axis, dimension in axes.items():
        size = sizes.get(dimension, array.shape[axis])
        array = array.take([index % array.shape[axis] for index in range(size)], axis=axis)
    return array
