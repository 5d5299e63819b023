"""One model on tensors, as it is measured: a bare model file, or one model of a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import errors
from ..backends import load_backend
from ..bundle import ANY
from ..errors import RunError, one_line
from ..open_prepared import home_with_prepared
from . import exchange
from .inputs import (
    batch_of,
    candidate_shapes,
    named_shapes,
    open_dimensions,
    outputs_agree,
    read_inputs,
    synthetic_inputs,
)
from .protocol import InputRequest, Opened, PipelineMeasured, Probed, Request, Streamed, Tensor
from .real_time import RealTime
from .recorder import Recorder
from .sample_feed import sample_feed
from .sample_pool import first_batch, pool_of_file
from .subject import Alive, open_session, open_told, prepared_in

if TYPE_CHECKING:
    from ..backends import Array
    from ..bundle import TensorSpec
    from ..session import Session


def probe_model(request: Request, on_opened: Callable[[], object]) -> Probed:
    """Find shapes that the model runs with, and keep the inputs and outputs for the measuring workers."""
    asked, model = request.inputs, request.model.model
    session, unprepared = open_told(request.model)
    on_opened()
    raw = not request.real
    specs = session.raw_inputs if raw else session.inputs
    given = named_shapes(specs, asked.shapes)
    sample = sample_feed(request.model) if asked.sample and request.real else None
    unknown: list[str] = []
    if sample is not None:
        arrays, samples = sample, None
        outputs = session.run(arrays)
    elif asked.file is not None:
        arrays, samples = read_inputs(Path(asked.file), specs), None
        if asked.pool:
            arrays, samples = first_batch(pool_of_file(arrays, specs, asked.file), specs, asked.batch)
        outputs = session.run(arrays, raw=raw)
    else:
        unknown = open_dimensions(specs, given, asked.batch)
        refusals: list[str] = []
        for shapes in candidate_shapes(specs, given, asked.batch):
            arrays = synthetic_inputs(specs, shapes, asked.values, asked.seed)
            for name in (asked.loops.keys() & arrays.keys()) - asked.values.keys():
                arrays[name] = np.zeros_like(arrays[name])
            try:
                session.reset()
                outputs = session.run(arrays, raw=raw)
                break
            except (errors.InputError, errors.RunError) as error:
                refusals.append(str(error))
        else:
            hint = "; give --input-shape NAME:SIZExSIZE" if unknown else ""
            raise errors.InputError(
                f"{one_line(model)} ran with none of the sizes tried ({one_line(refusals[0])}){hint}"
            )
        samples = batch_of(specs, shapes, given, asked.batch)
    _check_loops(asked, arrays, outputs, model)
    exchange.save(Path(request.folder), "inputs", arrays)
    exchange.save(Path(request.folder), "outputs", outputs)
    return Probed(
        inputs=tuple(Tensor(spec.name, spec.dtype, arrays[spec.name].shape) for spec in specs),
        outputs=tuple(Tensor(s.name, s.dtype, outputs[s.name].shape) for s in session.raw_outputs),
        open_dimensions=tuple(unknown),
        not_finite=tuple(n for n, a in outputs.items() if a.dtype.kind == "f" and not np.isfinite(a).all()),
        samples_per_call=samples,
        backend=session.backend,
        library_version=load_backend(session.backend).version(),
        threads=session.threads,
        provider=session.provider,
        provider_share=dict(session.provider_share),
        models=() if request.model.name is None else (opened(request.model.name, session),),
        sizes=_named_sizes(specs, arrays),
        is_static=all(spec.is_static for spec in specs),
        prepared=prepared_in(session),
        unprepared=unprepared,
    )


def _named_sizes(specs: Sequence[TensorSpec], arrays: dict[str, Array]) -> dict[str, int]:
    """Of each dimension that has a name, the size that ran."""
    return {
        dimension: size
        for spec in specs
        for dimension, size in zip(spec.shape, arrays[spec.name].shape, strict=True)
        if isinstance(dimension, str) and dimension != ANY
    }


def opened(name: str, session: Session) -> Opened:
    """What a bundle's model was opened as."""
    assert session.variant is not None
    version = load_backend(session.backend).version()
    return Opened(name, session.variant, session.backend, version, session.provider, session.why)


class ModelSubject:
    """See `subject.Subject`."""

    is_stream = False

    def __init__(self, request: Request) -> None:
        self._request, self._folder = request, Path(request.folder)
        self._raw = not request.real
        self._session: Session | None = None
        self._feed: dict[str, Array] = {}
        self._outputs: dict[str, Array] = {}

    def import_runtime(self) -> None:
        """Import the runtime and the backend that the probe chose."""
        # What a load imports only when it comes to that would else count as the model's memory.
        from .. import fixed_shapes, opening  # noqa: F401 - imported for what it costs
        from ..device import detecting, profile  # noqa: F401 - the same

        if self._request.model.name is not None:
            from .. import open_models  # noqa: F401 - the same
            from ..bundle import canonical, manifest  # noqa: F401 - the same
            from ..store import store  # noqa: F401 - the same

        if self._request.model.prepared is not False and home_with_prepared() is not None:
            from ..prepared import find  # noqa: F401 - the same

        if self._request.tolerance is not None:
            from ..pipeline import golden  # noqa: F401 - the same

        assert self._request.model.backend is not None
        load_backend(self._request.model.backend)

    def read(self) -> None:
        """Bring the inputs into memory."""
        self._feed = exchange.read(self._folder, "inputs")

    def recorder(self, capacity: int | None = None) -> Recorder:
        """A recorder of latencies."""
        return Recorder(capacity or Recorder.CAPACITY)

    def rehearse(self) -> Callable[[], object]:
        """Compare the inputs with themselves, as outputs will be compared."""
        outputs_agree(exchange.read(self._folder, "inputs", mapped=True), self._feed, set())
        return _nothing

    def open(self) -> Session:
        """Open the model."""
        self._session = open_session(self._request.model)
        return self._session

    def first(self) -> None:
        """Run once and keep the outputs."""
        self._outputs = self._opened().run(self._feed, raw=self._raw)

    def first_error(self) -> str | None:
        """What is wrong with the first outputs, which are let go of."""
        error = self._error(self._outputs)
        self._outputs = {}
        return error

    def start(self) -> Callable[[], object]:
        """One run of the model on fixed inputs.

        State that is looped is handed on inside the timed call, as an application would: one dictionary
        entry, under 0.1 µs.
        """
        run, raw = self._opened().run, self._raw
        loops = self._request.inputs.loops
        if not loops:
            return lambda: run(self._feed, raw=raw)
        feed = dict(self._feed)

        def step() -> None:
            outputs = run(feed, raw=raw)
            for name, output in loops.items():
                feed[name] = outputs[output]

        return step

    def real_time(self, recorder: Recorder, alive: Alive) -> RealTime:
        """A model on tensors is no stream."""
        raise RunError("a model on tensors is no stream")

    def last_error(self) -> str | None:
        """What is wrong with outputs after all the runs."""
        session = self._opened()
        session.reset()
        return self._error(session.run(self._feed, raw=self._raw))

    def measured(self, recorder: Recorder, stream: Streamed | None) -> PipelineMeasured | None:
        """A model has no stages."""
        return None

    def _opened(self) -> Session:
        assert self._session is not None
        return self._session

    def _error(self, outputs: dict[str, Array]) -> str | None:
        """What is wrong with outputs, against those that the probe kept on disk, read in place."""
        kept = exchange.read(self._folder, "outputs", mapped=True)
        if self._request.tolerance is not None:
            from ..pipeline.golden import tensors_problem

            return tensors_problem(outputs, kept, self._request.tolerance)
        quantized = {spec.name for spec in self._opened().raw_outputs if spec.quantization is not None}
        return outputs_agree(kept, outputs, quantized)


def _nothing() -> None:
    """The empty call of the rehearsal."""


def _check_loops(
    asked: InputRequest, arrays: dict[str, Array], outputs: dict[str, Array], model: str
) -> None:
    for name, output in asked.loops.items():
        if name not in arrays or output not in outputs or arrays[name].shape != outputs[output].shape:
            raise errors.InputError(
                f"{one_line(model)} cannot loop output {output!r} into input {name!r}: "
                "both must exist with one shape"
            )
