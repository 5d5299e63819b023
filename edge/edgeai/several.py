"""What stands in a session's place of the runner where a bundle holds a pipeline or several models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import InputError, one_line

if TYPE_CHECKING:
    from .backends import Array
    from .bundle import TensorSpec
    from .session import Session


class SeveralModels:
    """See `edgeai.backends.Runner`. One model takes tensors as it is; of several, one has to be named."""

    def __init__(self, models: Mapping[str, Session], shown: str) -> None:
        self._models, self._shown = models, shown
        self._only = next(iter(models.values())) if len(models) == 1 else None
        self.inputs: tuple[TensorSpec, ...] = () if self._only is None else self._only.raw_inputs
        self.outputs: tuple[TensorSpec, ...] = () if self._only is None else self._only.raw_outputs

    @property
    def provider(self) -> str | None:
        """The provider of the only model; of several those in use, None while one is not known."""
        providers = [session.provider for session in self._models.values()]
        return None if None in providers else ", ".join(dict.fromkeys(filter(None, providers)))

    @property
    def provider_share(self) -> Mapping[str, float]:
        """The shares of the only model; empty for several."""
        return {} if self._only is None else self._only.provider_share

    def run(self, inputs: Mapping[str, Array], out: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Run the only model; tensors are raw."""
        if self._only is None:
            names = one_line(", ".join(self._models))
            raise InputError(
                f"{one_line(self._shown)} holds several models ({names}); use predict(), or open one for "
                f"tensors: edgeai.load(..., model={next(iter(self._models))!r})"
            )
        return self._only.run(inputs, out=out, raw=True)

    def reset(self) -> None:
        """Every model."""
        for session in self._models.values():
            session.reset()

    def close(self) -> None:
        """Every model."""
        for session in self._models.values():
            session.close()
