"""What went wrong in torch.export, in one line: the reason, the operator, the line of the user's code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgeai.errors import one_line

_NODE = re.compile(r"translating node (%\w+).*?target=torch\.ops\.([\w.]+)", re.DOTALL)
_LINE = re.compile(r'File "([^"]+)", line (\d+), in ')
# torch.export words it by whether the size was found out before or while tracing.
_FIXED = re.compile(
    r"(\w+) (?:was inferred|as dynamic but your code specialized it) to be a constant \((\d+)\)"
)
_LIBRARIES = ("site-packages", "dist-packages", "<frozen")


def explain(error: BaseException) -> str:
    """The reason behind an exception of torch.export or torch.onnx.export, and what to do."""
    texts = [str(each) for each in _causes(error)]
    whole = "\n".join(texts)
    where = _place(whole, error)
    if found := _NODE.search(whole):
        return (
            f"operator {found[2]} (node {found[1]}) has no ONNX form{where}; write it with other "
            "operators, or "
            "end the model before it"
        )
    if found := _FIXED.search(whole):
        return (
            f"dimension {found[1]!r} only works as {found[2]}{where}; leave it fixed, or take sizes from the "
            "tensors (x.shape[0]) where the model has numbers"
        )
    if "data-dependent" in whole:
        return (
            f"what the model does depends on values in a tensor{where}; use torch.where or torch.cond "
            "where it has `if`, and keep .item() out"
        )
    if "Constraints violated" in whole:
        return (
            f"open dimensions contradict the model: {_bullet(whole)}; leave them fixed, or narrow their range"
        )
    return f"{_first_line(texts[-1])} ({type(list(_causes(error))[-1]).__name__}){where}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    step: BaseException | None = error
    while step is not None:
        yield step
        step = step.__cause__


def _place(text: str, error: BaseException) -> str:
    """The last line outside of libraries, as ` at net.py:12`: of the texts, else of the tracebacks."""
    lines = _LINE.findall(text)
    for each in _causes(error):
        trace = each.__traceback__
        while trace is not None:
            lines.append((trace.tb_frame.f_code.co_filename, str(trace.tb_lineno)))
            trace = trace.tb_next
    own = [(file, line) for file, line in lines if _is_own(file)]
    return f" at {one_line(own[0][0].rpartition('/')[2])}:{own[0][1]}" if own else ""


def _is_own(file: str) -> bool:
    return file.endswith(".py") and not any(part in file for part in (*_LIBRARIES, "edgeai_exporters"))


def _bullet(text: str) -> str:
    return one_line(
        next((line.strip(" -") for line in text.splitlines() if line.strip().startswith("-")), ""), 200
    )


def _first_line(text: str) -> str:
    return one_line(
        next((line.strip() for line in text.splitlines() if line.strip()), "no reason given"), 200
    )
