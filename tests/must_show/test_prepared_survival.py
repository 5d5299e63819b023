"""A prepared model survives: whatever happens to it, the answers are right, and who loads it is told."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeai.errors import PreparedStale, PreparedUnusable, StoreError
from edgeai.prepared.fingerprint import fingerprint
from edgeai.prepared.record import RECORD, Prepared
from edgeai.prepared.seen import see
from edgeai.sysroot import SysRoot
from tests.edge.prepared.keeping import Keeper, job
from tests.edge.prepared.making import answer, dense_onnx, place_of, prepare, rewrite, run
from tests.edge.store.test_full_disk import mounted, remount

BOARDS = Path(__file__).parent.parent / "boards"
NOBODYS_UID = 54321


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return dense_onnx(tmp_path / "dense.onnx")


@pytest.fixture
def keepers() -> Iterator[list[Keeper]]:
    made = [Keeper() for _ in range(4)]
    yield made
    for keeper in made:
        keeper.close()


def right(found: Any, model: Path) -> bool:
    return np.allclose(found, answer(model), rtol=1e-5, atol=1e-6)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def runs_as_it_came(model: Path, category: type[Warning], match: str) -> None:
    with pytest.warns(category, match=match) as caught:
        found, key = run(model)
    assert (key, len(caught)) == (None, 1)
    assert f"it runs as it came; run `edgeai prepare {model}` again" in str(caught[0].message)
    assert right(found, model)


# --- Other software, another device ------------------------------------------------------------------------


def test_another_version_of_the_runtime(home: Path, model: Path) -> None:
    record = prepare(home, model)
    ((package, version),) = record.versions.items()
    rewrite(home, record, versions={package: "1.0.9"})
    runs_as_it_came(model, PreparedStale, f"was prepared with onnxruntime 1.0.9, here is {version}: it runs")


def test_a_backend_that_is_not_here(home: Path, model: Path) -> None:
    record = prepare(home, model)
    rewrite(home, record, choice=dataclasses.replace(record.choice, backend="no_such_module:Backend"))
    runs_as_it_came(model, PreparedStale, "was prepared for no_such_module:Backend, which does not load here")


@pytest.mark.parametrize("board", ["raspberry-pi-5", "jetson-orin-nano", "qemu-ina226-iio"])
def test_a_store_that_was_copied_from_another_device(home: Path, model: Path, board: str) -> None:
    record = prepare(home, model)
    rewrite(home, record, fingerprint=fingerprint(SysRoot(BOARDS / board)))
    shutil.copytree(home, home.with_name("copied"))
    shutil.rmtree(home)
    home.with_name("copied").rename(home)
    runs_as_it_came(model, PreparedStale, r"was prepared for another device \(.*, here is ")


def test_a_store_that_was_copied_to_a_device_of_the_same_kind(
    home: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = prepare(home, model)
    copied = home.with_name("copied")
    shutil.copytree(home, copied)
    shutil.rmtree(home)
    monkeypatch.setenv("EDGEAI_HOME", str(copied))
    found, key = run(model)
    assert key == record.key
    assert right(found, model)


def test_a_record_of_a_later_edgeai(home: Path, model: Path) -> None:
    file = place_of(home, prepare(home, model)) / RECORD
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 2}))
    runs_as_it_came(model, PreparedStale, "its record has schema 2, and this edgeai reads 1")


# --- Damage ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.onnx", "weights.bin"])
@pytest.mark.parametrize("left", [0, 1, 300])
def test_a_file_that_was_cut_short(home: Path, model: Path, name: str, left: int) -> None:
    file = place_of(home, prepare(home, model)) / name
    os.truncate(file, left)
    runs_as_it_came(model, PreparedUnusable, f"damaged: {name} has {left} bytes instead of ")


@pytest.mark.parametrize("name", ["model.onnx", "weights.bin"])
def test_a_file_of_the_same_size_and_another_content(home: Path, model: Path, name: str) -> None:
    file = place_of(home, prepare(home, model)) / name
    with file.open("r+b") as stream:
        stream.seek(200)
        stream.write(b"\xff\x7f\xff\x7f")
    runs_as_it_came(model, PreparedUnusable, f"damaged: {name} has another content")


def test_a_file_that_is_gone_or_no_file(home: Path, model: Path) -> None:
    file = place_of(home, prepare(home, model)) / "weights.bin"
    file.unlink()
    runs_as_it_came(model, PreparedUnusable, "weights.bin: No such file or directory")
    file.mkdir()
    runs_as_it_came(model, PreparedUnusable, "weights.bin is no regular file")


def test_a_form_that_does_not_open(home: Path, model: Path) -> None:
    """Whole by every stamp, as one that a library wrote and cannot read."""
    record = prepare(home, model)
    place = place_of(home, record)
    (place / "model.onnx").write_bytes(b"\x08\x08damaged")
    rewrite(home, record, files=tuple(see(place, each.name) for each in record.files))
    runs_as_it_came(model, PreparedUnusable, r"the prepared form does not open \(.*Protobuf parsing failed")


def test_a_record_that_is_gone_empty_or_another_s(home: Path, model: Path, tmp_path: Path) -> None:
    record = prepare(home, model)
    file = place_of(home, record) / RECORD
    other = prepare(home, dense_onnx(tmp_path / "other.onnx", seed=3))
    for content, match in (
        ((place_of(home, other) / RECORD).read_bytes(), "its record is of another model"),
        (b"", "its record is damaged"),
        (b"[1]", "its record is damaged"),
        (b"[" * 100_000, "its record is damaged"),
        (bytes(2_000_000), "its record is damaged"),
    ):
        file.write_bytes(content)
        runs_as_it_came(model, PreparedUnusable, match)
    file.unlink()
    runs_as_it_came(model, PreparedUnusable, "its record cannot be read")


def test_flipped_bits_in_a_record_never_change_what_runs(home: Path, model: Path) -> None:
    """Each flip is seen, but for those in white space and in the checksum's own wrapping."""
    record = prepare(home, model)
    file = place_of(home, record) / RECORD
    content, chance = file.read_bytes(), random.Random(2026)
    seen = 0
    for _ in range(60):
        at = chance.randrange(len(content))
        file.write_bytes(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found, key = run(model)
        assert right(found, model)
        assert (key is None) == (len(caught) == 1)
        seen += key is None
    assert seen >= 30


def test_flipped_bits_in_the_notes_cost_a_hash_and_nothing_else(home: Path, model: Path) -> None:
    record = prepare(home, model)
    (file,) = (home / "prepared" / "known").iterdir()
    content, chance = file.read_bytes(), random.Random(2026)
    for _ in range(20):
        at = chance.randrange(len(content))
        file.write_bytes(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :])
        assert run(model)[1] == record.key


# --- Several at once, killed, full, closed -----------------------------------------------------------------


@pytest.fixture
def versions(home: Path, model: Path, tmp_path: Path) -> tuple[Prepared, list[Path], list[Path]]:
    """A record, the models of four forms of it, and the forms; the first of them is what is kept now."""
    models = [dense_onnx(tmp_path / f"{seed}.onnx", seed) for seed in range(10, 14)]
    forms: list[Path] = []
    for other in reversed(models):
        record = prepare(home, model, made_from=other)
        forms.insert(0, Path(shutil.copytree(place_of(home, record), tmp_path / f"form-{other.stem}")))
    return record, models, forms


def which(model: Path, models: list[Path]) -> int:
    """Which of the forms runs; a warning would be an error."""
    found, key = run(model)
    assert key is not None
    (number,) = (number for number, other in enumerate(models) if right(found, other))
    return number


def names_in(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "prepared").iterdir())


def test_four_prepares_at_once_all_end_well(
    home: Path, model: Path, tmp_path: Path, keepers: list[Keeper], versions: Any
) -> None:
    record, models, forms = versions
    for turn in range(5):
        for number, keeper in enumerate(keepers):
            keeper.start(home, job(tmp_path / f"job-{turn}-{number}", record, forms[number]))
        assert which(model, models) in range(4)
        assert [keeper.wait() for keeper in keepers] == ["kept"] * 4
        assert which(model, models) in range(4)
        assert names_in(home) == sorted([record.key, "known", "written.json"])


def test_killed_at_any_call_it_leaves_the_old_or_the_new(
    home: Path, model: Path, tmp_path: Path, keepers: list[Keeper], versions: Any
) -> None:
    record, models, forms = versions
    outcomes = []
    for number in range(1, 60):
        said = keepers[0].keep(home, job(tmp_path / f"job-{number}", record, forms[1]), f"kill:{number}")
        outcomes.append((said, which(model, models)))
        if said == "kept":
            break
        assert keepers[0].keep(home, job(tmp_path / f"again-{number}", record, forms[0])) == "kept"
        assert which(model, models) == 0
        assert names_in(home) == sorted([record.key, "known", "written.json"])
    assert outcomes[-1] == ("kept", 1)
    assert all(said == "-9" for said, _ in outcomes[:-1])
    assert [new for _, new in outcomes] == sorted(new for _, new in outcomes), "the old, and then the new"
    assert len(outcomes) >= 10


def test_a_disk_that_is_full_at_any_write_leaves_the_old(
    home: Path, model: Path, tmp_path: Path, keepers: list[Keeper], versions: Any
) -> None:
    record, models, forms = versions
    for limit in (0, 1, 100, 400, 1000):
        said = keepers[0].keep(home, job(tmp_path / f"job-{limit}", record, forms[1]), f"limit:{limit}")
        assert said == (
            f"StoreError: the prepared model cannot be kept in {home}/prepared: File too large; make room "
            "there (`edgeai store gc --all`), or set EDGEAI_HOME to a folder on another disk"
        )
        assert which(model, models) == 0
        assert names_in(home) == sorted([record.key, "known", "written.json"])


def test_a_disk_without_room_is_said_before_anything_is_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        monkeypatch.setenv("EDGEAI_HOME", str(disk))
        with pytest.raises(StoreError, match=r"it needs 0.1 MB and 0.0 MB are free; make room there"):
            prepare(disk, model)
        found, key = run(model)
        assert key is None
        assert right(found, model)


def test_a_store_that_is_read_only_serves_what_it_holds_and_is_not_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        monkeypatch.setenv("EDGEAI_HOME", str(disk))
        record = prepare(disk, model)
        os.utime(place_of(disk, record), (1e9, 1e9))  # so that its use would be noted
        before = files_of(disk)
        remount(disk, "ro")
        found, key = run(model)
        assert key == record.key
        assert right(found, model)
        with pytest.raises(StoreError, match="Read-only file system; set EDGEAI_HOME to a folder on a disk"):
            prepare(disk, model)
        assert files_of(disk) == before


def test_a_home_that_is_missing_or_a_file(home: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, key = run(model)
    assert (key, home.exists()) == (None, False)
    assert right(found, model)
    home.write_text("a file")
    assert right(run(model)[0], model)
    home.unlink()
    (home / "prepared").mkdir(parents=True)
    assert right(run(model)[0], model)


WITHOUT_HOME = """
import os, sys
import numpy as np
import edgeai, edgeai.opening, edgeai.backends.onnxruntime, edgeai.device.detecting
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
from edgeai.home import home_folder
from edgeai.errors import StoreError
try:
    print(home_folder())
except StoreError:
    print("no home")
with edgeai.load(sys.argv[1]) as session:
    print(session.prepared, session.run(np.zeros((1, 64), np.float32))["y"].shape)
"""


def test_a_user_without_a_home(model: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root becomes another user")
    with tempfile.TemporaryDirectory(prefix="edgeai-") as name:  # pytest's own are closed to others
        place = Path(name)
        place.chmod(0o755)
        shutil.copy(model, place / "m.onnx")
        (place / "m.onnx").chmod(0o644)
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"HOME", "EDGEAI_HOME", "XDG_CACHE_HOME", "STATE_DIRECTORY"}
        }
        done = subprocess.run(
            [sys.executable, "-B", "-c", WITHOUT_HOME, str(place / "m.onnx"), str(NOBODYS_UID)],
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "no home\nNone (1, 64)\n"), done.stderr
