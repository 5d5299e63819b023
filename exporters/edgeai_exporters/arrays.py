"""What goes into a model and comes out of it: arrays by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Feed: TypeAlias = Mapping[str, Array]
"""Inputs of one run by name, with whatever batch axis the model has."""
Outputs: TypeAlias = Mapping[str, Array]
