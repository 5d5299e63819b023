"""What a bundle's pipeline feeds one of its models for the bundle's golden sample.

Made-up values are not alike: on noise a quantized model differs from a full one as it never does on what
both were made for.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from ..errors import EdgeError, RunError
from ..open_bundle import open_bundle
from ..opening import open_session
from .pipeline_source import read_source, value_of
from .protocol import InputRequest

if TYPE_CHECKING:
    from ..backends import Array
    from ..bundle import Bundle
    from ..session import Session
    from .protocol import ModelRequest


def sample_feed(asked: ModelRequest) -> dict[str, Array] | None:
    """The last feed of the model; None where there is no such sample, or where it does not run here."""
    try:
        bundle, held = open_bundle(asked.model)
        with closing(held) if held is not None else nullcontext():
            if not any(golden.model is None and golden.source is not None for golden in bundle.golden):
                return None
            return _feed(bundle, asked)
    except EdgeError:
        return None


def _feed(bundle: Bundle, asked: ModelRequest) -> dict[str, Array] | None:
    from ..pipeline.model import ModelPort
    from ..pipeline.pipeline import Pipeline

    found = read_source(bundle, InputRequest())
    if found is None:
        return None
    source, arrays = found
    with _opened(asked) as session:
        heard = {model.name: _Heard(session.models[model.name]) for model in bundle.models}
        ports = {model.name: ModelPort(model, heard[model.name], _refuse) for model in bundle.models}
        Pipeline(bundle, ports, {}).predict(value_of(source, arrays), source.rate_hz)
    return heard[asked.name].fed if asked.name is not None else None


def _opened(asked: ModelRequest) -> Session:
    """The whole bundle as it came; the model's own backend and variant need not suit the others."""
    return open_session(
        asked.model,
        device=asked.device,
        backend=None,
        threads=asked.threads,
        providers=asked.providers,
        signature=None,
        prepared=False,
    )


class _Heard:
    """A model that remembers what it was fed last; see `pipeline.model.Runs`."""

    def __init__(self, opened: Session) -> None:
        self._opened = opened
        self.inputs = opened.inputs
        self.reset, self.close = opened.reset, opened.close
        self.fed: dict[str, Array] | None = None

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run once."""
        self.fed = {name: np.array(array) for name, array in inputs.items()}
        return self._opened.run(inputs)


def _refuse() -> NoReturn:
    raise RunError("one stream at a time")
