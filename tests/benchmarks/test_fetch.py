"""Fetching is exact, resumes, and leaves nothing half done, with the real pip on packages made here."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from edgeai.errors import FetchError
from edgeai_bench.fetch import DownloadFailed, ToolMissing, cache_folder, fetch
from edgeai_bench.suites import PackageSource, SuiteModel

ONE, TWO = b"first model " * 500, b"second model " * 500
SOURCE = PackageSource("pypi", "tiny-models", "1.0")
NPM_SOURCE = PackageSource("npm", "@tiny/models", "1.0.0")


def model(content: bytes = ONE, file: str = "tiny/one.onnx", source: PackageSource = SOURCE) -> SuiteModel:
    return SuiteModel("tiny", None, None, source, file, hashlib.sha256(content).hexdigest())


TWO_OF_IT = model(TWO, "tiny/two.tflite")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only place where pip looks; holds tiny-models 1.0."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_models-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        info = "tiny_models-1.0.dist-info"
        wheel.writestr("tiny/one.onnx", ONE)
        wheel.writestr("tiny/two.tflite", TWO)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-models\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def quiet(_: str) -> None:
    """Where a test does not look at what is said."""


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point pip at a port on which nobody listens (9, discard), and let it give up at once."""
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    # One try again, because pip names the connection only when it tries again.
    monkeypatch.setenv("PIP_RETRIES", "1")


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


PACKAGE = "packages/pypi-tiny-models-1.0"
FETCHED_ONE = [
    f"models/{model().sha256}/one.onnx",
    f"{PACKAGE}/.lock",
    f"{PACKAGE}/tiny_models-1.0-py3-none-any.whl",
]


@pytest.mark.usefixtures("index")
def test_a_file_of_a_wheel_is_fetched_and_said_aloud(cache: Path) -> None:
    said: list[str] = []
    path = fetch(model(), cache=cache, say=said.append)
    assert path == cache / "models" / str(model().sha256) / "one.onnx"
    assert path.read_bytes() == ONE
    assert said == ["fetching tiny-models 1.0 (pip)"]
    assert files_below(cache) == FETCHED_ONE


def test_a_package_is_downloaded_once_for_all_its_models_and_all_runs(index: Path, cache: Path) -> None:
    fetch(model(), cache=cache, say=quiet)
    next(index.iterdir()).unlink()  # no second download could succeed
    said: list[str] = []
    assert fetch(TWO_OF_IT, cache=cache, say=said.append).read_bytes() == TWO
    assert fetch(model(), cache=cache, say=said.append).read_bytes() == ONE
    assert said == []


def test_a_local_model_is_its_own_path(tmp_path: Path) -> None:
    local = SuiteModel("mine", None, None, None, None, None, path=tmp_path / "model.onnx")
    assert fetch(local, say=quiet) == tmp_path / "model.onnx"
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("index")
def test_a_damaged_file_is_taken_out_of_the_kept_package_again(cache: Path) -> None:
    path = fetch(model(), cache=cache, say=quiet)
    path.write_bytes(ONE[:-1])
    said: list[str] = []
    assert fetch(model(), cache=cache, say=said.append).read_bytes() == ONE
    assert said == [f"{path} is damaged; taking it out of its package again"]


@pytest.mark.usefixtures("index")
def test_a_damaged_package_is_downloaded_again(cache: Path) -> None:
    fetch(model(), cache=cache, say=quiet)
    archive = cache / PACKAGE / "tiny_models-1.0-py3-none-any.whl"
    archive.write_bytes(archive.read_bytes()[:100])
    said: list[str] = []
    assert fetch(TWO_OF_IT, cache=cache, say=said.append).read_bytes() == TWO
    assert said[0].endswith("fetching the package again")
    assert said[1] == "fetching tiny-models 1.0 (pip)"


@pytest.mark.usefixtures("index")
def test_a_wrong_sha256_is_refused_and_nothing_is_kept(cache: Path) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(model(b"something else"), cache=cache, say=quiet)
    found, wanted = hashlib.sha256(ONE).hexdigest(), hashlib.sha256(b"something else").hexdigest()
    assert f"tiny-models 1.0: tiny/one.onnx has the sha256 {found}, the suite wants {wanted}" in str(
        caught.value
    )
    assert files_below(cache) == [f"{PACKAGE}/.lock"]


@pytest.mark.usefixtures("index")
def test_a_file_that_the_package_lacks_is_named(cache: Path) -> None:
    with pytest.raises(FetchError, match=r"tiny_models-1\.0-py3-none-any\.whl holds no file 'one\.onnx'"):
        fetch(model(file="one.onnx"), cache=cache, say=quiet)


@pytest.mark.usefixtures("index")
def test_offline_is_said_and_what_was_fetched_still_serves(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(model(), cache=cache, say=quiet)
    go_offline(monkeypatch)
    assert fetch(model(), cache=cache, say=quiet).read_bytes() == ONE
    other = model(TWO, source=PackageSource("pypi", "other-models", "1.0"))
    with pytest.raises(DownloadFailed) as caught:
        fetch(other, cache=cache, say=quiet)
    message = str(caught.value)
    assert message.startswith("other-models 1.0 could not be fetched by pip: Could not find a version")
    assert "is this machine offline?" in message
    assert "PIP_INDEX_URL" in message
    assert files_below(cache) == sorted([*FETCHED_ONE, "packages/pypi-other-models-1.0/.lock"])


@pytest.mark.usefixtures("index")
def test_a_version_that_does_not_exist_is_answered_with_those_that_do(cache: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"tiny-models==9\.9 \(from versions: 1\.0\)"):
        fetch(model(source=PackageSource("pypi", "tiny-models", "9.9")), cache=cache, say=quiet)


def test_a_python_without_pip_is_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "pip", raising=False)
    with pytest.raises(ToolMissing, match=r"has no pip, with which tiny-models 1\.0 is fetched; .*ensurepip"):
        fetch(model(), cache=cache, say=quiet)


def test_a_cache_that_cannot_be_written_is_named_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(FetchError, match=r"cannot be kept in .*file: Not a directory; .*EDGEAI_HOME"):
        fetch(model(), cache=tmp_path / "file", say=quiet)


# Fetches one model in a process of its own: cache, sha256 and file as arguments.
CHILD = """
import sys
from pathlib import Path
from edgeai.errors import FetchError
from edgeai_bench.fetch import fetch
from edgeai_bench.suites import PackageSource, SuiteModel

cache, sha256, file = sys.argv[1:]
source = PackageSource("pypi", "tiny-models", "1.0")
try:
    model = SuiteModel("tiny", None, None, source, file, sha256)
    fetch(model, cache=Path(cache), say=lambda text: print(text, flush=True))
except FetchError as error:
    sys.exit(f"FetchError: {error}")
"""


def start_child(cache: Path, wanted: SuiteModel, code: str = CHILD, **env: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([*env.pop("first_on_path", "").split(), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", code, str(cache), str(wanted.sha256), str(wanted.file)],
        env={**os.environ, "PYTHONPATH": path, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.usefixtures("index")
def test_a_full_disk_is_said_and_nothing_half_written_stays(cache: Path) -> None:
    fetch(model(), cache=cache, say=quiet)
    before = files_below(cache)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    child = start_child(cache, TWO_OF_IT, limit + CHILD)
    _, stderr = child.communicate(timeout=60)
    assert "tiny/two.tflite cannot be kept in" in stderr
    assert "File too large; make room there" in stderr
    assert files_below(cache) == before


@pytest.mark.usefixtures("index")
def test_two_processes_at_once_download_once_and_both_succeed(cache: Path) -> None:
    children = [start_child(cache, model()), start_child(cache, model()), start_child(cache, TWO_OF_IT)]
    said = [child.communicate(timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert "".join(said).count("fetching tiny-models 1.0 (pip)") == 1
    assert files_below(cache) == sorted([*FETCHED_ONE, f"models/{TWO_OF_IT.sha256}/two.tflite"])


# A pip that writes half a wheel and then hangs, as on a line that went dead.
HANGING_PIP = """
import sys, time
from pathlib import Path
folder = Path(sys.argv[sys.argv.index("-d") + 1])
(folder / "tiny_models-1.0-py3-none-any.whl").write_bytes(b"PK half a wheel")
time.sleep(60)
"""


@pytest.mark.usefixtures("index")
def test_what_was_killed_halfway_is_cleaned_up_and_fetched_by_the_next(cache: Path, tmp_path: Path) -> None:
    fake = tmp_path / "fake" / "pip"
    fake.mkdir(parents=True)
    (fake / "__init__.py").touch()
    (fake / "__main__.py").write_text(HANGING_PIP)
    child = start_child(cache, model(), first_on_path=str(fake.parent))
    deadline = time.monotonic() + 60
    while not list((cache / PACKAGE).glob("partial-*/*.whl")):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    assert fetch(model(), cache=cache, say=quiet).read_bytes() == ONE
    assert files_below(cache) == FETCHED_ONE
    assert not list((cache / PACKAGE).glob("partial-*"))


def npm_that_packs(folder: Path, script: str) -> Path:
    """An npm that behaves as a script says; `$ARCHIVE` is a package as npm packs it."""
    folder.mkdir()
    with tarfile.open(folder / "tiny-models-1.0.0.tgz", "w:gz") as tar:
        entry = tarfile.TarInfo("package/tiny/one.onnx")
        entry.size = len(ONE)
        tar.addfile(entry, io.BytesIO(ONE))
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\nARCHIVE={folder}/tiny-models-1.0.0.tgz\n{script}\n")
    npm.chmod(0o755)
    return folder


def test_a_file_of_an_npm_package_is_fetched(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_ = npm_that_packs(tmp_path / "bin", 'echo "$@" > "$ARCHIVE.arguments"; cp "$ARCHIVE" .')
    monkeypatch.setenv("PATH", f"{bin_}:/usr/bin:/bin")
    said: list[str] = []
    path = fetch(model(source=NPM_SOURCE), cache=cache, say=said.append)
    assert path.read_bytes() == ONE
    assert said == ["fetching @tiny/models 1.0.0 (npm)"]
    asked = (bin_ / "tiny-models-1.0.0.tgz.arguments").read_text().split()
    assert asked == ["pack", "--ignore-scripts", "@tiny/models@1.0.0"]
    with pytest.raises(FetchError, match=r"tiny-models-1\.0\.0\.tgz holds no file 'other\.onnx'"):
        fetch(model(file="other.onnx", source=NPM_SOURCE), cache=cache, say=quiet)


def test_the_reason_that_npm_gives_is_passed_on(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["npm error code E404", "npm error 404 Not Found - GET https://x", "npm error A complete log of"]
    bin_ = npm_that_packs(tmp_path / "bin", "\n".join(f"echo '{line}' >&2" for line in words) + "\nexit 1")
    monkeypatch.setenv("PATH", f"{bin_}:/usr/bin:/bin")
    with pytest.raises(DownloadFailed, match="by npm: 404 Not Found - GET https://x; check the network"):
        fetch(model(source=NPM_SOURCE), cache=cache, say=quiet)


def test_a_machine_without_npm_is_told_apart_so_that_a_suite_can_skip_the_model(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    with pytest.raises(ToolMissing, match=r"npm is not on this machine, and @tiny/models 1\.0\.0 comes from"):
        fetch(model(source=NPM_SOURCE), cache=cache, say=said.append)
    assert said == []


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("EDGEAI_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path("/home/someone/.cache/edgeai")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path("/home/someone/.cache/edgeai")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "edgeai"
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home"
