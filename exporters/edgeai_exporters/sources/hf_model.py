"""A model of transformers, loaded whole and without running code that it brings, with its task and inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeai.errors import EdgeError, ExportError, ModelError, one_line
from edgeai.extras import require

from ..arrays import Feed
from ..hashing import sha256_of
from .hf_folder import check_weights, find_folder, read_config
from .hf_tasks import TASKS, Task, choose_task
from .options import SourceOptions
from .writing import model_name

require("torch", "torch", "exporting PyTorch models")
transformers = require("transformers", "hf", "exporting Hugging Face models")

import torch  # noqa: E402 - after `require`, which says what to install

from .hf_inputs import ModelInputs, model_inputs  # noqa: E402
from .torch_module import versions  # noqa: E402
from .torch_to_onnx import quiet  # noqa: E402


@dataclass(frozen=True)
class HfModel:
    """folder: where it lies. task: a key of TASKS. module: gives the task's outputs, which are `outputs`."""

    name: str
    folder: Path
    task: str
    module: Any
    outputs: tuple[str, ...]
    inputs: ModelInputs
    provenance: Mapping[str, Any]


def load_hf(spec: str, options: SourceOptions) -> HfModel:
    """Load a folder or a hub id. Raises ModelNotFound, ModelError (weights missing or cut), ExportError."""
    folder, shown = find_folder(spec), one_line(spec)
    config = read_config(folder)
    architectures = config.get("architectures") or ()
    task = choose_task(options.task, architectures, shown)
    check_weights(folder, shown)
    model = _load(folder, TASKS[task], shown, options)
    inputs = model_inputs(model, folder, options)
    outputs = _outputs(model, TASKS[task], inputs.example, shown)
    name = model_name(folder.resolve().name if Path(spec).is_dir() else spec.rpartition("/")[2])
    return HfModel(
        name,
        folder,
        task,
        _Module(model, outputs),
        outputs,
        inputs,
        _provenance(spec, folder, task, architectures),
    )


class _Module(torch.nn.Module):  # type: ignore[misc,unused-ignore]  # torch is Any here
    """A model of transformers that returns the outputs of a task and no others."""

    def __init__(self, model: Any, names: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.names = tuple(names)

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        pixel_values: Any = None,
        input_values: Any = None,
        input_features: Any = None,
    ) -> dict[str, Any]:
        """Every input by its name, since torch.export opens no sizes of `**inputs`."""
        given = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "token_type_ids": token_type_ids,
            "pixel_values": pixel_values,
            "input_values": input_values,
            "input_features": input_features,
        }
        made = self.model(
            **{name: each for name, each in given.items() if each is not None}, return_dict=True
        )
        return {name: made[name] for name in self.names}


def _load(folder: Path, task: Task, shown: str, options: SourceOptions) -> Any:
    try:
        with quiet():
            model, info = getattr(transformers, task.auto).from_pretrained(
                str(folder),
                output_loading_info=True,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=options.trust_remote_code,
                attn_implementation="eager",  # one MatMul-Softmax-MatMul that fusions and converters know
                dtype=torch.float32,
            )
    except Exception as error:  # of safetensors, of json, of the library's checks: no common base
        raise _load_error(error, shown) from error
    _check_loaded(info, shown, task)
    model.eval()
    return model


def _load_error(error: Exception, shown: str) -> EdgeError:
    reason = one_line(str(error).strip().partition("\n")[0]) or type(error).__name__
    if "trust_remote_code" in str(error):
        return ExportError(
            f"{shown} brings Python code of its own, which is not run; export it by file.py:factory "
            "that you wrote"
        )
    if type(error).__name__ == "SafetensorError":
        return ModelError(
            f"{shown}: its weights are damaged or cut short ({reason}); download the folder again"
        )
    if "does not recognize this architecture" in str(error) or "Unrecognized configuration" in str(error):
        return ExportError(f"{shown}: {reason}; give another --task, or update transformers")
    return ModelError(f"{shown} cannot be loaded: {reason} ({type(error).__name__}); check the folder")


def _check_loaded(info: dict[str, Any], shown: str, task: Task) -> None:
    """Weights that a file lacks are random numbers, which transformers only warns of."""
    # A pooler is no part of last_hidden_state, and models trained for other tasks have none.
    missing = sorted(
        key for key in info["missing_keys"] if "pooler" not in key or "last_hidden_state" not in task.outputs
    )
    wrong = sorted(str(entry[0]) for entry in info["mismatched_keys"])
    for keys, what in ((missing, "lacks the weights"), (wrong, "has weights of other shapes:")):
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            raise ModelError(
                f"{shown} {what} {one_line(', '.join(keys[:3]))}{more}; give a --task that it was "
                "trained for, or "
                "download the folder again, whole"
            )


def _outputs(model: Any, task: Task, example: Feed, shown: str) -> tuple[str, ...]:
    """The task's outputs that the model gives. Raises ExportError where it gives none of them."""
    try:
        with torch.no_grad(), quiet():
            made = model(**{key: torch.from_numpy(value) for key, value in example.items()}, return_dict=True)
    except Exception as error:  # whatever the model's forward raises
        raise ExportError(f"{shown} does not run on its example inputs: {one_line(error)}") from error
    names = tuple(name for name in task.outputs if name in made)
    if not names:
        raise ExportError(
            f"{shown} gives {one_line(', '.join(made))} and none of {', '.join(task.outputs)}; give "
            "another --task"
        )
    return names


def _provenance(spec: str, folder: Path, task: str, architectures: Sequence[str]) -> dict[str, Any]:
    tokenizer = folder / "tokenizer.json"
    return {
        "source": "hf",
        "model": folder.resolve().name if Path(spec).is_dir() else spec,
        "task": task,
        "architecture": next(iter(architectures), None),
        "sha256": {file.name: sha256_of(file) for file in sorted(folder.glob("*.safetensors"))},
        "versions": {"transformers": str(transformers.__version__), **versions()},
        "assets": {tokenizer.name: str(tokenizer.resolve())} if tokenizer.is_file() else {},
    }
