"""A small recipe: teacher, student and data, as a user's own file beside a recipe.toml."""

from __future__ import annotations

from pathlib import Path

MODELS = """
import numpy as np
from torch import nn

def teacher():
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))

def student():
    return nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Dropout(0.1), nn.Linear(4, 3))

def dataset():
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    return {"x": (rng.normal(size=(300, 8)) + np.eye(3, 8)[y] * 3).astype(np.float32), "y": y}

def not_a_module():
    return 3
"""

RECIPE = """
name = "small"

[data]
source = "models.py:dataset"
labels = 30
validation = 6
test = 90

[teacher]
source = "models.py:teacher"
epochs = 4
all_labels = true

[student]
source = "models.py:student"
epochs = 5

[distillation]
temperature = 2.0
hard_labels = 0.3

[[distillation.hints]]
teacher = "1"
student = "1"
weight = 0.1

[[augmentation]]
kind = "noise"
amount = 0.1

[training]
batch = 30
learning_rate = 0.01
weight_decay = 0.0
patience = 4
seeds = 3
"""


def write_recipe(folder: Path, text: str = RECIPE) -> Path:
    """recipe.toml and models.py in a folder."""
    (folder / "models.py").write_text(MODELS, "utf-8")
    (folder / "recipe.toml").write_text(text, "utf-8")
    return folder / "recipe.toml"
