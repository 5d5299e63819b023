"""Where the files of an example bundle come from: files of public packages, and lists taken out of them.

    [files."det.onnx"]
    model = "ppocr-det"          # a model of the suite `public`

    [files."characters.json"]
    model = "ppocr-rec"
    metadata = "character"       # the lines of this value of an ONNX file's metadata, as a JSON list

    [files."labels.json"]
    model = "magika"
    file = "magika/models/standard_v3_3/config.min.json"     # another file of the same package
    sha256 = "ae24..."
    key = "target_labels_space"  # the list of texts under this key of a JSON file

Files of a bundle that are not named here lie in the folder of its manifest.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeai.errors import FetchError
from edgeai.graph.mapped import mapped
from edgeai.graph.protobuf import Wire, block
from edgeai.toml_table import TomlTable

from .fetch import Say, fetch_member
from .suites import PackageSource, SuiteModel, load_suite


@dataclass(frozen=True)
class BundleFile:
    """A file of a package, by its sha256 in hex; with `key` or `metadata` the list of texts there."""

    source: PackageSource
    file: str
    sha256: str
    key: str | None = None
    metadata: str | None = None

    def provenance(self) -> dict[str, str]:
        """As the manifest of the bundle tells it."""
        told = {
            "registry": self.source.kind,
            "package": self.source.package,
            "version": self.source.version,
            "file": self.file,
            "sha256": self.sha256,
        }
        taken = {"key": self.key, "metadata": self.metadata}
        return told | {name: value for name, value in taken.items() if value is not None}


def read_files(path: Path) -> dict[str, BundleFile]:
    """The files that come out of packages, by their path in the bundle. Raises ConfigError."""
    root = TomlTable.open(path)
    files = root.table("files")
    models = {model.id: model for model in load_suite("public").models}
    found = {name: _file(files.table(name), models) for name in files.names()}
    root.done()
    return found


def bring(file: BundleFile, out: Path, *, cache: Path | None = None, say: Say) -> None:
    """Put a file, or the list in it, at `out`, fetched or out of the cache. Raises FetchError."""
    fetched = fetch_member(file.source, file.file, file.sha256, cache=cache, say=say)
    out.parent.mkdir(parents=True, exist_ok=True)
    if file.key is not None:
        names = _under_key(fetched, file.key)
    elif file.metadata is not None:
        names = _onnx_metadata(fetched, file.metadata).split("\n")
    else:
        shutil.copyfile(fetched, out)
        return
    out.write_text(json.dumps(names, ensure_ascii=False), "utf-8")


def _file(table: TomlTable, models: Mapping[str, SuiteModel]) -> BundleFile:
    key, metadata = table.optional_text("key"), table.optional_text("metadata")
    if key is not None and metadata is not None:
        table.fail("metadata", "does not go with key; take the one or the other")
    model = models[table.choice("model", tuple(models))]
    source, file, sha256 = model.source, model.file, model.sha256
    if table.has("file"):
        file, sha256 = (
            table.text("file"),
            table.matching("sha256", "[0-9a-f]{64}", "64 lower-case hex digits"),
        )
    assert source is not None
    assert file is not None
    assert sha256 is not None
    table.done()
    return BundleFile(source, file, sha256, key, metadata)


def _under_key(path: Path, key: str) -> list[str]:
    value = json.loads(path.read_bytes()).get(key)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise FetchError(f"{path} has no list of texts under {key!r}; check the bundle's files.toml")
    return value


# Fields of ModelProto and StringStringEntryProto: onnx/onnx.proto in github.com/onnx/onnx.
_METADATA, _KEY, _VALUE = block(14), block(1), block(2)


def _onnx_metadata(path: Path, key: str) -> str:
    """A value out of an ONNX file's metadata, read without any library."""
    with mapped(path, "ONNX") as data:
        wire = Wire(data)
        for tag, start, end in wire.fields(0, len(wire)):
            if tag == _METADATA:
                entry = {inner: bytes(data[at:to]) for inner, at, to in wire.fields(start, end)}
                if entry.get(_KEY) == key.encode():
                    return entry.get(_VALUE, b"").decode("utf-8")
    raise FetchError(f"{path} has no metadata {key!r}; check the bundle's files.toml")
