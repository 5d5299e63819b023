"""Hugging Face models, exported directly by torch.export: transformers 4.57 and 5."""

from __future__ import annotations

from pathlib import Path

from ..exported import Exported
from .hf_model import load_hf
from .options import SourceOptions
from .torch_module import prove_or_remove
from .torch_to_onnx import export_program, reference_of, to_onnx
from .writing import write_onnx


def open_hf(spec: str, folder: Path, options: SourceOptions) -> Exported:
    """Export a folder or a hub id, the task by its configuration, and compare with transformers.

    Texts have the inputs `input_ids`, `attention_mask` (and `token_type_ids`), i64 [batch, sequence]. A
    folder of sentence-transformers gives `last_hidden_state`; pooling and normalizing are steps of a
    pipeline.
    Raises ModelNotFound, ModelError (weights missing or cut short), ExportError.
    """
    model = load_hf(spec, options)
    sizes, name = model.inputs.sizes, model.name
    run = reference_of(model.module)
    program = export_program(model.module, sizes.example(model.inputs.example), sizes, name)
    proto, done = to_onnx(program, sizes, model.outputs, name, options.opset)
    out = write_onnx(proto, folder / f"{name}.onnx")
    worst = prove_or_remove(out, run, model.inputs.feeds, name)
    done.append(f"torch.export, differs from transformers by {worst:.2g} on {len(model.inputs.feeds)} inputs")
    return Exported(name, "onnx", out, run, (model.inputs.example,), {**model.provenance, "done": done})
