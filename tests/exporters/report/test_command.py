"""The command on a report, read by the command line itself, gives the request again."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import replace
from pathlib import Path

import click
import pytest

from edgeai_exporters.cli import options
from edgeai_exporters.cli.export import export
from edgeai_exporters.report.command import OPTIONS, command
from edgeai_exporters.request import Request
from tests.exporters.report.made_up import OUTCOME

FULL = Request(
    source="nets/it's.py:build",
    out=Path("a b.edge"),
    shapes={"x": (1, 3, 96, 96), "": (2,)},
    dims={"batch": (1, 64)},
    formats=("onnx", "tflite"),
    schemes=("int8-static",),
    data="photos; rm -rf /",
    limit=300,
    metric="top1",
    max_drop=0.005,
    allow_drop=True,
    prefer="size",
    seed=7,
    version="2.0.0",
)


def _command(request: Request) -> list[str]:
    # As an outcome's settings are: of the request, by field.
    settings = {each.name: getattr(request, each.name) for each in dataclasses.fields(request)}
    words = shlex.split(command(replace(OUTCOME, settings=settings)) or "")
    assert words[:2] == ["edgeai", "export"]
    return words[2:]


def test_the_command_line_reads_back_what_was_asked() -> None:
    found = export.make_context("export", _command(FULL)).params
    assert found["source"] == FULL.source
    assert found["out"] == FULL.out
    assert options.shapes(found["shape_texts"]) == FULL.shapes
    assert options.dims(found["dim_texts"]) == FULL.dims
    assert options.formats(found["format_names"]) == FULL.formats
    assert options.words(found["scheme_names"]) == FULL.schemes
    assert options.drop(found["max_drop"]) == FULL.max_drop
    names = {"data": "data", "limit": "samples", "metric": "metric", "allow_drop": "allow_drop"}
    names |= {"prefer": "prefer", "seed": "seed", "version": "bundle_version"}
    assert {each: found[name] for each, name in names.items()} == {
        each: getattr(FULL, each) for each in names
    }


def test_defaults_are_not_spelled_out() -> None:
    assert _command(Request("m.onnx", Path("m.edge"))) == ["m.onnx", "-o", "m.edge"]


def test_every_option_is_one_of_the_command_line() -> None:
    known = {
        text for parameter in export.params if isinstance(parameter, click.Option) for text in parameter.opts
    }
    assert set(OPTIONS.values()) <= known


def test_every_field_of_a_request_is_an_option_or_does_not_matter() -> None:
    fields = {each.name for each in dataclasses.fields(Request)}
    assert fields - set(OPTIONS) == {"source", "work", "report", "force"}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"command": ["edgeai", "export", "a b"]}, "edgeai export 'a b'"),
        ({"command": "edgeai export x"}, "edgeai export x"),
        ({}, None),
    ],
)
def test_a_command_that_is_given_counts(settings: dict[str, object], text: str | None) -> None:
    assert command(replace(OUTCOME, settings=settings)) == text
