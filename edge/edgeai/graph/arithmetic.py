"""How many multiply-accumulates an operator takes, from the shapes around it.

Counted are convolutions, matrix products, attention and recurrent layers, as published counts do; everything
else (additions, activations, pooling, normalizing, table look-ups) is left out, since it costs little beside
them. A bias is not counted either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from .network import Node, Shape

Shapes = Sequence[Shape | None]
Count = Callable[[Node, Shapes, Shapes], int]


class ShapesUnknown(Exception):  # noqa: N818 - a state of the file, which costs tell in words
    """A shape that the count needs is not known."""


def multiply_accumulates(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    """Of one run of a node; 0 for what is not counted. Raises ShapesUnknown."""
    count = _COUNTS.get(node.operator)
    try:
        return 0 if count is None else count(node, inputs, outputs)
    except (IndexError, TypeError) as error:
        # A shape that is left out, or one of another rank than the operator has: nothing to count on.
        raise ShapesUnknown(node.operator) from error


def is_counted(operator: str) -> bool:
    """Whether its multiply-accumulates are counted."""
    return operator in _COUNTS


def is_countable(operator: str) -> bool:
    """Whether the operator is known, so that leaving it out says that it costs little."""
    domain, _, _ = operator.rpartition(".")
    return domain in {"", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"}


def _known(shapes: Shapes, index: int) -> Shape:
    shape = shapes[index]
    if shape is None:
        raise IndexError
    return shape


def _conv(weights: int) -> Count:
    """Each output element takes a whole filter: [O, I / groups, *kernel], of TFLite [O, *kernel, I]."""
    return lambda node, inputs, outputs: (
        math.prod(_known(outputs, 0)) * math.prod(_known(inputs, weights)[1:])
    )


def _transposed(source: int, weights: int, of: slice) -> Count:
    """Each input element goes into a whole filter."""
    return lambda node, inputs, outputs: (
        math.prod(_known(inputs, source)) * math.prod(_known(inputs, weights)[of])
    )


def _product(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    """[..., M, K] by [..., K, N]; transposed A by its attribute, which each operator calls in its own way."""
    left = _known(inputs, 0)
    turned = any(node.attributes.get(name) for name in ("transA", "adj_x"))
    return math.prod(_known(outputs, 0)) * left[-2 if turned else -1]


def _fully_connected(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    return math.prod(_known(outputs, 0)) * _known(inputs, 1)[-1]


def _einsum(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    """Every letter once; with one operand nothing is multiplied."""
    terms = str(node.attributes["equation"]).replace(" ", "").partition("->")[0].split(",")
    if len(terms) < 2 or "..." in "".join(terms):
        if len(terms) < 2:
            return 0
        raise IndexError
    sizes: dict[str, int] = {}
    for index, term in enumerate(terms):
        sizes.update(zip(term, _known(inputs, index), strict=False))
    return math.prod(sizes.values()) * (len(terms) - 1)


def _recurrent(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    """X [steps, batch, I], W [directions, gates * H, I], R [directions, gates * H, H]."""
    if len(_known(inputs, 1)) == 2:  # TFLite has operators of the same names
        return (_lstm_of_tflite if node.operator == "LSTM" else _rnn_of_tflite)(node, inputs, outputs)
    steps, batch = _known(inputs, 0)[:2]
    return steps * batch * (math.prod(_known(inputs, 1)) + math.prod(_known(inputs, 2)))


def _lstm_of_tflite(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    """X [steps, batch, I] in either order; its matrices lie at 1 to 8, the projection at 16."""
    source = _known(inputs, 0)
    matrices = [shape for shape in (*inputs[1:9], *inputs[16:17]) if shape is not None]
    return math.prod(source[:-1]) * sum(math.prod(shape) for shape in matrices if len(shape) == 2)


def _rnn_of_tflite(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    """X [steps, batch, I] in either order, or without steps; behind the matrices lie a bias and the state."""
    matrices = [1, 2, 5, 6] if node.operator.startswith("BIDIRECTIONAL") else [1, 2]
    return math.prod(_known(inputs, 0)[:-1]) * sum(math.prod(_known(inputs, place)) for place in matrices)


def _bidirectional_of_tflite(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    source = _known(inputs, 0)
    matrices = [shape for shape in inputs[1:35] if shape is not None]
    return math.prod(source[:-1]) * sum(math.prod(shape) for shape in matrices if len(shape) == 2)


def _svdf(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    return _known(inputs, 0)[0] * (math.prod(_known(inputs, 1)) + math.prod(_known(inputs, 2)))


def _attention_with_weights(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    """X [batch, length, I] by weights [I, 3 * H], then queries by keys, and that by values."""
    batch, length, _ = _known(inputs, 0)
    hidden = _known(outputs, 0)[-1]
    return batch * length * math.prod(_known(inputs, 1)) + 2 * batch * length * length * hidden


def _attention(node: Node, inputs: Shapes, outputs: Shapes) -> int:
    """Queries [..., L, D] by keys [..., S, D], and that by values; heads beside each other or split off."""
    query, key, value = (_known(inputs, index) for index in range(3))
    return math.prod(query) * key[-2] + math.prod(query[:-1]) * key[-2] * value[-1]


_COUNTS: Mapping[str, Count] = {
    # ONNX
    **dict.fromkeys(("Conv", "ConvInteger", "DeformConv"), _conv(1)),
    "QLinearConv": _conv(3),
    "ConvTranspose": _transposed(0, 1, slice(1, None)),
    **dict.fromkeys(("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul"), _product),
    "Einsum": _einsum,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "Attention": _attention,
    # ONNX Runtime's own, which its optimizer and its quantizers write
    **dict.fromkeys(("com.microsoft.FusedConv", "com.microsoft.NhwcFusedConv"), _conv(1)),
    "com.microsoft.QLinearConv": _conv(3),
    **dict.fromkeys(
        (
            "com.microsoft.FusedGemm",
            "com.microsoft.QGemm",
            "com.microsoft.FusedMatMul",
            "com.microsoft.MatMulNBits",
            "com.microsoft.MatMulBnb4",
            "com.microsoft.MatMulIntegerToFloat",
            "com.microsoft.DynamicQuantizeMatMul",
        ),
        _product,
    ),
    "com.microsoft.DynamicQuantizeLSTM": _recurrent,
    **dict.fromkeys(("com.microsoft.Attention", "com.microsoft.QAttention"), _attention_with_weights),
    "com.microsoft.MultiHeadAttention": _attention,
    # TFLite
    "CONV_2D": _conv(1),
    # weights [1, *kernel, O]
    "DEPTHWISE_CONV_2D": lambda node, inputs, outputs: (
        math.prod(_known(outputs, 0)) * math.prod(_known(inputs, 1)[1:3])
    ),
    # weights [*kernel, I, O]
    "CONV_3D": lambda node, inputs, outputs: math.prod(_known(outputs, 0)) * math.prod(_known(inputs, 1)[:4]),
    # weights [O, *kernel, I]
    "TRANSPOSE_CONV": _transposed(2, 1, slice(None, 3)),
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _product,
    **dict.fromkeys(("UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN"), _rnn_of_tflite),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm_of_tflite,
    "BIDIRECTIONAL_SEQUENCE_LSTM": _bidirectional_of_tflite,
    "SVDF": _svdf,
}
