"""Operators that ONNX itself defines by others, as those others."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx.defs import OpSchema


def body(
    schema: OpSchema, node: onnx.NodeProto, version: int, types: Iterable[onnx.TypeProto]
) -> onnx.FunctionProto | None:
    """The function that defines an operator, for a node with inputs of these types; None where there is none.

    Attributes are filled in. version: of the node's operator set; the definition made for it is taken.
    """
    function = onnx.FunctionProto()
    if schema.has_function:
        chosen = _newest(schema.function_opset_versions, version)
        function.ParseFromString(schema.get_function_with_opset_version(chosen))
    elif schema.has_context_dependent_function:
        chosen = _newest(schema.context_dependent_function_opset_versions, version)
        function.ParseFromString(
            schema.get_context_dependent_function_with_opset_version(
                chosen, node.SerializeToString(), [kind.SerializeToString() for kind in types]
            )
        )
    else:
        return None
    given = {attribute.name: attribute for attribute in node.attribute}
    for name, attribute in schema.attributes.items():
        if name not in given and attribute.default_value.type:
            given[name] = attribute.default_value
    for inner in function.node:
        _fill_in(inner, given)
    return function


def _newest(versions: Iterable[int], version: int) -> int:
    fitting = [each for each in versions if each <= version]
    return max(fitting) if fitting else min(versions)


def _fill_in(node: onnx.NodeProto, given: dict[str, onnx.AttributeProto]) -> None:
    """Replace references to the function's attributes; what was not given goes."""
    kept = []
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            kept.append(onnx.AttributeProto())
            kept[-1].CopyFrom(attribute)
        elif attribute.ref_attr_name in given:
            kept.append(onnx.AttributeProto())
            kept[-1].CopyFrom(given[attribute.ref_attr_name])
            kept[-1].name = attribute.name
    del node.attribute[:]
    node.attribute.extend(kept)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                _fill_in(inner, given)
