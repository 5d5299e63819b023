"""MobileNetV2 on 5,000 real digits: five folds exported, their test parts put together.

    python exporters/examples/mobilenet_digits.py mnist_5k.csv.gz --fold 0 --out folds/    # and 1 to 4
    python benchmarks/exports/mobilenet_folds.py folds/

Every digit is tested once, by a network that was neither trained nor calibrated with it. Prints a table in
Markdown: per variant the accuracy, the paired drop with its 95 % interval over all digits, latency and size
as shares of the float file's of the same format, fold by fold.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

import edgeai
from edgeai_exporters.data.images import open_images
from edgeai_exporters.data.options import DataOptions
from edgeai_exporters.export import export
from edgeai_exporters.metrics.intervals import drop
from edgeai_exporters.outcome import Outcome
from edgeai_exporters.request import Request

FOLDS = 5


def main() -> None:
    """Export all folds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scheme", default="int8-static")
    options = parser.parse_args()
    right: dict[str, list[float]] = defaultdict(list)
    figures: dict[str, list[str]] = defaultdict(list)
    for fold in range(FOLDS):
        outcome = exported(options.folder / f"fold-{fold}", options.scheme)
        floats = {each.format: each for each in outcome.tried if each.scheme is None}
        for each in outcome.tried:
            right[each.id] += told_right(
                Path(outcome.bundle), each.id, options.folder / f"fold-{fold}" / "test"
            )
            if each.ratio is not None:
                share = each.size_bytes / floats[each.format].size_bytes
                figures[each.id].append(f"{each.ratio.value:.3f} of the time, {share:.3f} of the size")
    print("| variant | right | drop, points | by fold |\n|---|---|---|---|")
    for name, own in right.items():
        fall = drop(np.array(right[f"{name.partition('-')[0]}-f32"]), np.array(own))
        low, high = fall.low or 0.0, fall.high or 0.0
        interval = f"{100 * fall.value:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
        print(f"| {name} | {int(sum(own))} of {len(own)} | {interval} | {'; '.join(figures[name])} |")


def exported(fold: Path, scheme: str) -> Outcome:
    """The bundle of a fold, beside it."""
    return export(
        Request(
            source=str(fold.with_suffix(".pt2")),
            out=fold.with_suffix(".edge"),
            calibrate=str(fold / "train"),
            evaluate=str(fold / "test"),
            schemes=(scheme,),
            max_drop=0.005,
            force=True,
        ),
        on_progress=lambda done, total, what: None,
    )


def told_right(bundle: Path, variant: str, pictures: Path) -> list[float]:
    """1 for each picture that a variant tells right, else 0. Raises where the variant was not shipped."""
    with edgeai.load(bundle, variant=variant, threads=1) as session:
        data = open_images(str(pictures), session.inputs, DataOptions())
        assert data.label is not None
        return [
            float(int(np.argmax(next(iter(session.run(dict(data.feed(row))).values())))) == data.label(row))
            for row in range(data.count)
        ]


if __name__ == "__main__":
    main()
