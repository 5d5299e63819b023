"""Says so where an accelerator that was asked for runs nothing."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from .backends import unused_providers
from .errors import ProviderUnused, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping


def warn_of_unused(asked: tuple[str, ...], share: Mapping[str, float], path: str) -> None:
    """A fallback always says so; where only the first run's trace can tell, `Session.provider` does."""
    unused = unused_providers(asked, share)
    if unused:
        warnings.warn(
            f"{one_line(path)}: no node runs on {', '.join(unused)}; all run on {', '.join(share)}",
            ProviderUnused,
            stacklevel=5,
        )
