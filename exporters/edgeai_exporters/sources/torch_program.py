"""A program of torch.export as a source: a `.pt2` file, opened only where no pickle in it can run code."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeai.errors import ExportError, ModelError, one_line

from ..arrays import Array
from ..exported import Exported
from ..hashing import sha256_of
from .open_sizes import BATCH, OpenSizes
from .options import SourceOptions
from .torch_examples import varied
from .torch_module import prove_or_remove, run_once, versions
from .torch_to_onnx import quiet, reference_of, to_onnx
from .writing import model_name, write_onnx

import torch  # isort: skip - after the modules that say what to install

# What torch.export.load would unpickle or run: weights of torch before 2.9, objects, compiled libraries.
_CODE = re.compile(
    r"serialized_.*|[^/]+/data/(weights|constants)/.*\.pt|[^/]+/data/constants/(custom|opaque)_obj.*|"
    r"[^/]+/data/aotinductor/.*"
)
_HOW = "save it again with torch.export.save of a current PyTorch, with tensors in it and nothing else"


@dataclass(frozen=True)
class Program:
    """program: a torch.export.ExportedProgram. module: it, runnable. call: the same, its inputs by name.
    examples: what it was made with."""

    program: Any
    module: Any
    call: Callable[..., Any]
    examples: dict[str, Array]


def open_program(spec: str, folder: Path, options: SourceOptions) -> Exported:
    """Export a program with the sizes that were open when it was saved, and compare with the program.

    Raises ModelError for a damaged file, ExportError for one that would have to be unpickled, and where
    `options` ask for other sizes than it was saved with.
    """
    file = Path(spec)
    read = read_program(file, options)
    program, examples = read.program, read.examples
    name = model_name(file.stem)
    sizes = _open_sizes(program)
    run = reference_of(read.call)
    outputs = tuple(run_once(run, examples, name))
    model, done = to_onnx(program, sizes, outputs, name, options.opset)
    out = write_onnx(model, folder / f"{name}.onnx")
    feeds = varied(examples, sizes, options.seed)
    worst = prove_or_remove(out, run, feeds, name)
    done.append(f"torch.onnx, differs from the program by {worst:.2g} on {len(feeds)} inputs")
    provenance = {"source": "torch", "file": file.name, "sha256": sha256_of(file)}
    return Exported(name, "onnx", out, run, (examples,), {**provenance, "versions": versions(), "done": done})


def read_program(file: Path, options: SourceOptions) -> Program:
    """Read a program without unpickling anything. Raises as `open_program` does."""
    if options.shapes or options.dims:
        raise ExportError(
            f"{one_line(file)} has the sizes that it was saved with; leave --shape and --dim out, or "
            "make it again "
            "with torch.export.export(..., dynamic_shapes=...)"
        )
    _check_pickles(file)
    program = _load(file)
    examples = _examples(program, file)
    module = program.module()
    return Program(program, module, _by_name(module, program, list(examples)), examples)


def _check_pickles(file: Path) -> None:
    """Refuse what loading would unpickle, and what no zip file of torch.export holds."""
    shown = one_line(file)
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            configs = [json.loads(archive.read(name)) for name in names if name.endswith("_config.json")]
            samples = [archive.read(name) for name in names if "/data/sample_inputs/" in name]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"{shown} is damaged: {one_line(error)}; copy it again") from error
    pickled = [name for name in names if _CODE.fullmatch(name)]
    pickled += [str(key) for config in configs for key, value in _entries(config) if value.get("use_pickle")]
    for sample in samples:
        try:  # as torch.export.load does first; where this fails, it would unpickle anything
            torch.load(io.BytesIO(sample), weights_only=True)
        except Exception:  # noqa: PERF203 - of pickle's and of PyTorch's own
            pickled.append("example inputs")
    if pickled:
        raise ExportError(
            f"{shown} holds {one_line(pickled[0])} pickled, which can run any code and so is not "
            f"opened; {_HOW}"
        )


def _entries(config: Any) -> list[tuple[str, Mapping[str, Any]]]:
    entries = config.get("config", {}) if isinstance(config, dict) else {}
    return [(key, value) for key, value in entries.items() if isinstance(value, dict)]


def _load(file: Path) -> Any:
    try:
        with quiet():
            return torch.export.load(str(file))
    except Exception as error:  # whatever its reader stumbles over
        reason = one_line(str(error).strip().partition("\n")[0])
        raise ModelError(
            f"{one_line(file)} is no program of torch.export that PyTorch {torch.__version__} reads "
            f"({reason}); {_HOW}"
        ) from error


def _examples(program: Any, file: Path) -> dict[str, Array]:
    """The inputs that it was made with, by name. Raises ExportError where they are no plain tensors."""
    values, named = program.example_inputs or ((), {})
    flat = [*values, *named.values()]
    names = [str(name) for name in program.graph_signature.user_inputs]
    if len(flat) != len(names) or not all(isinstance(value, torch.Tensor) for value in flat):
        raise ExportError(
            f"{one_line(file)} was saved without its example inputs, or they are nested; export it "
            "again with one "
            "tensor for each input"
        )
    return {name: value.detach().cpu().numpy() for name, value in zip(names, flat, strict=True)}


def _by_name(module: Any, program: Any, names: list[str]) -> Callable[..., Any]:
    """A program takes its inputs as it was made with them: by place or by keyword."""
    values, named = program.example_inputs

    def call(**inputs: Any) -> Any:
        given = [inputs[name] for name in names]
        return module(*given[: len(values)], **dict(zip(named, given[len(values) :], strict=True)))

    return call


def _open_sizes(program: Any) -> OpenSizes:
    """Open axes by the symbols that PyTorch gave them. Their names are lost: the first axis is the batch,
    others are called after their first input and axis."""
    axes: dict[str, dict[int, str]] = {}
    names: dict[str, str] = {}
    inputs = set(program.graph_signature.user_inputs)
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in inputs:
            for axis, size in enumerate(node.meta["val"].shape):
                symbol = str(size)
                if isinstance(size, torch.SymInt) and symbol.isidentifier():
                    fresh = BATCH if axis == 0 and BATCH not in names.values() else f"{node.name}_{axis}"
                    axes.setdefault(node.name, {})[axis] = names.setdefault(symbol, fresh)
    limits = {str(symbol): limit for symbol, limit in program.range_constraints.items()}
    return OpenSizes(axes, {name: _limits(limits.get(symbol)) for symbol, name in names.items()})


def _limits(limit: Any) -> tuple[int, int]:
    """As far as they are numbers; an open upper end is infinite."""
    low, high = (getattr(limit, "lower", 1), getattr(limit, "upper", 1 << 20))
    return max(1, int(low)), int(high) if str(high).isdigit() else 1 << 20
