"""Example inputs of Hugging Face models, and the axes that stay open: by text, images and sound."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeai.errors import ExportError, UsageError, one_line

from ..arrays import Array
from .hf_folder import read_config
from .open_sizes import BATCH, OpenSizes
from .options import SourceOptions

SEQUENCE = "sequence"
SAMPLES = "samples"

_LARGEST_BATCH = 1024
_LONGEST_TEXT = 1 << 17
"""Where neither configuration nor tokenizer say how long a text may be: longer than any model's."""

_SECOND = 16_000
"""Samples of one second at the rate that speech models are trained with."""

_LONGEST_SOUND_S = 30
"""What Whisper takes at most, and more than classifiers and CTC models were trained on."""


@dataclass(frozen=True)
class ModelInputs:
    """example: arrays by input. sizes: what stays open. feeds: to compare the exported file on."""

    example: Mapping[str, Array]
    sizes: OpenSizes
    feeds: list[dict[str, Array]]


def model_inputs(model: Any, folder: Path, options: SourceOptions) -> ModelInputs:
    """Inputs by the model's main input. Raises ExportError for one that is unknown."""
    main = str(model.main_input_name)
    makers = {"input_ids": _text, "pixel_values": _image, "input_values": _sound, "input_features": _sound}
    if main not in makers:
        known = ", ".join(makers)
        raise ExportError(
            f"{type(model).__name__} takes {one_line(main)}, which is not made here (known: "
            f"{known}); export its "
            "module by file.py:factory with example inputs"
        )
    return makers[main](model, folder, options)


def _text(model: Any, folder: Path, options: SourceOptions) -> ModelInputs:
    names = _text_inputs(model)
    shape = _text_shape(names, options)
    ranges = {BATCH: (1, _LARGEST_BATCH), SEQUENCE: (1, _longest(model, folder))}
    sizes = _opened(dict.fromkeys(names, shape), ranges, options)
    random = np.random.default_rng(options.seed)
    words = (
        int(model.config.get_text_config().vocab_size) if hasattr(model.config, "get_text_config") else 1000
    )

    def feed(batch: int, length: int) -> dict[str, Array]:
        batch, length = _size(shape[0], batch, sizes), _size(shape[1], length, sizes)
        made = {name: np.zeros((batch, length), np.int64) for name in names}
        made["input_ids"] = random.integers(0, words, (batch, length))
        if "attention_mask" in made:  # each row padded more than the one before it, and one token at least
            lengths = np.maximum(1, length - (length // max(batch, 2)) * np.arange(batch))
            made["attention_mask"] = (np.arange(length) < lengths[:, None]).astype(np.int64)
        return {name: array.astype(np.int64) for name, array in made.items()}

    return ModelInputs(feed(2, 16), sizes, [feed(2, 16), feed(1, 1), feed(3, 7), feed(5, 33)])


def _text_inputs(model: Any) -> list[str]:
    """Ids and mask; types of segments where the model tells more than one apart."""
    takes = inspect.signature(model.forward).parameters
    names = [name for name in ("input_ids", "attention_mask") if name in takes]
    segments = int(getattr(model.config, "type_vocab_size", 0) or 0)
    return [*names, "token_type_ids"] if "token_type_ids" in takes and segments > 1 else names


def _text_shape(names: list[str], options: SourceOptions) -> tuple[int | str, ...]:
    """All inputs of a text have one shape, so that of one is that of all."""
    for name, shape in options.shapes.items():
        if name and name not in names:
            raise UsageError(f"no input is called {one_line(name)!r}; inputs: {', '.join(names)}")
        if len(shape) != 2:
            raise UsageError(f"shape {'x'.join(map(str, shape))} is none of a text; give BATCHxSEQUENCE")
        return shape
    return (BATCH, SEQUENCE)


def _longest(model: Any, folder: Path) -> int:
    """Tokens: of the configuration and of the tokenizer the smaller; a padding id takes places away."""
    config = model.config
    places = int(getattr(config, "max_position_embeddings", 0) or _LONGEST_TEXT)
    embeddings = next((m for name, m in model.named_modules() if name.endswith("position_embeddings")), None)
    padding = getattr(embeddings, "padding_idx", None)  # RoBERTa counts places from there
    told = read_config(folder, "tokenizer_config.json").get("model_max_length")
    limit = int(told) if isinstance(told, int | float) and told < _LONGEST_TEXT else _LONGEST_TEXT
    return max(2, min(places - (padding + 1 if padding is not None else 0), limit))


def _image(model: Any, folder: Path, options: SourceOptions) -> ModelInputs:
    channels = int(getattr(model.config, "num_channels", 3) or 3)
    height, width = _image_size(model, folder)
    return _floats(model.main_input_name, (BATCH, channels, height, width), {}, options)


def _image_size(model: Any, folder: Path) -> tuple[int, int]:
    """Of the preprocessor what it cuts or scales to, else of the configuration. Pixels."""
    told = read_config(folder, "preprocessor_config.json")
    for size in (told.get("crop_size"), told.get("size"), getattr(model.config, "image_size", None)):
        if isinstance(size, dict) and {"height", "width"} <= set(size):
            return int(size["height"]), int(size["width"])
        edge = size.get("shortest_edge") if isinstance(size, dict) else size
        if isinstance(edge, (list, tuple)) and len(edge) == 2:
            return int(edge[0]), int(edge[1])
        if isinstance(edge, int):
            return edge, edge
    raise ExportError(
        f"{one_line(folder)} does not say how large pictures are; give --shape "
        f"{model.main_input_name}:1x3xHEIGHTxWIDTH"
    )


def _sound(model: Any, folder: Path, options: SourceOptions) -> ModelInputs:
    """Spectrograms have the size of the configuration; samples are as many as there are."""
    name, config = model.main_input_name, model.config
    frames, bins = getattr(config, "max_length", None), getattr(config, "num_mel_bins", None)
    if bins is not None and isinstance(frames, int) and hasattr(config, "patch_size"):
        return _floats(name, (BATCH, frames, bins), {}, options)
    if name == "input_features":
        raise ExportError(
            f"{one_line(folder)} takes spectrograms of a size that its configuration does not say; "
            "export its "
            "module by file.py:factory with example inputs"
        )
    ranges = {SAMPLES: (_SECOND // 10, _LONGEST_SOUND_S * _SECOND)}
    return _floats(name, (BATCH, SAMPLES), ranges, options)


def _floats(
    name: str, shape: tuple[int | str, ...], ranges: Mapping[str, tuple[int, int]], options: SourceOptions
) -> ModelInputs:
    given = [each for key, each in options.shapes.items() if key in ("", name)]
    shape = given[0] if given else shape
    sizes = _opened({name: shape}, {BATCH: (1, _LARGEST_BATCH), **ranges}, options)
    random = np.random.default_rng(options.seed)

    def feed(batch: int, length: int) -> dict[str, Array]:
        wanted = [_size(size, batch if axis == 0 else length, sizes) for axis, size in enumerate(shape)]
        return {name: random.standard_normal(wanted).astype(np.float32)}

    return ModelInputs(feed(2, _SECOND), sizes, [feed(1, _SECOND), feed(3, _SECOND + 333)])


def _opened(
    shapes: Mapping[str, tuple[int | str, ...]], ranges: Mapping[str, tuple[int, int]], options: SourceOptions
) -> OpenSizes:
    """Open axes with their ranges, narrowed by the user's."""
    placed = dict.fromkeys(size for shape in shapes.values() for size in shape if isinstance(size, str))
    if unknown := sorted(options.dims.keys() - placed.keys()):
        raise UsageError(
            f"dimension {one_line(unknown[0])!r} has no place; open here: "
            f"{', '.join(sorted(placed)) or 'none'}"
        )
    limits = {}
    for name in placed:
        low, high = ranges.get(name, (1, _LONGEST_TEXT))
        least, most = options.dims.get(name, (low, high))
        limits[name] = (max(low, least), min(high, most))
    axes = {
        name: {axis: size for axis, size in enumerate(shape) if isinstance(size, str)}
        for name, shape in shapes.items()
    }
    return OpenSizes(axes, limits)


def _size(size: int | str, wanted: int, sizes: OpenSizes) -> int:
    return size if isinstance(size, int) else sizes.size(size, wanted)
