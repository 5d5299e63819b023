"""Ways to show an export: a page, a table on the terminal, a JSON document; one file each."""

from __future__ import annotations

from .document import document
from .html import write_html
from .table import table

__all__ = ["document", "table", "write_html"]
