"""A model of transformers that is small enough for every test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers


def tiny(folder: Path, architecture: str = "BertForSequenceClassification", **settings: Any) -> Path:
    """A BERT of two thousand weights with random values, saved as transformers saves models."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        vocab_size=50,
        max_position_embeddings=40,
        **settings,
    )
    getattr(transformers, architecture)(config).save_pretrained(folder)
    return folder
