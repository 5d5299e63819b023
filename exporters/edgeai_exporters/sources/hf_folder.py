"""Finds a Hugging Face model: a folder, or a hub id in the cache or on the hub."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from edgeai.errors import ExportError, ModelError, ModelNotFound, one_line
from edgeai.extras import require

# Weights, configuration and tokenizer; not the same weights again for other frameworks.
_WANTED = ("*.json", "*.safetensors", "*.txt", "*.model")


def find_folder(spec: str) -> Path:
    """The folder of a model. Raises ModelNotFound for an id that neither cache nor hub gives, ModelError."""
    folder = Path(spec)
    if not folder.is_dir():
        folder = _from_hub(spec)
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{one_line(spec)} has no config.json, so it is no Hugging Face model; give its folder"
        )
    return folder


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """A configuration file of the folder; empty where there is none. Raises ModelError."""
    file = folder / name
    if not file.is_file():
        return {}
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{one_line(file)} cannot be read: {one_line(error)}; copy the folder again"
        ) from error
    if not isinstance(config, dict):
        raise ModelError(f"{one_line(file)} holds no object; copy the folder again")
    return config


def check_weights(folder: Path, shown: str) -> None:
    """That every file of weights is there. Raises ExportError for pickled ones, ModelError for missing."""
    if not any(folder.glob("*.safetensors")):
        if any(folder.glob("*.bin")):
            raise ExportError(
                f"{shown} has its weights pickled (.bin), which can run any code and so is not "
                "opened; save them "
                "with model.save_pretrained(folder, safe_serialization=True)"
            )
        raise ModelError(f"{shown} has no weights (model.safetensors); download the folder again, whole")
    shards = read_config(folder, "model.safetensors.index.json").get("weight_map", {})
    lacking = sorted({str(file) for file in shards.values() if not (folder / str(file)).is_file()})
    if lacking:
        raise ModelError(f"{shown} lacks {one_line(', '.join(lacking))}; download the folder again, whole")


def _from_hub(spec: str) -> Path:
    hub = require("huggingface_hub", "hf", "finding Hugging Face models")
    try:
        return Path(hub.snapshot_download(spec, allow_patterns=list(_WANTED)))
    except Exception as error:  # of httpx or requests, of the hub's own kinds, by its version
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise ModelNotFound(
            f"{one_line(spec)} is neither a folder nor in the cache, and the hub does not give "
            f"it{offline}; where "
            f"there is network, run `hf download {one_line(spec)} --local-dir FOLDER`, and give FOLDER"
        ) from error
