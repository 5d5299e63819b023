"""How much memory `edgeai run` of the wake word takes, from the interpreter's start to its end."""

from __future__ import annotations

import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "benchmarks/bundles/okay-nabu/golden/okay-nabu.wav"
# The command `edgeai`, which tells at its end the highest resident set that the kernel saw (VmHWM).
COMMAND = """
import atexit, pathlib, sys
def tell():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    print(next(line for line in lines if line.startswith("VmHWM")), file=sys.stderr)
atexit.register(tell)
from edgeai.cli import main
main()
"""


@pytest.mark.parametrize("runs", [1, 2], ids=["unpacked now", "unpacked before"])
def test_listening_for_the_wake_word_takes_less_than_80_mb(
    public_bundle: Callable[[str], Path], tmp_path: Path, runs: int
) -> None:
    bundle = public_bundle("okay-nabu")
    with wave.open(str(GOLDEN), "rb") as file:
        sound = file.readframes(file.getnframes()) * 20
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "run", str(bundle), "-"],
            input=sound,
            capture_output=True,
            check=False,
            env={"EDGEAI_HOME": str(tmp_path)},
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"okay nabu") == 20
    peak = next(line for line in done.stderr.decode().splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) * 1024 < 80e6, peak
