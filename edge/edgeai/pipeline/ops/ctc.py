"""The step that reads text out of what a recognizer gave: ctc."""

from __future__ import annotations

from ...errors import InputError
from ...steps import ctc as ctc_steps
from ...steps.names import read_names
from ..values import Asset, Outputs, Text
from .outputs import pick


def ctc(
    value: Outputs,
    *,
    vocabulary: Asset,
    tensor: str | None = None,
    blank: int = 0,
    space: bool = False,
    probabilities: bool = True,
) -> Text | list[Text]:
    """`ctc@1`: text out of scores [N, T, C] or [T, C], T steps of C tokens; a list where N is not 1.

    vocabulary: the tokens, one a line or a JSON list, without the blank. blank: which class it is; the tokens
    are the others, in order. space: a space follows the vocabulary's tokens.
    probabilities: scores are probabilities; false: logits, of which those that count are made such.
    The score of a text is the mean probability of its characters; None where there are none.
    """
    scores = pick(value, tensor)
    if scores.ndim == 2:
        scores = scores[None]
    tokens = (*read_names(vocabulary), " ") if space else read_names(vocabulary)
    if scores.ndim != 3 or scores.shape[2] != len(tokens) + 1:
        raise InputError(
            f"the output is {list(scores.shape)}; {vocabulary.name} makes it [N, T, {len(tokens) + 1}], "
            f"with the blank{' and the space' if space else ''}"
        )
    if not 0 <= blank <= len(tokens):
        raise InputError(f"blank is {blank}; give 0 to {len(tokens)}")
    texts = [Text(*read) for read in ctc_steps.decode(scores, tokens, blank=blank, logits=not probabilities)]
    return texts[0] if len(texts) == 1 else texts
