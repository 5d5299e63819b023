"""Every node of a graph, those inside the bodies of If, Loop and Scan too."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import AttributeProto, GraphProto, NodeProto


def all_nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """The graph's nodes in order, each followed by those of the graphs that it holds."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from all_nodes(attribute.g)
            for inner in attribute.graphs:
                yield from all_nodes(inner)
