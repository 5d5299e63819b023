"""Steps on text: tokenize."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import InputError, one_line
from ...steps import text as steps
from ..values import Asset, Text

if TYPE_CHECKING:
    from ..values import Array

_DTYPES = {"i64": "int64", "i32": "int32"}


def tokenize(
    value: list[str | Text] | str | Text,
    *,
    tokenizer: Asset,
    max_length: int | None = None,
    padding: str = "longest",
    truncation: bool = True,
    ids: str = "input_ids",
    mask: str | None = "attention_mask",
    types: str | None = "token_type_ids",
    dtype: str = "i64",
) -> dict[str, Array]:
    """`tokenize@1`: one text, or several as a batch, to the inputs of a language model, [N, T] each.

    tokenizer: a Hugging Face tokenizer.json among the bundle's assets. max_length, padding, truncation: see
    `steps.text.tokenize`. ids, mask, types: the model's names for the tokens' numbers, for what is no
    padding, and for which text a token belongs to; null for one that it does not take. dtype: `i64` or `i32`.
    """
    if dtype not in _DTYPES:
        raise InputError(f"dtype is {one_line(repr(dtype))}; give one of: {', '.join(_DTYPES)}")
    names = [name for name in (ids, mask, types) if name is not None]
    if len(set(names)) < len(names):
        raise InputError(one_line(f"ids, mask and types are {', '.join(names)}; give each a name of its own"))
    texts = [_as_str(item) for item in (value if isinstance(value, list) else [value])]
    tokens = steps.tokenize(texts, tokenizer, max_length=max_length, padding=padding, truncation=truncation)
    arrays = ((ids, tokens.ids), (mask, tokens.mask), (types, tokens.types))
    return {name: array.astype(_DTYPES[dtype], copy=False) for name, array in arrays if name is not None}


def _as_str(item: str | Text) -> str:
    return item.text if isinstance(item, Text) else item
