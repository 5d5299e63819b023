"""What a student learns from a teacher: its softened answers, and features on the way to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgeai.errors import ExportError, one_line

from .recipe import Distilling, Hint
from .training import UNKNOWN

# After the modules that say what to install.
import torch  # isort: skip
from torch.nn import functional  # isort: skip


@dataclass(frozen=True)
class Teacher:
    """logits: of a batch, f32 [n, classes], without gradients. module: None where it is no torch module."""

    logits: Callable[[Any], Any]
    module: Any
    parameters: int | None


def soft_loss(logits: Any, taught: Any, labels: Any, temperature: float, hard_labels: float) -> Any:
    """Mean over samples of hard_labels * cross-entropy + (1 - hard_labels) * T^2 * KL(teacher || student).

    The divergence is that of both softmaxes at temperature T; T^2 keeps its gradients as large as the other
    term's (Hinton et al., 2015, section 2). A sample without a label has the teacher's part alone.
    """
    known = labels != UNKNOWN
    share = hard_labels * known.to(logits.dtype)
    hard = functional.cross_entropy(logits, labels.clamp(min=0), reduction="none")
    soft = functional.kl_div(
        functional.log_softmax(logits / temperature, 1),
        functional.log_softmax(taught / temperature, 1),
        reduction="none",
        log_target=True,
    ).sum(1)
    return (share * hard + (1 - share) * temperature**2 * soft).mean()


class Lessons:
    """The loss of a distilled student, `projections` among what learns. Close it to take the hooks out."""

    def __init__(self, teacher: Teacher, student: Any, distilling: Distilling, example: Any) -> None:
        """example: a batch f32 [n, ...] that tells the sizes of features. Raises ExportError."""
        self._teacher, self._distilling = teacher, distilling
        self._seen: dict[str, Any] = {}
        self._hooks = list(self._watch(student, distilling.hints))
        self.projections = tuple(self._projections(student, example)) if distilling.hints else ()

    def loss(self, batch: Any, logits: Any, labels: Any) -> Any:
        """Of one step, right after the student's forward."""
        distilling = self._distilling
        taught = self._teacher.logits(batch)
        total = soft_loss(logits, taught, labels, distilling.temperature, distilling.hard_labels)
        for hint, projection in zip(distilling.hints, self.projections, strict=True):
            total = total + hint.weight * self._distance(hint, projection)
        return total

    def close(self) -> None:
        """Let both modules be as they were."""
        for hook in self._hooks:
            hook.remove()

    def _watch(self, student: Any, hints: Sequence[Hint]) -> Any:
        if hints and self._teacher.module is None:
            raise ExportError("hints need a teacher that is a torch module; leave distillation.hints out")
        for hint in hints:
            for role, name, module in (
                ("teacher", hint.teacher, self._teacher.module),
                ("student", hint.student, student),
            ):
                try:
                    place = module.get_submodule(name)
                except AttributeError:
                    known = ", ".join(each for each, _ in module.named_modules() if each)
                    raise ExportError(
                        f"the {role} has no module {one_line(name)!r} for a hint; it has: {one_line(known)}"
                    ) from None
                yield place.register_forward_hook(self._keep(f"{role}:{name}"))

    def _keep(self, key: str) -> Callable[[Any, Any, Any], None]:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            self._seen[key] = output

        return hook

    def _projections(self, student: Any, example: Any) -> Any:
        """A linear map of the student's channels (axis 1) to the teacher's, each."""
        student.eval()  # the example is no training sample: it must not move running means
        with torch.no_grad():
            student(example)
        self._teacher.logits(example)
        for hint in self._distilling.hints:
            mine, other = self._features(hint)
            yield torch.nn.Linear(mine.shape[1], other.shape[1])

    def _distance(self, hint: Hint, projection: Any) -> Any:
        mine, other = self._features(hint)
        projected = projection(mine.movedim(1, -1)).movedim(-1, 1)
        return functional.mse_loss(_pooled(projected, other.shape[2:]), other)

    def _features(self, hint: Hint) -> tuple[Any, Any]:
        mine, other = self._seen[f"student:{hint.student}"], self._seen[f"teacher:{hint.teacher}"]
        if mine.dim() != other.dim():
            raise ExportError(
                f"a hint joins {one_line(hint.student)} of shape {list(mine.shape)} and "
                f"{one_line(hint.teacher)} of shape {list(other.shape)}; name modules of equal rank"
            )
        return mine, other.detach()


def _pooled(features: Any, size: Sequence[int]) -> Any:
    """Averaged, or repeated, to the size of the teacher's grid or time axis."""
    if features.shape[2:] == tuple(size):
        return features
    pools = {1: functional.adaptive_avg_pool1d, 2: functional.adaptive_avg_pool2d}
    if len(size) not in pools:
        raise ExportError("hints of features with more than two axes behind the channels must agree in size")
    return pools[len(size)](features, tuple(size))
