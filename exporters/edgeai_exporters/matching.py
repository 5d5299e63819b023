"""Which input and output of a variant is which of the source's, where names or layouts differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from edgeai.bundle import NUMPY_DTYPES, TensorSpec, list_specs
from edgeai.errors import ExportError, one_line
from edgeai.session import Session

from .arrays import Array, Feed, Outputs
from .metrics.vectors import cosine_of

_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
"""NCHW to NHWC, and back."""


class Fed:
    """A session that takes feeds by another model's names.

    names: of the feeds' arrays. Names that are the same go together, else the order decides; a picture is
    turned from NCHW to NHWC or back where only that fits; i64 becomes i32 where the session wants it. Raises
    ExportError where there are not as many inputs.
    """

    def __init__(self, session: Session, names: Sequence[str]) -> None:
        self._session = session
        self._inputs = _paired_inputs(names, session.inputs, session.model)

    def run(self, feed: Feed) -> dict[str, Array]:
        """The session's outputs by its own names."""
        return self._session.run({spec.name: _fit(feed[name], spec) for name, spec in self._inputs.items()})

    @property
    def has_open_batch(self) -> bool:
        """See `has_open_batch`."""
        return has_open_batch(self._inputs.values())


class Adapted:
    """A session that takes the source's feeds and gives outputs under the source's names.

    Inputs go as `Fed` has them. Outputs of the same names go together, else by what they gave for `feed`: the
    same shape, turned if need be, and among those the nearest values. Raises ExportError where nothing fits.
    """

    def __init__(self, session: Session, feed: Feed, reference: Outputs) -> None:
        self._fed = Fed(session, list(feed))
        self.has_open_batch = self._fed.has_open_batch
        got = self._fed.run(feed)
        by_name = set(reference) <= set(got)
        self._outputs: dict[str, tuple[str, tuple[int, ...] | None]] = {}
        for name, want in reference.items():
            taken = {taken for taken, _ in self._outputs.values()}
            free = [name] if by_name else [each for each in got if each not in taken]
            self._outputs[name] = _nearest(name, want, {each: got[each] for each in free}, session.model)

    def run(self, feed: Feed) -> dict[str, Array]:
        """The outputs by the source's names, in the source's order and layout."""
        got = self._fed.run(feed)
        found = {}
        for name, (own, axes) in self._outputs.items():
            found[name] = got[own] if axes is None else np.ascontiguousarray(got[own].transpose(axes))
        return found


def has_open_batch(inputs: Iterable[TensorSpec]) -> bool:
    """Whether all inputs with axes have a first one of any size, so that samples can be batched."""
    specs = [spec for spec in inputs if spec.shape]
    return bool(specs) and all(isinstance(spec.shape[0], str) for spec in specs)


def _paired_inputs(names: Sequence[str], specs: Sequence[TensorSpec], model: str) -> Mapping[str, TensorSpec]:
    by_name = {spec.name: spec for spec in specs}
    if set(names) == set(by_name):
        return {name: by_name[name] for name in names}
    if len(names) != len(specs):
        raise ExportError(
            f"{one_line(model)} takes {list_specs(specs)}, and the source {one_line(', '.join(names))}; "
            "they are not the same model"
        )
    return dict(zip(names, specs, strict=True))


def _nearest(
    name: str, want: Array, got: Mapping[str, Array], model: str
) -> tuple[str, tuple[int, ...] | None]:
    """Which of the outputs is the source's, and the axes that turn it to the source's layout."""
    fits: list[tuple[float, str, tuple[int, ...] | None]] = [
        (cosine_of(array, want), own, None) for own, array in got.items() if array.shape == want.shape
    ]
    if not fits:
        turned = [
            (own, array.transpose(axes), axes)
            for own, array in got.items()
            for axes in (_TO_LAST, _TO_FIRST)
            if array.ndim == 4
        ]
        fits = [
            (cosine_of(array, want), own, axes) for own, array, axes in turned if array.shape == want.shape
        ]
    if not fits:
        have = "; ".join(f"{own} {list(array.shape)}" for own, array in got.items())
        raise ExportError(
            f"{one_line(model)}: the source's output {one_line(name)} is {list(want.shape)}, and here is "
            f"{one_line(have) or 'none left'}; they are not the same model"
        )
    _, own, axes = max(fits, key=lambda each: each[0])
    return own, axes


def _fit(array: Array, spec: TensorSpec) -> Array:
    wanted = np.dtype(NUMPY_DTYPES[spec.dtype])
    if array.dtype != wanted and (array.dtype.kind in "iu") == (wanted.kind in "iu"):
        array = array.astype(wanted)
    if spec.fits(array.shape):
        return array
    for axes in (_TO_LAST, _TO_FIRST):
        if array.ndim == 4 and spec.fits(tuple(array.shape[axis] for axis in axes)):
            return np.ascontiguousarray(array.transpose(axes))
    return array  # what is wrong with it the session says
