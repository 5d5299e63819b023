"""Exports a PyTorch module and compares the file with the module itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeai.errors import ExportError, one_line

from ..arrays import Array, Feed
from ..exported import Exported
from .open_sizes import open_sizes
from .options import SourceOptions
from .proof import Run, prove
from .torch_errors import explain
from .torch_examples import example_arrays, varied
from .torch_to_onnx import export_program, reference_of, to_onnx
from .writing import write_onnx

# After the modules that say what to install.
import onnx  # isort: skip
import torch  # isort: skip


def export_torch(
    module: Any, found: Any, name: str, folder: Path, options: SourceOptions, provenance: Mapping[str, Any]
) -> Exported:
    """The module as ONNX, proven on its examples, on small and on odd sizes of what stays open.

    found: example inputs that came with the module; None for none. Raises ExportError.
    """
    torch.manual_seed(options.seed)
    module.eval()
    examples = example_arrays(module, found, options)
    sizes = open_sizes({each: array.shape for each, array in examples.items()}, options)
    run = reference_of(module)
    outputs = tuple(run_once(run, examples, name))
    program = export_program(module, sizes.example(examples), sizes, name)
    model, done = to_onnx(program, sizes, outputs, name, options.opset)
    out = write_onnx(model, folder / f"{name}.onnx")
    feeds = varied(examples, sizes, options.seed)
    worst = prove_or_remove(out, run, feeds, name)
    done.append(f"torch.export, differs from the module by {worst:.2g} on {len(feeds)} inputs")
    return Exported(name, "onnx", out, run, (examples,), {**provenance, "versions": versions(), "done": done})


def run_once(run: Run, examples: Feed, name: str) -> Mapping[str, Array]:
    """The outputs for the examples. Raises ExportError where the model does not take them."""
    try:
        return run(examples)
    except ExportError:
        raise
    except Exception as error:  # whatever the user's forward raises
        shapes = ", ".join(f"{each} {array.dtype}{list(array.shape)}" for each, array in examples.items())
        raise ExportError(
            f"{one_line(name)} does not take its example inputs ({one_line(shapes)}): {explain(error)}"
        ) from error


def prove_or_remove(
    out: Path, run: Run, feeds: list[dict[str, Array]], told: str, *, backend: str = "onnxruntime"
) -> float:
    """`prove`; a file that differs is not left there."""
    try:
        return prove(out, run, feeds, told, backend=backend)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def versions() -> dict[str, str]:
    """Of the libraries that made the file."""
    return {"torch": str(torch.__version__), "onnx": onnx.__version__}
