"""Distillation: a small student learns from a large teacher, and the report says whether that paid.

found = distill(Path("recipe.toml"), out=Path("digits"))
found.report.gain, found.student
"""

from __future__ import annotations

from .recipe import Recipe, read_recipe
from .running import Distilled, distill

__all__ = ["Distilled", "Recipe", "distill", "read_recipe"]
