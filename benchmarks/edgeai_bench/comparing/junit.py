"""Gates as JUnit XML, which every CI shows: one test case a figure a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from edgeai.errors import UsageError, one_line
from edgeai.whole_file import write_whole

from .gate import FAILED, UNJUDGED
from .outcome import Judged


def write_junit(path: Path, judged: Sequence[Judged]) -> None:
    """Write the file whole. Raises UsageError where that cannot be."""
    try:
        write_whole(path, junit(judged))
    except OSError as error:
        raise UsageError(f"--junit {one_line(path)} cannot be written: {error.strerror}") from error


def junit(judged: Sequence[Judged]) -> bytes:
    """The document. Figures that could not be judged are skipped."""
    counts = {
        "tests": str(len(judged)),
        "failures": str(sum(each.outcome == FAILED for each in judged)),
        "errors": "0",
        "skipped": str(sum(each.outcome == UNJUDGED for each in judged)),
    }
    root = ElementTree.Element("testsuites", {"name": "edgeai bench", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": "edgeai bench", **counts})
    for each in judged:
        case = ElementTree.SubElement(
            suite, "testcase", classname=one_line(each.name), name=f"{each.figure} not {each.gate}"
        )
        if each.outcome == FAILED:
            ElementTree.SubElement(case, "failure", message=each.text, type=each.gate).text = each.text
        elif each.outcome == UNJUDGED:
            ElementTree.SubElement(case, "skipped", message=each.text)
        else:
            ElementTree.SubElement(case, "system-out").text = each.text
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
