"""What Hugging Face models are for: the task by the architecture that a configuration names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeai.errors import ExportError, UsageError, one_line


@dataclass(frozen=True)
class Task:
    """architecture: how the names of its classes end. auto: transformers' class that loads it. outputs: of
    the model, in the order of the file; what a model lacks is left out."""

    architecture: str
    auto: str
    outputs: tuple[str, ...]


# By the names that transformers' pipelines and the hub give to tasks.
TASKS: dict[str, Task] = {
    "feature-extraction": Task("Model", "AutoModel", ("last_hidden_state",)),
    "text-classification": Task(
        "ForSequenceClassification", "AutoModelForSequenceClassification", ("logits",)
    ),
    "token-classification": Task("ForTokenClassification", "AutoModelForTokenClassification", ("logits",)),
    "question-answering": Task(
        "ForQuestionAnswering", "AutoModelForQuestionAnswering", ("start_logits", "end_logits")
    ),
    "fill-mask": Task("ForMaskedLM", "AutoModelForMaskedLM", ("logits",)),
    "image-classification": Task("ForImageClassification", "AutoModelForImageClassification", ("logits",)),
    "object-detection": Task("ForObjectDetection", "AutoModelForObjectDetection", ("logits", "pred_boxes")),
    "image-segmentation": Task("ForSemanticSegmentation", "AutoModelForSemanticSegmentation", ("logits",)),
    "depth-estimation": Task("ForDepthEstimation", "AutoModelForDepthEstimation", ("predicted_depth",)),
    "audio-classification": Task("ForAudioClassification", "AutoModelForAudioClassification", ("logits",)),
    "automatic-speech-recognition": Task("ForCTC", "AutoModelForCTC", ("logits",)),
}
_SAME = {"sentence-similarity": "feature-extraction", "sentiment-analysis": "text-classification"}
_WRITERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForSeq2SeqLM")


def choose_task(wanted: str | None, architectures: Sequence[str], shown: str) -> str:
    """The task that was asked for, else the first that an architecture is for.

    shown: the model, as errors call it. Raises UsageError for an unknown task, ExportError where none fits.
    """
    known = ", ".join(TASKS)
    if wanted is not None:
        task = _SAME.get(wanted, wanted)
        if task not in TASKS:
            raise UsageError(f"no task is called {one_line(wanted)!r}; give one of: {known}")
        return task
    for name in architectures:
        if name.endswith(_WRITERS):
            raise ExportError(
                f"{shown} is {one_line(name)}, which writes text token by token and is not exported; give "
                "--task feature-extraction for its hidden states"
            )
        for task, row in TASKS.items():
            if name.endswith(row.architecture):
                return task
    told = one_line(", ".join(architectures)) or "none"
    raise ExportError(
        f"{shown}: no task is known for its architecture ({told}); give --task, one of: {known}"
    )
