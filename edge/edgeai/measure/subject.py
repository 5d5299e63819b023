"""What the measuring process needs of whatever it measures: one model on tensors, or a whole pipeline."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import edgeai

from ..errors import PreparedStale, PreparedUnusable
from ..opening import open_choice
from .protocol import ModelRequest, PipelineMeasured, Streamed
from .real_time import RealTime
from .recorder import Recorder

if TYPE_CHECKING:
    from ..session import Session

Alive = Callable[[], object]
"""To be called now and then by what takes long, so that it does not pass for a hang."""


class Subject(Protocol):
    """Methods are called in this order; what each costs belongs to the phase that its name tells."""

    @property
    def is_stream(self) -> bool:
        """Whether it can run in real time."""

    def import_runtime(self) -> None:
        """Import all that opening and running will import: the baseline holds libraries, not the model."""

    def read(self) -> None:
        """Bring what is fed into memory."""

    def recorder(self, capacity: int | None = None) -> Recorder:
        """A recorder for the latencies of the call; None: as many as a process keeps."""

    def rehearse(self) -> Callable[[], object]:
        """Go through the check of the outputs on what is known already, and give an empty call."""

    def open(self) -> Session:
        """Open the model, or all of them."""

    def first(self) -> None:
        """Run for the first time."""

    def first_error(self) -> str | None:
        """What is wrong with the first outputs, None where they agree with the probe's."""

    def start(self) -> Callable[[], object]:
        """The call that is timed."""

    def real_time(self, recorder: Recorder, alive: Alive) -> RealTime:
        """Run as a stream on its own schedule."""

    def last_error(self) -> str | None:
        """As `first_error`, after all the runs and from fresh state."""

    def measured(self, recorder: Recorder, stream: Streamed | None) -> PipelineMeasured | None:
        """What is known beyond latencies; None for a model."""


def open_told(asked: ModelRequest) -> tuple[Session, tuple[str, ...]]:
    """The session that a request asks for, and the warnings why what was prepared does not run."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session = open_session(asked)
    told = [each for each in caught if issubclass(each.category, (PreparedStale, PreparedUnusable))]
    for each in caught:
        if each not in told:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return session, tuple(str(each.message) for each in told)


def prepared_in(session: Session) -> tuple[str, ...]:
    """Keys of the prepared models that a session runs."""
    sessions = session.models.values() or (session,)
    return tuple(each.prepared for each in sessions if each.prepared is not None)


def open_session(asked: ModelRequest) -> Session:
    """The session that a request asks for."""
    if asked.choice is not None:
        folder = None if asked.choice_folder is None else Path(asked.choice_folder)
        return open_choice(asked.model, asked.choice, model=asked.name, folder=folder)
    return edgeai.load(
        asked.model,
        device=asked.device,
        backend=asked.backend,
        threads=asked.threads,
        providers=asked.providers,
        signature=asked.signature,
        model=asked.name,
        variant=asked.variant,
        prepared=asked.prepared,
    )
