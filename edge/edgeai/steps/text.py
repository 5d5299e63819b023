"""Text to the numbers that a language model takes, by the tokenizer that it was trained with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, ModelError, one_line
from ..extras import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

PADDINGS = ("none", "longest", "fixed")


@dataclass(frozen=True)
class Tokens:
    """Of N texts, T tokens each; all i64 [N, T].

    ids: numbers of the tokens in the vocabulary. mask: 1 for a token, 0 for padding.
    types: which of two texts a token belongs to, as the tokenizer says of one text: mostly 0.
    """

    ids: Numbers
    mask: Numbers
    types: Numbers


def tokenize(
    texts: Sequence[str],
    tokenizer: str | os.PathLike[str],
    *,
    max_length: int | None = None,
    padding: str = "longest",
    truncation: bool = True,
) -> Tokens:
    """Cut texts into tokens, special ones included.

    tokenizer: a Hugging Face tokenizer.json. Of its own settings for padding and truncation only the token
        that pads (else `[PAD]` or `<pad>` of the vocabulary) and the sides are followed, not the lengths.
    max_length: the most tokens of a text, special ones included; None for any number.
    padding: `none` refuses texts of different lengths; `longest` fills up to the longest, `fixed` to
        max_length.
    truncation: whether a longer text loses its end; False refuses it.

    The last four tokenizers stay loaded. Raises InputError; ModelError for a file that is no tokenizer;
    ExtraMissing where the library `tokenizers` is not installed.
    """
    _check_settings(max_length, padding)
    for text in texts:
        _check_text(text)
    encode = _opened(Path(tokenizer), max_length if truncation else None)
    rows = encode.rows(texts)
    longest = max(map(len, rows), default=0)
    if max_length is not None and longest > max_length:
        raise InputError(
            f"a text has {longest} tokens, and at most {max_length} are taken; cut it, or set truncation"
        )
    length = max_length if padding == "fixed" and max_length is not None else longest
    if padding == "none" and any(len(row) < length for row in rows):
        raise InputError("the texts have different numbers of tokens; set padding to longest or fixed")
    return encode.table(rows, length)


class _Tokenizer:
    """A tokenizer of the library, set up once and never changed, so that threads may share it."""

    def __init__(self, path: Path, max_length: int | None) -> None:
        library = require("tokenizers", "text", "tokenizing text")
        try:
            self._library = library.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing more special
            raise ModelError(f"{one_line(path)} is no tokenizer.json: {one_line(error)}") from error
        self._path = path
        self._padding = self._library.padding
        truncation = self._library.truncation or {}
        self._library.no_padding()
        self._library.no_truncation()
        if max_length is not None:
            self._truncate(max_length, truncation.get("direction", "right"))

    def rows(self, texts: Sequence[str]) -> list[Any]:
        """The library's encodings, one a text."""
        if len(texts) == 1:  # in this thread; several are shared out among threads of the library
            return [self._library.encode(texts[0])]
        encodings: list[Any] = self._library.encode_batch(list(texts))
        return encodings

    def table(self, rows: Sequence[Any], length: int) -> Tokens:
        """Encodings as arrays, filled up to a length."""
        tokens = Tokens(*(np.zeros((len(rows), length), np.int64) for _ in range(3)))
        is_left = False
        if any(len(row) < length for row in rows):
            tokens.ids[...], tokens.types[...], is_left = self._filling()
        for index, row in enumerate(rows):
            place = slice(length - len(row), length) if is_left else slice(0, len(row))
            tokens.ids[index, place] = row.ids
            tokens.types[index, place] = row.type_ids
            tokens.mask[index, place] = 1
        return tokens

    def _truncate(self, max_length: int, direction: str) -> None:
        special = self._library.num_special_tokens_to_add(is_pair=False)
        if max_length < special:  # the library would then cut nothing at all
            raise InputError(f"max_length is {max_length}; this tokenizer adds {special} tokens of its own")
        self._library.enable_truncation(max_length, direction=direction)

    def _filling(self) -> tuple[int, int, bool]:
        """Number and type of the token that pads, and whether it goes to the left."""
        if self._padding is not None:
            return self._padding["pad_id"], self._padding["pad_type_id"], self._padding["direction"] == "left"
        for token in ("[PAD]", "<pad>"):
            number = self._library.token_to_id(token)
            if number is not None:
                return number, 0, False
        raise InputError(
            f"{one_line(self._path)} names no token that pads, and has neither [PAD] nor <pad>; "
            "save it with padding enabled, or give texts of one length"
        )


def _opened(path: Path, max_length: int | None) -> _Tokenizer:
    """Loading a large vocabulary takes a second: once for each state of the file and each length."""
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{one_line(path)} cannot be read: {one_line(reason)}; check the path") from error
    return _load(path, (state.st_ino, state.st_size, state.st_mtime_ns), max_length)


@lru_cache(maxsize=4)
def _load(path: Path, _: tuple[int, int, int], max_length: int | None) -> _Tokenizer:
    return _Tokenizer(path, max_length)


def _check_settings(max_length: int | None, padding: str) -> None:
    if padding not in PADDINGS:
        raise InputError(f"padding is {one_line(repr(padding))}; give one of: {', '.join(PADDINGS)}")
    if max_length is not None and max_length < 1:
        raise InputError(f"max_length is {max_length}; give a number of tokens from 1")
    if padding == "fixed" and max_length is None:
        raise InputError(
            "padding is fixed and max_length is missing; give the number of tokens to fill up to"
        )


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise InputError(f"a text to tokenize is a {type(text).__name__}; give str")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"a text to tokenize is no valid Unicode at position {error.start}") from None
