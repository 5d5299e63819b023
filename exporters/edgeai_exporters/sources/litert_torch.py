"""PyTorch as TFLite by Google's litert-torch: for modules with operators that our own writer does not have.

`edgeai export net.py:build --via litert-torch`. A wide extra (JAX and a compiler), and sizes are fixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edgeai
from edgeai.bundle import NUMPY_DTYPES
from edgeai.errors import ExportError, UsageError, one_line
from edgeai.extras import require

from ..arrays import Array, Feed, Outputs
from ..exported import Exported
from ..hashing import sha256_of
from .choice import choose
from .open_sizes import OpenSizes
from .options import SourceOptions
from .writing import model_name

converter = require("litert_torch", "litert-torch", "exporting PyTorch models by litert-torch")

import torch  # noqa: E402 - after `require`, which says what to install

from .torch_by_name import Named  # noqa: E402
from .torch_errors import explain  # noqa: E402
from .torch_examples import example_arrays, varied  # noqa: E402
from .torch_module import prove_or_remove, run_once, versions  # noqa: E402
from .torch_to_onnx import named_outputs, quiet, reference_of, tensors  # noqa: E402

_READS = ("python", "torch", "hf")


@dataclass(frozen=True)
class _Module:
    """feeds: to compare on, the first is what is traced."""

    name: str
    module: Any
    feeds: list[dict[str, Array]]
    provenance: Mapping[str, Any]


def open_litert_torch(spec: str, folder: Path, options: SourceOptions) -> Exported:
    """A PyTorch factory, a .pt2 program or a Hugging Face model as a TFLite file with f32 inputs and weights,
    compared with the module in LiteRT.

    Raises UsageError for other sources and for open sizes, ExportError where it cannot be converted.
    """
    row = choose(spec)
    if row not in _READS:
        raise UsageError(
            "--via litert-torch reads PyTorch: a factory, a .pt2 file or a Hugging Face model; leave it out "
            f"for {one_line(spec)}"
        )
    _refuse_open_sizes(options)
    made = {"python": _of_factory, "torch": _of_program, "hf": _of_hugging_face}[row](spec, options)
    module = reference_of(made.module)
    run_once(module, made.feeds[0], made.name)
    dtypes = {name: array.dtype for name, array in made.feeds[0].items()}

    def run(feed: Feed) -> Outputs:
        return module({name: array.astype(dtypes[name]) for name, array in feed.items()})

    out = folder / f"{made.name}.tflite"
    _convert(made, out)
    feeds = [_as_taken(out, feed) for feed in made.feeds]
    worst = prove_or_remove(out, run, feeds, made.name, backend="litert")
    done = [f"litert-torch, differs from the module by {worst:.2g} on {len(feeds)} inputs"]
    told = {"litert-torch": str(converter.__version__), **versions()}
    return Exported(
        made.name,
        "tflite",
        out,
        run,
        (feeds[0],),
        {**made.provenance, "versions": told, "done": done},
    )


def _as_taken(out: Path, feed: Feed) -> dict[str, Array]:
    """The feed in the file's own dtypes: i64 becomes i32 there."""
    with edgeai.load(out, backend="litert", prepared=False) as session:
        return {spec.name: feed[spec.name].astype(NUMPY_DTYPES[spec.dtype]) for spec in session.inputs}


def _refuse_open_sizes(options: SourceOptions) -> None:
    names = [size for shape in options.shapes.values() for size in shape if isinstance(size, str)]
    if names or options.dims:
        shown = one_line(", ".join([*names, *options.dims]))
        raise UsageError(f"litert-torch writes fixed sizes; give numbers for {shown}, or leave --via out")


def _of_factory(spec: str, options: SourceOptions) -> _Module:
    from .python_factory import build

    built = build(spec)
    if built.kind != "torch":
        raise UsageError(f"--via litert-torch reads PyTorch, and {one_line(spec)} gives Keras; leave it out")
    torch.manual_seed(options.seed)
    built.model.eval()
    examples = example_arrays(built.model, built.examples, options)
    return _Module(built.name, built.model, _noisy(examples, options), built.provenance)


def _of_program(spec: str, options: SourceOptions) -> _Module:
    from .torch_program import read_program

    file = Path(spec)
    program = read_program(file, options)
    provenance = {"source": "torch", "file": file.name, "sha256": sha256_of(file)}
    module = Named(program.module, list(program.examples), program.call)
    return _Module(model_name(file.stem), module, _noisy(program.examples, options), provenance)


def _of_hugging_face(spec: str, options: SourceOptions) -> _Module:
    from .hf_model import load_hf

    model = load_hf(spec, options)
    if open_ := model.inputs.sizes.ranges:
        shapes = " ".join(
            f"--shape {name}:{'x'.join('1' if axis == 0 else '128' for axis in range(array.ndim))}"
            for name, array in model.inputs.example.items()
        )
        raise UsageError(
            f"litert-torch writes fixed sizes, and {one_line(', '.join(open_))} are open; give them, such as "
            f"{one_line(shapes)}"
        )
    return _Module(model.name, model.module, _noisy(model.inputs.example, options), model.provenance)


def _noisy(examples: Mapping[str, Array], options: SourceOptions) -> list[dict[str, Array]]:
    return varied(examples, OpenSizes({}, {}), options.seed)


def _convert(made: _Module, out: Path) -> None:
    # Its outputs are called by what the module returns; a dict keeps the names that the others of ours have.
    def call(**inputs: Any) -> Any:
        return named_outputs(made.module(**inputs))

    named = Named(made.module, list(made.feeds[0]), call)
    named.training = False  # as what is in it; a program has no eval()
    part = out.with_name(f".{out.name}.part")
    try:
        with quiet():
            converter.convert(named, sample_kwargs=tensors(made.feeds[0])).export(str(part))
        part.replace(out)
    except OSError:
        raise
    except Exception as error:  # of torch.export, of its MLIR passes: no common base
        raise ExportError(
            f"{one_line(made.name)} cannot be converted by litert-torch: {explain(error)}; "
            "leave --via out, or give it other operators"
        ) from error
    finally:
        part.unlink(missing_ok=True)
