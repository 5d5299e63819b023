"""An ONNX file as a source: checked, its weights taken inside, brought to operator sets that devices read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeai.errors import ExportError, ModelError, one_line
from edgeai.extras import require
from edgeai.graph import read_graph

from ..exported import Exported
from .options import SourceOptions

require("onnx", "quant", "reading ONNX models")
require("onnxruntime", "quant", "running ONNX models")

import onnx  # noqa: E402 - after `require`, which says what to install
from google.protobuf.message import DecodeError  # noqa: E402
from onnx import ModelProto, TensorProto, ValueInfoProto  # noqa: E402

from ..hashing import sha256_of  # noqa: E402
from .onnx_operators import check_operators, tensors  # noqa: E402
from .onnx_opset import into_range  # noqa: E402
from .onnx_sizes import fix_sizes  # noqa: E402
from .proof import runs  # noqa: E402
from .writing import model_name, normalize, write_file, write_onnx  # noqa: E402


def open_onnx(spec: str, folder: Path, options: SourceOptions) -> Exported:
    """A checked copy of an ONNX file; the very bytes where nothing had to be done.

    `options.shapes` fixes open sizes. Raises UsageError for one that does not fit, ModelError for what is
    damaged or lacks weights, UnsupportedOperator for custom operators, ExportError for an operator set that
    cannot be converted.
    """
    file = Path(spec)
    name, out = model_name(file.stem), folder / f"{model_name(file.stem)}.onnx"
    model = _load(file)
    check_operators(model, file)
    done = _take_in_weights(model, file) + _fill_in_shapes(model) + fix_sizes(model, file, options)
    _check(model, file)
    model, converted = into_range(model, file, folder, options)
    done += converted + normalize(model)
    if done:
        write_onnx(model, out)
    else:
        write_file(out, file.read_bytes())
    try:
        runs(out)
    except ModelError as error:
        out.unlink()
        raise ModelError(f"{one_line(file)} does not open in ONNX Runtime: {error}") from error
    return Exported(name, "onnx", out, provenance=_provenance(file, done))


def _provenance(file: Path, done: list[str]) -> dict[str, Any]:
    return {
        "source": "onnx",
        "file": file.name,
        "sha256": sha256_of(file),
        "versions": {"onnx": onnx.__version__},
        "done": done,
    }


def _load(file: Path) -> ModelProto:
    read_graph(file)  # says in our own words what is damaged, and reads no more than the structure
    try:
        return onnx.load(file, load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise ModelError(f"{one_line(file)} is damaged or no ONNX file: {one_line(error)}") from error


def _take_in_weights(model: ModelProto, file: Path) -> list[str]:
    """Weights of files beside the model into it. Raises ModelError naming a file that lacks or is cut."""
    outside = [tensor for tensor in tensors(model) if tensor.data_location == TensorProto.EXTERNAL]
    for tensor in outside:
        _check_outside(tensor, file)
    try:
        onnx.load_external_data_for_model(model, str(file.resolve().parent))
    except (onnx.checker.ValidationError, OSError, ValueError) as error:
        raise ModelError(f"{one_line(file)}: its weights cannot be read: {one_line(error)}") from error
    return [f"{len(outside)} tensors taken in from files beside the model"] if outside else []


def _check_outside(tensor: TensorProto, file: Path) -> None:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    place = entries.get("location", "")
    path = file.parent / place
    shown = f"{one_line(file)}: the weights of {one_line(tensor.name)!r} lie in {one_line(place)!r}"
    if not place or not path.is_file():
        raise ModelError(f"{shown}, which is not there; put that file beside the model")
    try:
        end = int(entries.get("offset", "0")) + int(entries.get("length", "0"))
    except ValueError as error:
        raise ModelError(f"{shown} at no number: {one_line(error)}; copy the model again") from error
    if path.stat().st_size < end:
        raise ModelError(f"{shown}, which has {path.stat().st_size:,} of {end:,} bytes; copy that file again")


def _fill_in_shapes(model: ModelProto) -> list[str]:
    """Ranks of outputs that a file leaves out, which runtimes bear and the format's checker does not."""
    bare = [value for value in model.graph.output if _lacks_shape(value)]
    if not bare:
        return []
    inferred = {value.name: value for value in onnx.shape_inference.infer_shapes(model).graph.output}
    for value in bare:
        value.CopyFrom(inferred[value.name])
    return [f"shapes of {len(bare)} outputs inferred"]


def _lacks_shape(value: ValueInfoProto) -> bool:
    return value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape")


def _check(model: ModelProto, file: Path) -> None:
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        reason = one_line(str(error).partition("\n")[0])
        if "2GiB" in str(error) or "exceeded maximum" in str(error):
            raise ExportError(
                f"{one_line(file)} has over 2 GB, and one ONNX file holds 2 GB; choose a smaller model"
            ) from error
        raise ModelError(f"{one_line(file)} is not valid ONNX: {reason}; export it again") from error
