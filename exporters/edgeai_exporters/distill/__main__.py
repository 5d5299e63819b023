"""`python -m edgeai_exporters.distill RECIPE --data FILE -o FOLDER`, for scripts and tests."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edgeai.errors import EdgeError

from ..report.distill import distill_table
from . import distill, read_recipe


def main() -> int:
    """Run a recipe and print what was found out."""
    parser = argparse.ArgumentParser(description="Distil a student by a recipe.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, help="the data's file, instead of the recipe's")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder")
    options = parser.parse_args()
    try:
        found = distill(read_recipe(options.recipe, data=options.data), out=options.out, on_progress=_say)
    except EdgeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{distill_table(found.report)}\n")
    return 0


def _say(done: int, total: int, what: str) -> None:
    sys.stderr.write(f"{done} of {total} epochs, {what}\n")


if __name__ == "__main__":
    sys.exit(main())
