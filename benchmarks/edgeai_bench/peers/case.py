"""What peers are measured on: a model file with its inputs, or one model of a bundle with its fp32 file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edgeai.bundle import Model, Variant
from edgeai.errors import UsageError, one_line
from edgeai.measure.launch import model_folder
from edgeai.measure.protocol import InputRequest, ModelRequest, Probed, Request
from edgeai.measure.timing import WarmUpRule

from ..fetch import Say, fetch
from ..identity import sha256_of
from ..plan import Plan
from ..runner import probe, request_for
from ..suites import load_suite
from ..targets import Target, completed, opened_target
from .outcome import CaseIdentity


@dataclass(frozen=True)
class Case:
    """id: as rows call it. path: a model file or a bundle. name: of a bundle's models the one."""

    id: str
    path: Path
    inputs: InputRequest = InputRequest()
    name: str | None = None


@dataclass(frozen=True)
class OpenCase:
    """A case whose probe has run.

    file: what the bare libraries open; of a bundle its fp32 variant, the ONNX one where there are both.
    base: the request that every peer's is made of. tolerance: of the bundle's variants the widest.
    """

    case: Case
    file: Path
    format: str
    base: Request
    probed: Probed
    tolerance: dict[str, float] | None
    identity: CaseIdentity

    @property
    def is_bundle(self) -> bool:
        """Whether edgeai may choose among variants."""
        return self.tolerance is not None


def suite_cases(suite: str, ids: Sequence[str], say: Say) -> list[Case]:
    """Models of a suite, fetched. ids: those wanted, none for all.

    Raises ConfigError, FetchError, UsageError.
    """
    models = load_suite(suite).models
    unknown = set(ids) - {model.id for model in models}
    if unknown:
        have = ", ".join(model.id for model in models)
        raise UsageError(f"the suite {suite} has no model {min(unknown)!r}; it has: {have}")
    return [
        Case(
            model.id,
            fetch(model, say=say),
            InputRequest(shapes=dict(model.shapes), values=dict(model.values), loops=dict(model.loops)),
        )
        for model in models
        if not ids or model.id in ids
    ]


def file_case(text: str) -> Case:
    """`FILE` or `NAME=FILE`; a bundle's model as `FILE#MODEL`; with inputs, `FILE@INPUTS`. Raises UsageError.

    Inputs are one sample as .npy or .npz, see `measure.inputs.read_inputs`.
    """
    name, is_named, rest = text.partition("=")
    whole, has_inputs, inputs = (rest if is_named else text).partition("@")
    path_text, _, model = whole.partition("#")
    path = Path(path_text)
    for each in (path, Path(inputs)) if has_inputs else (path,):
        if not each.exists():
            raise UsageError(f"there is no {one_line(each)}; give --model [NAME=]FILE[#MODEL][@INPUTS]")
    return Case(
        name if is_named else path.stem,
        path,
        InputRequest(file=str(Path(inputs).absolute()) if has_inputs else None),
        model or None,
    )


@contextmanager
def opened_case(case: Case, *, warm_up: WarmUpRule, silence_s: float) -> Iterator[OpenCase]:
    """The case with its inputs, and the outputs that all must give: those of edgeai, raw, on one thread."""
    with ExitStack() as stack:
        target = stack.enter_context(opened_target(case.path, case.name))
        if target.model is None:
            models = ", ".join(model.name for model in target.bundle.models)
            raise UsageError(
                f"{one_line(case.path)} is a pipeline; choose one of its models: FILE#MODEL ({models})"
            )
        variant = _plain_variant(target.model)
        folder = stack.enter_context(model_folder())
        asked = ModelRequest(
            str(case.path),
            threads=1,
            prepared=False,
            variant=None if target.bundle.is_bare else variant.id,
        )
        how = Plan(warm_up=warm_up, silence_s=silence_s)
        request = request_for(target, asked, completed(target, case.inputs), how, folder)
        request = replace(request, real=not target.bundle.is_bare)
        probed = probe(target, request, how)
        yield OpenCase(
            case,
            variant.path,
            variant.format,
            request,
            probed,
            None if target.bundle.is_bare else _widest(target),
            CaseIdentity(
                case.id, sha256_of(variant.path), variant.path.stat().st_size, variant.format, probed.inputs
            ),
        )


def _plain_variant(model: Model) -> Variant:
    """The fp32 one that the bare libraries run. Raises UsageError."""
    plain = [each for each in model.variants if each.precision in {None, "f32"} and not each.names]
    for format_ in ("onnx", "tflite"):
        for each in plain:
            if each.format == format_:
                return each
    raise UsageError(f"model {model.name!r} has no fp32 variant that the bare libraries could run")


def _widest(target: Target) -> dict[str, float]:
    """The least cosine and the largest distances that any variant may have."""
    assert target.model is not None
    widest: dict[str, float] = {}
    for variant in target.model.variants:
        for key, value in variant.tolerance.items():
            pick = min if key == "cosine" else max
            widest[key] = pick(widest.get(key, value), value)
    return widest
