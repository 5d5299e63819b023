"""RNN, GRU and LSTM, step after step for the sequence length that is known by now."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...arrays import Array
from ..build import Builder
from ..graph import Tensor
from ..node import Node
from .matmul import fully_connected

# A step is about ten operators; longer sequences than this make files that load slowly.
_LONGEST = 1024
_ACTIVATIONS = {"Sigmoid": "LOGISTIC", "Tanh": "TANH", "Relu": "RELU"}


@dataclass(frozen=True)
class _Direction:
    """One direction's constants. x_weights: gates * hidden by inputs; h_weights: by hidden."""

    x_weights: Array
    h_weights: Array
    x_bias: Array
    h_bias: Array
    peepholes: Array | None
    activations: tuple[str, ...]

    @property
    def hidden(self) -> int:
        return int(self.h_weights.shape[1])


State = tuple[Tensor | None, Tensor | None]
"""Hidden and cell state of one direction, [1, N, H]; None while it is all zeros."""
_Step = Callable[[Builder, Node, _Direction, Sequence[Tensor], State], State]


def rnn(b: Builder, n: Node) -> list[Tensor | None]:
    """h = f(W x + R h + b)."""
    return _recurrent(b, n, _rnn_step, gates=1, activations=("Tanh",))


def gru(b: Builder, n: Node) -> list[Tensor | None]:
    """Gates z, r and h, in this order in the weights."""
    return _recurrent(b, n, _gru_step, gates=3, activations=("Sigmoid", "Tanh"))


def lstm(b: Builder, n: Node) -> list[Tensor | None]:
    """Gates i, o, f and c, in this order in the weights."""
    if n.get("input_forget", 0):
        b.refuse("coupled input and forget gates are not written")
    return _recurrent(b, n, _lstm_step, gates=4, activations=("Sigmoid", "Tanh", "Tanh"))


def _recurrent(
    b: Builder, n: Node, step: _Step, gates: int, activations: tuple[str, ...]
) -> list[Tensor | None]:
    if "clip" in n.attributes:
        b.refuse("clipped cells are not written")
    x = b.transpose(n[0], (1, 0, 2)) if n.get("layout", 0) else n[0]
    length, batch = x.shape[:2]
    if length > _LONGEST:
        b.refuse(f"{length} steps would be {length} times its operators; at most {_LONGEST} are written")
    _refuse_short_sequences(b, n, length)
    directions = _directions(b, n, gates, activations)
    starts = [_start(b, n, index, len(directions)) for index in range(len(directions))]
    names = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    backwards = names[n.get("direction", "forward")]
    runs = [
        _run(b, n, step, direction, x, start, is_backwards=back)
        for direction, start, back in zip(directions, starts, backwards, strict=True)
    ]
    hidden = directions[0].hidden
    outputs = [b.reshape(b.concat(steps, 0), (length, 1, batch, hidden)) for steps, _ in runs]
    y = b.concat(outputs, 1)
    last = [_joined(b, [state[index] for _, state in runs]) for index in (0, 1)]
    if n.get("layout", 0):
        y = b.transpose(y, (2, 0, 1, 3))
        last = [None if state is None else b.transpose(state, (1, 0, 2)) for state in last]
    return [y, *last][: len(n.outputs)]


def _refuse_short_sequences(b: Builder, n: Node, length: int) -> None:
    lengths = n.array(4, "sequence_lens")
    if lengths is not None and np.any(lengths != length):
        b.refuse("sequences of different lengths are not written")


def _directions(b: Builder, n: Node, gates: int, defaults: tuple[str, ...]) -> list[_Direction]:
    x_weights, h_weights, bias = n.array(1, "weights"), n.array(2, "weights"), n.array(3, "bias")
    peepholes = n.array(7, "peepholes") if gates == 4 else None
    assert x_weights is not None
    assert h_weights is not None
    count, rows = x_weights.shape[:2]
    names = [name.decode() for name in n.attributes.get("activations", [])] or list(defaults) * count
    if any(name not in _ACTIVATIONS for name in names) or n.get("activation_alpha", []):
        b.refuse(f"only the activations {', '.join(_ACTIVATIONS)} are written")
    if bias is None:
        bias = np.zeros((count, 2 * rows), x_weights.dtype)
    each = len(names) // count
    return [
        _Direction(
            x_weights[i],
            h_weights[i],
            bias[i, :rows],
            bias[i, rows:],
            None if peepholes is None else peepholes[i],
            tuple(names[i * each : (i + 1) * each]),
        )
        for i in range(count)
    ]


def _start(b: Builder, n: Node, index: int, count: int) -> State:
    def state(given: Tensor | None) -> Tensor | None:
        if given is None or (given.data is not None and not given.data.any()):
            return None
        batch_first = bool(n.get("layout", 0))
        whole = b.transpose(given, (1, 0, 2)) if batch_first else given
        return whole if count == 1 else b.take(whole, 0, index, 1)

    return state(n.input(5)), state(n.input(6)) if n.op == "LSTM" else None


def _run(
    b: Builder, n: Node, step: _Step, d: _Direction, x: Tensor, state: State, *, is_backwards: bool
) -> tuple[list[Tensor], State]:
    """The hidden state of every step in the order of the input, and the last states."""
    bias = d.x_bias if n.op == "GRU" else d.x_bias + d.h_bias
    x, size = b.cast(x, np.float32), d.hidden
    bounds = [0, 2 * size, 3 * size] if n.op == "GRU" else [0, len(bias)]  # z and r apart from h
    parts = [
        b.split(_by(b, d.x_weights[low:high], x, bias[low:high]), 0, x.shape[0])
        for low, high in itertools.pairwise(bounds)
    ]
    hidden: list[Tensor] = []
    for now in reversed(list(zip(*parts, strict=True))) if is_backwards else zip(*parts, strict=True):
        state = step(b, n, d, now, state)
        assert state[0] is not None
        hidden.append(state[0])
    return (hidden[::-1] if is_backwards else hidden), state


def _joined(b: Builder, states: Sequence[Tensor | None]) -> Tensor | None:
    parts = [state for state in states if state is not None]
    return b.concat(parts, 0) if len(parts) == len(states) else None


def _activate(b: Builder, d: _Direction, which: int, x: Tensor) -> Tensor:
    return b.unary(_ACTIVATIONS[d.activations[which]], x)


def _by(b: Builder, weights: Array, x: Tensor, bias: Array | None = None) -> Tensor:
    given = None if bias is None else b.const(bias, np.float32)
    return fully_connected(b, x, b.const(np.ascontiguousarray(weights), np.float32), given)


def _rnn_step(b: Builder, n: Node, d: _Direction, x: Sequence[Tensor], state: State) -> State:
    h = state[0]
    total = x[0] if h is None else b.add(x[0], _by(b, d.h_weights, h))
    return _activate(b, d, 0, total), None


def _gru_step(b: Builder, n: Node, d: _Direction, x: Sequence[Tensor], state: State) -> State:
    (gates, inner), size, h = x, d.hidden, state[0]
    zr_weights, n_weights = d.h_weights[: 2 * size], d.h_weights[2 * size :]
    zr_bias, n_bias = d.h_bias[: 2 * size], d.h_bias[2 * size :]
    now = b.const(zr_bias, np.float32) if h is None else _by(b, zr_weights, h, zr_bias)
    z, r = b.split(_activate(b, d, 0, b.add(gates, now)), 2, 2)
    if n.get("linear_before_reset", 0):
        part = b.const(n_bias, np.float32) if h is None else _by(b, n_weights, h, n_bias)
        new = _activate(b, d, 1, b.add(inner, b.mul(r, part)))
    else:
        part = b.const(n_bias, np.float32) if h is None else _by(b, n_weights, b.mul(r, h), n_bias)
        new = _activate(b, d, 1, b.add(inner, part))
    if h is None:
        return b.mul(new, b.sub(b.like(z, 1), z)), None
    return b.add(new, b.mul(z, b.sub(h, new))), None


def _lstm_step(b: Builder, n: Node, d: _Direction, x: Sequence[Tensor], state: State) -> State:
    h, c = state
    total = x[0] if h is None else b.add(x[0], _by(b, d.h_weights, h))
    i, o, f, inner = b.split(total, 2, 4)
    i, f = (_activate(b, d, 0, _peeped(b, d, gate, index, c)) for gate, index in ((i, 0), (f, 2)))
    new = b.mul(i, _activate(b, d, 1, inner))
    new = new if c is None else b.add(new, b.mul(f, c))
    o = _activate(b, d, 0, _peeped(b, d, o, 1, new))
    return b.mul(o, _activate(b, d, 2, new)), new


def _peeped(b: Builder, d: _Direction, gate: Tensor, index: int, c: Tensor | None) -> Tensor:
    """A gate that sees the cell where there are peepholes, whose order is i, o, f."""
    if d.peepholes is None or c is None:
        return gate
    weights = d.peepholes[index * d.hidden : (index + 1) * d.hidden]
    return b.add(gate, b.mul(c, b.const(weights, np.float32)))
