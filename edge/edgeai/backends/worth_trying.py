"""What a search should try on each backend, the most promising first, and why: data, no measurements.

Figures are p50, and MB above the baseline, against the file as it is: x86 with 2 cores, ONNX Runtime 1.32.
"""

from __future__ import annotations

from collections.abc import Sequence

from .tuning import Tuning

OPENED_AS_SAVED = Tuning(optimize="none")
"""What a form of ONNX Runtime is opened with: its graph is not rewritten again."""

# prepacked before optimized: MiniLM 101 MB anonymous > 9, optimized > 44; load 0.24 and 0.29 of the original.
# Without pre-packing the optimized form is the smallest, MiniLM 3.5 MB, but takes 1.3 times as long there.
_ONNX_FORMS = (
    ("prepacked", OPENED_AS_SAVED),
    ("optimized", OPENED_AS_SAVED),
    ("optimized", Tuning(optimize="none", prepack=False)),
)
# LiteRT has no form. XNNPACK's weight cache, which its Interpreter does not offer and CompiledModel does, was
# measured there with a face detector: 2.7 MB anonymous, 7.2 MB peak, 8.4 ms to the first result, against 3.1,
# 7.0 and 6.5 of the Interpreter. On okay-nabu it was slower too, and CompiledModel does not run basic-pitch.
_FORMS: dict[tuple[str, str], tuple[tuple[str, Tuning], ...]] = {
    ("onnxruntime", "onnx"): _ONNX_FORMS,
    ("openvino", "onnx"): (("openvino-blob", Tuning()),),
    ("openvino", "tflite"): (("openvino-blob", Tuning()),),
}


def forms_worth_trying(backend: str, format_: str) -> tuple[tuple[str, Tuning], ...]:
    """Kinds of forms, each with what its file is opened with; a kind may come with several."""
    return _FORMS.get((backend, format_), ())


def fixes_shapes(backend: str) -> bool:
    """Whether a graph of fixed shapes is worth having there.

    OpenVINO's p50 with fixed shapes over that with open ones, one thread: text direction 0.75, text detection
    0.85, notes 0.87, others 0.93 to 1.01. ONNX Runtime's on the same models: 0.99 to 1.04.
    """
    return backend == "openvino"


def tunings(backend: str, threads: int, big_cpus: Sequence[int] = ()) -> tuple[Tuning, ...]:
    """Settings beyond the backend's own, which are not among them.

    big_cpus: the fast CPUs of a board that has slow ones too, the caller's own CPU first; else empty.
    """
    if backend != "onnxruntime":
        return ()
    found = []
    if threads > 1:
        # p50 of none against the library's own: 0.5 to 0.8 beside other work, up to 1.2 on a quiet machine.
        found += [Tuning(spinning=False), Tuning(spinning=True)]
        if len(big_cpus) >= threads:
            found.append(Tuning(affinities=tuple((cpu,) for cpu in big_cpus[1:threads])))
    # For RAM: PP-OCR rec's peak rose from 35 to 41 MB without the arena, most others stay, some fall.
    found.append(Tuning(arena=False))
    # Weights stay as the file has them: PP-OCR rec 31 > 27 MB anonymous at 1.02 of p50, MiniLM 101 > 89 at
    # 1.41. Most of what there is to gain needs a form.
    found.append(Tuning(prepack=False))
    return tuple(found)
