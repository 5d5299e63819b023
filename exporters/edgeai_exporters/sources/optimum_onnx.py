"""Hugging Face models by optimum's exporter, for architectures that only it knows: `--via optimum`."""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path

from edgeai.errors import ExportError, one_line
from edgeai.extras import require

from ..exported import Exported
from .hf_model import HfModel, load_hf
from .onnx_file import open_onnx
from .options import SourceOptions
from .torch_module import prove_or_remove
from .torch_to_onnx import quiet, reference_of

require("optimum.exporters.onnx", "optimum", "exporting by optimum")

from optimum.exporters.onnx import main_export  # noqa: E402 - after `require`, which says what to install


def open_optimum(spec: str, folder: Path, options: SourceOptions) -> Exported:
    """Export a folder or a hub id by optimum, the task by its configuration, and compare with transformers.

    Raises what `open_hf` raises; ExportError where optimum fails, or gives more than one file.
    """
    if options.shapes or options.dims:
        raise ExportError(
            "optimum opens the sizes that it chooses; leave --shape and --dim out, or take --via hf"
        )
    model = load_hf(spec, options)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".optimum-") as work:
        made = _export(model, Path(work), options, one_line(spec))
        exported = open_onnx(str(made.rename(made.with_name(f"{model.name}.onnx"))), folder, options)
    run = reference_of(model.module)
    worst = prove_or_remove(exported.path, run, model.inputs.feeds, model.name)
    done = [*exported.provenance["done"], f"optimum, differs from transformers by {worst:.2g}"]
    provenance = {**model.provenance, "source": "optimum", "done": done}
    provenance["versions"] = {**model.provenance["versions"], "optimum-onnx": version("optimum-onnx")}
    return Exported(model.name, "onnx", exported.path, run, (model.inputs.example,), provenance)


def _export(model: HfModel, work: Path, options: SourceOptions, shown: str) -> Path:
    try:
        with quiet():
            main_export(
                str(model.folder),
                work,
                task=model.task,
                opset=options.opset,
                local_files_only=True,
                do_validation=False,  # what follows is stricter
                trust_remote_code=options.trust_remote_code,
            )
    except Exception as error:  # of optimum, of PyTorch's older exporter and of its checks
        reason = one_line(str(error).strip().partition("\n")[0])
        raise ExportError(f"{shown}: optimum cannot export it ({reason}); take --via hf") from error
    files = sorted(work.glob("*.onnx"))
    if len(files) != 1:
        raise ExportError(
            f"{shown}: optimum makes {len(files)} files of it, which is no single model; take --via hf"
        )
    return files[0]
