"""Writes sentences that people say to a home, one a line of a CSV: what embedding models are tried on here.

    python benchmarks/exports/home_sentences.py sentences.csv

Out of the templates of home-assistant-intents 2026.10.27 (Apache-2.0), which is fetched from PyPI.
"""

from __future__ import annotations

import csv
import json
import random
import re
import sys
from pathlib import Path

from edgeai_bench.fetch import fetch_member
from edgeai_bench.suites import PackageSource

COUNT = 1000
_SOURCE = PackageSource("pypi", "home-assistant-intents", "2026.10.27")
_FILE = "home_assistant_intents/data/en.json"
_SHA256 = "0b9d606a216b1712409a3d822a8edfb9ff4458e51e421792882ea24e0ce1d456"


def main() -> None:
    """Write the file that is named."""
    templates = json.loads(fetch_member(_SOURCE, _FILE, _SHA256, say=print).read_text())["intents"].values()
    lines = [line for intent in templates for block in intent["data"] for line in block["sentences"]]
    chance = random.Random(0)  # noqa: S311 - no cryptography
    texts = dict.fromkeys(_spoken(chance.choice(lines), chance) for _ in range(8 * COUNT))
    with Path(sys.argv[1]).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([text] for text in list(texts)[:COUNT])])


def _spoken(template: str, chance: random.Random) -> str:
    """One of a template's sentences: `(a|b)` chosen, `[perhaps]` there or not, `{slot}` by its name."""
    while "(" in template or "[" in template:
        before = template
        template = re.sub(r"\[([^][()]*)\]", lambda part: part[1] if chance.random() < 0.5 else "", template)
        template = re.sub(r"\(([^][()]*)\)", lambda part: chance.choice(part[1].split("|")), template)
        if template == before:
            break
    return " ".join(re.sub(r"[{<](\w+)[^}>]*[}>]", lambda part: part[1].replace("_", " "), template).split())


if __name__ == "__main__":
    main()
