"""Whether the intervals of energy hold the truth: simulated boards whose joules are known in closed form.

    python benchmarks/peers/energy_intervals.py --seed 1
    python benchmarks/peers/energy_intervals.py --seed 7 --traces 1000 --family spikes

For each family of power traces and each kind of meter it draws boards (`tests/simulated_power.py`, which
imports nothing of edgeai), plays them on a fake clock through the sampler and `energy_of`, and counts how
often the 95 % interval of the gross and the net energy of an inference holds the true one. Aim: 90 to 99.5 %,
half the interval's width at most 10 % of the value in the median, and a bias under 1 %. Exit code 1 where a
row misses it.

The errors of the sensors are the largest part of these intervals. With --right the sensors have neither gain
nor offset error, and what is left is what sampling and arithmetic do: a look at that part, without the aim.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # `tests` is no package that is installed

from tests.interval_scores import kinds_of, rows_of
from tests.simulated_meter import measured
from tests.simulated_power import BURSTS, FAMILIES


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--traces", type=int, default=400, help="of each family and kind of meter")
    parser.add_argument("--family", choices=(*FAMILIES, BURSTS), action="append", help="only this one")
    parser.add_argument("--right", action="store_true", help="sensors without gain and offset error")
    asked = parser.parse_args()
    print("| family | meter | figure | held | half width | bias | kept |")
    print("|---|---|---|--:|--:|--:|---|")
    missed = 0
    for family in asked.family or FAMILIES:
        for kind in kinds_of(family):
            seeds = [f"{asked.seed}/{family}/{kind}/{i}" for i in range(asked.traces)]
            found = [measured(family, kind, seed, right=asked.right) for seed in seeds]
            for row in rows_of(family, kind, found):
                print(row.text(), flush=True)
                missed += not row.kept
    return 1 if missed and not asked.right else 0


if __name__ == "__main__":
    sys.exit(main())
