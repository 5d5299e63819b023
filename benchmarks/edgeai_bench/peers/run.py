"""All peers of one model at one number of threads: who can take part, then rounds."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgeai.errors import one_line
from edgeai.measure.alternate import Arm
from edgeai.measure.protocol import ModelRequest, Request

from ..identity import drop_from_page_cache
from .case import OpenCase
from .lineup import Peer
from .outcome import CaseResult, PeerResult, PeerRound
from .rounds import Lost, RoundRule, peer_round, run_round
from .subject import peer_subject
from .table import PEERS

OnStep = Callable[[str], None]
_CONVERT = "import importlib, pathlib, sys; module, model, folder = sys.argv[1:]; "
_CONVERT += "importlib.import_module(module).convert(pathlib.Path(model), pathlib.Path(folder))"
_CONVERT_S = 300


@dataclass
class _Taking:
    """A peer while rounds go on. request: None where it takes no part."""

    peer: Peer
    request: Request | None
    unavailable: str | None = None
    wrong: str | None = None
    rounds: list[PeerRound] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def run_case(
    case: OpenCase,
    peers: Sequence[Peer],
    rule: RoundRule,
    *,
    threads: int | None,
    seed: int,
    again: str | None = None,
    on_step: OnStep = lambda what: None,
    cold: bool = False,
) -> CaseResult:
    """Measure. peers: the first is the one that others are held against. again: label of the base's double.
    cold: each peer's files are dropped from the page cache before it loads.

    Raises EdgeError where not even the base's process can be started.
    """
    with tempfile.TemporaryDirectory(prefix="edgeai-peers-") as folder:
        taking = [_taking(case, peer, threads, Path(folder), on_step) for peer in peers]
        places = {
            each.peer.label: files_read(each.peer, Path(each.request.model.model))
            for each in taking
            if cold and each.request is not None
        }

        def drop(label: str) -> None:
            for file in places.get(label, ()):
                drop_from_page_cache(file)

        for number in range(rule.rounds):
            asked = {each.peer.label: each.request for each in taking if each.request is not None}
            arms = run_round(
                asked,
                rule,
                threads=threads,
                number=number,
                seed=seed,
                on_step=lambda what, n=number: on_step(f"round {n + 1} of {rule.rounds}: {what}"),  # type: ignore[misc]
                before_load=drop,
            )
            for each in taking:
                if each.peer.label in arms:
                    _note(each, arms[each.peer.label], number)
    return CaseResult(case.identity, threads, peers[0].label, again, tuple(map(_result, taking)))


def request_of(case: OpenCase, peer: Peer, threads: int | None, path: Path, **more: str) -> Request:
    """What a process of a peer is asked. path: the file it opens. more: see `peer_subject`."""
    ours = peer.kind == "edgeai"
    return replace(
        case.base,
        model=ModelRequest(str(path), threads=threads),
        tolerance=case.tolerance if ours else None,
        other=peer_subject(peer.kind, peer.settings, path=str(path), **more),
    )


def file_of(case: OpenCase, peer: Peer, folder: Path) -> Path | str:
    """The file that a peer opens, converted where it must be; else why it takes no part."""
    entry = PEERS[peer.kind]
    if case.format not in entry.formats:
        return f"reads no {case.format}"
    if not entry.is_installed:
        return f"not installed: pip install {entry.package}"
    if peer.kind == "edgeai":
        return case.case.path
    return _converted(case.file, peer.kind, folder) if entry.converts else case.file


def _taking(case: OpenCase, peer: Peer, threads: int | None, folder: Path, on_step: OnStep) -> _Taking:
    if "unavailable" in peer.settings:
        return _Taking(peer, None, peer.settings["unavailable"])
    on_step(f"{peer.label}: file")
    found = file_of(case, peer, folder)
    if isinstance(found, str):
        return _Taking(peer, None, found)
    return _Taking(peer, request_of(case, peer, threads, found))


def files_read(peer: Peer, path: Path) -> list[Path]:
    """What a peer reads when it loads: its file or bundle, and of edgeai all that was prepared."""
    places = [path, *([Path(peer.settings["home"])] if "home" in peer.settings else [])]
    return [
        file
        for place in places
        for file in ([place] if place.is_file() else place.rglob("*"))
        if file.is_file()
    ]


def _converted(model: Path, kind: str, folder: Path) -> Path | str:
    """By the library's own converter, in a process of its own: converters crash too."""
    inside = folder / kind
    inside.mkdir(exist_ok=True)
    command = [sys.executable, "-c", _CONVERT, PEERS[kind].module, str(model), str(inside)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_CONVERT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"its converter was not done after {_CONVERT_S} s"
    made = next(iter(inside.iterdir()), None)
    if done.returncode or made is None:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it gave no reason"]
        return f"its converter rejects the model: {one_line(lines[-1], 200)}"
    return made


def _note(each: _Taking, arm: Arm | Lost, number: int) -> None:
    """Keep what a round gave. Who is lost or wrong once is out of the rounds that follow."""
    if isinstance(arm, Lost):
        each.request = None
        if each.rounds:
            each.notes.append(f"lost in round {number + 1}: {arm.reason}")
        else:
            each.unavailable = arm.reason
        return
    each.rounds.append(peer_round(arm))
    if arm.told.output_error is not None:
        each.request, each.wrong = None, arm.told.output_error


def _result(each: _Taking) -> PeerResult:
    peer = each.peer
    return PeerResult(
        peer.label,
        peer.kind,
        peer.settings,
        PEERS[peer.kind].version,
        tuple(each.rounds),
        each.unavailable,
        each.wrong,
        (*peer.notes, *each.notes),
    )
