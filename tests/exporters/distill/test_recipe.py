"""A recipe is read once, and each mistake in it is reported with its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai.errors import ConfigError
from edgeai_exporters.distill import read_recipe
from tests.exporters.distill.small import RECIPE, write_recipe

RECIPES = Path(__file__).parents[3] / "exporters" / "recipes"


def test_paths_start_at_the_recipe(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    assert recipe.student.source == f"{tmp_path}/models.py:student"
    assert recipe.settings()["student"]["source"] == "models.py:student"
    assert recipe.training.seeds == (0, 1, 2)


@pytest.mark.parametrize("name", ["digits", "digits-500-labels", "motions"])
def test_the_recipes_of_the_repository_are_sound(name: str) -> None:
    assert read_recipe(RECIPES / f"{name}.toml").name == name


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("temperature = 2.0", "temperature = 0", "distillation.temperature: is 0; give a number above 0"),
        ("hard_labels = 0.3", "hard_labels = 1.3", "distillation.hard_labels: is 1.3"),
        ('kind = "noise"', 'kind = "blur"', r"augmentation\[0\].kind: is 'blur'; give one of: shift, rotate"),
        ("validation = 6", "validation = 30", "data.validation: is 30 of 30 labels"),
        ("seeds = 3", "seed = 3", "training.seeds: is missing"),
        ("epochs = 4", 'epochs = 4\nweights = "t.pt"', "teacher.epochs: is given beside weights"),
        ("weight = 0.1", "weight = 0.1\nlayer = 3", r"distillation.hints\[0\].layer: is not a key"),
    ],
)
def test_a_mistake_names_its_key(tmp_path: Path, old: str, new: str, error: str) -> None:
    file = write_recipe(tmp_path, RECIPE.replace(old, new))
    with pytest.raises(ConfigError, match=error):
        read_recipe(file)
