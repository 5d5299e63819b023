"""Tricks with names: paths that lead out, doubled ones, files that nobody named."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.case import DAMAGED, UNSAFE, Hostile
from tests.raw_zip import Raw, zip_bytes
from tests.tiny_bundles import members

BAD_NAMES = (
    "../evil", "det/../../evil", "det/..", "..", ".", "./evil", "det/./evil", "/etc/passwd", "//server/share",
    "\\evil", "det\\evil", "..\\evil", "C:evil", "C:/evil", "c:\\evil", "det//evil", "det/\0", "a\0b", "\0",
    "det/evil\n", "a\tb", "a\x1b[31mb", "a\x7f", "det/evil.", "det/evil ", "det /evil", "det./evil", " evil",
    "-evil", ".evil", "det/.evil", "~evil", "evil:stream", "evil*", "evil?", 'evil"', "evil<", "evil|",
    "$HOME", "con", "CON", "det/nul.onnx", "aux.txt", "com1", "LPT9.onnx", "prn", "é", "det/\u202eevil",
    "d\u0117t", "x" * 241, "/".join("a" * 17), "x/" * 121 + "x",
)  # fmt: skip


def tricks_with_names() -> Iterator[Hostile]:
    for index, name in enumerate(BAD_NAMES):
        yield Hostile(f"name-{index}", zip_bytes([*members(), Raw(name, b"evil")]), UNSAFE)
        yield Hostile(f"folder-name-{index}", zip_bytes([*members(), Raw(name + "/")]), UNSAFE)
    yield Hostile("name-empty", zip_bytes([*members(), Raw("", b"evil")]), UNSAFE)
    yield Hostile("name-slash", zip_bytes([*members(), Raw("/")]), UNSAFE)
    for raw in (b"\xff\xfe", b"\xc0\xaf", b"det/\x80", b"d\xcc\x81t"):
        yield Hostile(f"name-{raw.hex()}", zip_bytes([*members(), Raw(raw, b"evil")]), UNSAFE)
    for index in range(len(members())):
        good = members()[index]
        twice = [*members(), good.with_(content=b"other")]
        yield Hostile(f"twice-{index}", zip_bytes(twice), UNSAFE, str(good.name))
        case = [*members(), good.with_(name=str(good.name).upper())]
        yield Hostile(f"twice-by-case-{index}", zip_bytes(case), UNSAFE, str(good.name).upper())
    listed = [*range(len(members())), 0]
    yield Hostile("listed-twice", zip_bytes(members(), listed=listed), UNSAFE, "manifest.json")
    clashes = {"file-and-folder": Raw("det", b"x"), "file-below-a-file": Raw("det/s8.onnx/x", b"x"),
               "folder-by-case": Raw("Det/other", b"x"), "folder-and-file-by-case": Raw("DET", b"x"),
               "folder-of-a-file": Raw("det/s8.onnx/"), "folder-without-files": Raw("more/"),
               "folder-entry-by-case": Raw("Det/")}  # fmt: skip
    for label, more in clashes.items():
        yield Hostile(label, zip_bytes([*members(), more]), UNSAFE)
    yield Hostile("folder-twice", zip_bytes([Raw("det/"), *members(), Raw("det/")]), UNSAFE, "det/")
    for name in ("more.onnx", "det/more.onnx", "__MACOSX/det/x", "Thumbs.db", "manifest.json.bak"):
        label = name.replace("/", "_")
        yield Hostile(f"unnamed-{label}", zip_bytes([*members(), Raw(name, b"x")]), UNSAFE, name)
    for index, left_out in enumerate(members()):
        if left_out.name != "manifest.sig":
            found = [each for each in members() if each.name != left_out.name]
            yield Hostile(f"missing-{index}", zip_bytes(found), DAMAGED, str(left_out.name))
    renamed = [members()[0].with_(name="Manifest.json"), *members()[1:]]
    yield Hostile("manifest-by-case", zip_bytes(renamed), DAMAGED, "manifest.json")
