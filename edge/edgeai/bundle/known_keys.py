"""Which keys of a manifest are read, so that the others can be named: newer than this edgeai, or misspelt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

BACKENDS = {"ort": "onnxruntime", "litert": "litert", "tflite-runtime": "tflite-runtime"}
"""What a manifest calls a backend, against the name in the table of backends."""


def unknown_keys(manifest: Mapping[str, Any]) -> list[str]:
    """Paths of the keys that are kept but not read here: newer than this edgeai, or misspelt.

    Where a whole object is free (`provenance`, `quality`, `cost`, parameters of steps), nothing in it is
    unknown.
    """
    return [".".join(path) for path in _unknown(manifest, _KEYS, ())]


# What is read at each place; `*` stands for any name, a list for the objects in it, None for anything.
_TENSOR = {
    "*": dict.fromkeys(("dtype", "shape", "layout", "color", "value"), None)
    | {"dims": {"*": dict.fromkeys(("min", "opt", "max", "step"), None)}}
}
_KEYS: dict[str, Any] = {
    **dict.fromkeys(("schema", "id", "version", "requires", "assets", "result", "licence"), None),
    **dict.fromkeys(("quality", "provenance"), None),
    "source": dict.fromkeys(("kind", "rate"), None),
    "models": {
        "*": {
            "inputs": _TENSOR,
            "outputs": _TENSOR,
            "state": [dict.fromkeys(("kind", "input", "output", "initial", "size"), None)],
            "window": dict.fromkeys(("input", "size", "hop", "rate", "lead", "pad"), None),
            "variants": [
                {
                    **dict.fromkeys(("id", "format", "precision", "files", "entry"), None),
                    **dict.fromkeys(("tolerance", "names", "signature", "cost"), None),
                    "needs": dict.fromkeys((*BACKENDS, "ir", "cpu", "providers"), None),
                }
            ],
        }
    },
    "pipeline": None,  # parameters of steps are checked against the steps, when those are bound
    "golden": [
        dict.fromkeys(
            ("id", "model", "inputs", "outputs", "source", "result", "tolerance"), None
        )
    ],
}  # fmt: skip


def _unknown(value: object, keys: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(keys, list) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, keys[0], (*path[:-1], f"{path[-1]}[{index}]"))
    elif isinstance(keys, dict) and isinstance(value, dict):
        for key, inner in value.items():
            if key not in keys and "*" not in keys:
                yield (*path, key)
            else:
                yield from _unknown(inner, keys.get(key, keys.get("*")), (*path, key))
