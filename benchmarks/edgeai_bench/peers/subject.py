"""A peer as what a measuring process runs: the phases, RAM and turns are those of every other measurement."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from edgeai.errors import ModelError, RunError, one_line
from edgeai.measure import exchange
from edgeai.measure.model_subject import ModelSubject
from edgeai.measure.protocol import OtherSubject, Request

from .loaded import Loaded
from .memory_limit import enter_group, limit_group
from .table import PEERS

if TYPE_CHECKING:
    from edgeai.backends import Array
    from edgeai.session import Session

TARGET = "edgeai_bench.peers.subject:PeerSubject"


def peer_subject(kind: str, settings: Mapping[str, str], **more: str) -> OtherSubject:
    """What a request says, so that its process runs this peer of the table.

    more: `path` of the file to open where it is not the request's; `group`, a cgroup to run in, and
    `limit_bytes`, what it may take then; see `memory_limit`.
    """
    return OtherSubject(TARGET, {"kind": kind, **more, **{f"set:{k}": v for k, v in settings.items()}})


class PeerSubject(ModelSubject):
    """See `edgeai.measure.subject.Subject`. What is timed is `Loaded.call`, with nothing of ours around."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        assert request.other is not None
        asked = request.other.settings
        self._kind, self._group = asked["kind"], asked.get("group")
        self._path = asked.get("path", request.model.model)
        self._limit_bytes = int(asked["limit_bytes"]) if "limit_bytes" in asked else None
        self._settings = {k.removeprefix("set:"): v for k, v in asked.items() if k.startswith("set:")}
        self._threads, self._loops = request.model.threads, request.inputs.loops
        self._peer: Any = None
        self._loaded: Loaded | None = None

    def import_runtime(self) -> None:
        """Import the peer's library."""
        if self._group is not None:
            enter_group(self._group)
        self._peer = self._guarded(lambda: importlib.import_module(PEERS[self._kind].module))
        if hasattr(self._peer, "prepare_imports"):
            self._guarded(lambda: self._peer.prepare_imports(self._settings))

    def open(self) -> Session:
        """Open the model by the peer's library."""
        if self._group is not None and self._limit_bytes is not None:
            limit_group(self._group, self._limit_bytes)
        self._loaded = self._guarded(lambda: self._peer.load(self._path, self._threads, self._settings))
        self._session = cast("Session", _NoSession(self._specs()))
        return self._session

    def first(self) -> None:
        """Run once and keep the outputs."""
        assert self._loaded is not None
        loaded = self._loaded
        result = self._guarded(lambda: loaded.call(self._feed))
        self._outputs = self._by_name(loaded, result)

    def start(self) -> Callable[[], object]:
        """The library's own call; state is fed back where the model carries some."""
        assert self._loaded is not None
        loaded, call = self._loaded, self._loaded.call
        feed = dict(self._feed)
        if not self._loops:
            return lambda: call(feed)
        names = self._names()
        places = [(name, names.index(output)) for name, output in self._loops.items()]

        def step() -> None:
            values = loaded.outputs(call(feed))
            for name, place in places:
                feed[name] = values[place]

        return step

    def last_error(self) -> str | None:
        """What is wrong with the outputs of the model opened once more: state that it keeps is gone then."""
        self._loaded = None
        loaded = self._guarded(lambda: self._peer.load(self._path, self._threads, self._settings))
        return self._error(self._by_name(loaded, loaded.call(self._feed)))

    def _names(self) -> list[str]:
        return list(exchange.read(self._folder, "outputs", mapped=True))

    def _by_name(self, loaded: Loaded, result: Any) -> dict[str, Array]:
        names, values = self._names(), loaded.outputs(result)
        if len(names) != len(values):
            raise RunError(f"{self._kind} gave {len(values)} outputs where the model has {len(names)}")
        return dict(zip(names, values, strict=True))

    def _specs(self) -> tuple[_Output, ...]:
        """8-bit outputs are taken for quantized, which a peer does not tell."""
        want = exchange.read(self._folder, "outputs", mapped=True)
        return tuple(
            _Output(name, array.dtype.name in {"int8", "uint8"} or None) for name, array in want.items()
        )

    def _guarded(self, do: Callable[[], Any]) -> Any:
        """Libraries raise whatever they like; the launcher is told in one line. Raises ModelError."""
        try:
            return do()
        except Exception as error:
            said = " ".join(str(error).split())
            raise ModelError(f"{self._kind}: {type(error).__name__}: {one_line(said, 300)}") from error


@dataclass(frozen=True)
class _Output:
    name: str
    quantization: bool | None


@dataclass(frozen=True)
class _NoSession:
    """Stands where the measuring process asks a session for its provider and outputs."""

    raw_outputs: tuple[_Output, ...]
    provider: str | None = None
    provider_share: Mapping[str, float] = field(default_factory=dict)
