"""What a user writes as a source, and files, folders and patterns as sources."""

from __future__ import annotations

import os
import socket
import wave
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeai.bundle.declared import SOURCE_KINDS
from edgeai.errors import InputError
from edgeai.sources import SOURCES, Item, find_opener, open_source
from edgeai.sources.files import SUFFIXES


def items(text: str | Path, kind: str, **options: Any) -> list[Item]:
    with open_source(text, kind, **options) as source:
        return list(source)


def names(text: str | Path, kind: str) -> list[str]:
    return [Path(item.name).name for item in items(text, kind)]


def touch(folder: Path, *files: str) -> None:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.encode())


def refusal(text: str | Path, kind: str = "bytes", **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_source(text, kind, **options)
    said = str(caught.value)
    assert said.isprintable()
    return said


# --- The table ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("-", (SOURCES["-"], "-")),
        ("file:-", (SOURCES["file"], "-")),
        ("file:a:b", (SOURCES["file"], "a:b")),
        ("photo.jpg", (SOURCES["file"], "photo.jpg")),
        ("-:3", (SOURCES["file"], "-:3")),
        ("C:/photo.jpg", (SOURCES["file"], "C:/photo.jpg")),
        ("./file:x", (SOURCES["file"], "./file:x")),
        ("", (SOURCES["file"], "")),
    ],
)
def test_a_scheme_chooses_the_source(text: str, wanted: tuple[str, str]) -> None:
    assert find_opener(text) == wanted


def test_every_kind_has_its_suffixes() -> None:
    assert tuple(SUFFIXES) == SOURCE_KINDS


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "video"}, "kind is 'video'; give one of: image, audio, text, bytes, tensors"),
        ({"rate_hz": 0}, "rate_hz is 0; give a number above 0"),
        ({"rate_hz": float("inf")}, "rate_hz is inf; give a number above 0"),
        ({"chunk_s": -1.0}, "chunk_s is -1.0; give a number above 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    assert refusal("-", **{"kind": "audio", **options}) == said


# --- One file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "bytes"])
def test_a_file_is_handed_on_as_its_path(tmp_path: Path, kind: str) -> None:
    touch(tmp_path, "any.suffix")
    path = tmp_path / "any.suffix"
    assert items(path, kind) == [Item(path, str(path))]
    assert items(f"file:{path}", kind) == [Item(path, str(path))]


def test_a_text_file_is_one_text(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes("\ufefferste Zeile\nzweite: Übel\n".encode())
    assert items(path, "text") == [Item("erste Zeile\nzweite: Übel\n", str(path))]
    path.write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match=f"^{path}: byte 3 is not UTF-8"):
        items(path, "text")


def test_tensors_are_known_by_their_content(tmp_path: Path) -> None:
    one, several, lines = (tmp_path / name for name in ("one", "several", "lines"))
    with one.open("wb") as file:
        np.save(file, np.ones(2, np.float32))
    with several.open("wb") as file:
        np.savez(file, x=np.ones(2), y=np.zeros(3))
    lines.write_bytes(b'{"x": [1]}\n{"x": [2]}\n')
    (array,) = items(one, "tensors")
    assert (array.value.tolist(), array.name) == ([1, 1], str(one))
    (arrays,) = items(several, "tensors")
    assert {name: value.tolist() for name, value in arrays.value.items()} == {"x": [1, 1], "y": [0, 0, 0]}
    found = items(lines, "tensors", dtypes={"x": "u8"})
    assert [(item.value["x"].tolist(), item.name) for item in found] == [
        ([1], f"{lines}:1"),
        ([2], f"{lines}:2"),
    ]
    assert found[0].value["x"].dtype == np.uint8


def test_a_broken_line_of_tensors_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"x": [1]}\nnothing\n')
    with pytest.raises(InputError, match=f"^{path}:2: not JSON"):
        items(path, "tensors")


def write_wav(path: Path, samples: np.ndarray, rate_hz: int) -> np.ndarray:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return samples.astype(np.float32) / np.float32(32768)


@pytest.mark.parametrize(("count", "chunks"), [(1, 1), (799, 1), (800, 1), (801, 2), (2400, 3)])
def test_sound_comes_in_chunks_at_the_files_own_rate(tmp_path: Path, count: int, chunks: int) -> None:
    path = tmp_path / "sound.wav"
    samples = write_wav(path, np.arange(count) - 400, 8000)
    found = items(path, "audio", rate_hz=16000, chunk_s=0.1)
    assert [item.is_last for item in found] == [False] * (chunks - 1) + [True]
    assert [item.start_s for item in found] == [0.1 * index for index in range(chunks)]
    assert {(item.rate_hz, item.name) for item in found} == {(8000, str(path))}
    np.testing.assert_array_equal(np.concatenate([item.value for item in found]), samples)


def test_each_recording_has_its_own_end_rate_and_time(tmp_path: Path) -> None:
    for name, rate_hz in (("2.wav", 8000), ("10.wav", 16000)):
        write_wav(tmp_path / name, np.zeros(2000), rate_hz)
    found = items(tmp_path, "audio", chunk_s=0.1)
    assert [(Path(i.name).name, i.rate_hz, i.start_s, i.is_last) for i in found] == [
        ("2.wav", 8000, 0, False),
        ("2.wav", 8000, 0.1, False),
        ("2.wav", 8000, 0.2, True),
        ("10.wav", 16000, 0, False),
        ("10.wav", 16000, 0.1, True),
    ]


# --- Folders and patterns ----------------------------------------------------------------------------------


def test_files_of_a_folder_come_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    touch(tmp_path, "b10.png", "b9.png", "B1.PNG", "a.jpg", "b9a.png", "b09.png", "10.png", "9.png")
    assert names(tmp_path, "image") == [
        *("9.png", "10.png", "a.jpg", "B1.PNG", "b09.png", "b9.png", "b9a.png", "b10.png")
    ]


def test_a_folder_stands_for_the_files_in_it_that_suit(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.TIFF", "notes.txt", ".hidden.png", "Makefile", "below/c.png", "d.png.part")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to("a.jpg")
    (tmp_path / "dangling.png").symlink_to("absent")
    os.mkfifo(tmp_path / "pipe.png")
    assert names(tmp_path, "image") == ["a.jpg", "b.TIFF", "link.png"]
    assert names(tmp_path, "text") == ["notes.txt"]
    assert names(tmp_path, "bytes") == ["a.jpg", "b.TIFF", "d.png.part", "link.png", "Makefile", "notes.txt"]


def test_a_pattern_stands_for_the_files_that_fit(tmp_path: Path) -> None:
    touch(tmp_path, "a10.png", "a9.png", "b.txt", ".a1.png", "x/a2.png", "x/y/a3.png")
    (tmp_path / "a-folder").mkdir()
    os.mkfifo(tmp_path / "a-pipe")
    assert names(f"{tmp_path}/a*", "image") == ["a9.png", "a10.png"]
    assert names(f"{tmp_path}/**/a?.png", "image") == ["a9.png", "a2.png", "a3.png"]
    assert names(f"{tmp_path}/[ab]*.txt", "image") == ["b.txt"]


def test_a_file_whose_name_is_a_pattern_is_itself(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].png", "a1.png")
    assert names(f"{tmp_path}/a[1].png", "image") == ["a[1].png"]


def test_what_holds_nothing_says_so(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    assert refusal(tmp_path, "tensors") == (
        f"{tmp_path} holds no tensors files (.npy, .npz, .jsonl); check the folder"
    )
    assert refusal(f"{tmp_path}/*.png") == f"{tmp_path}/*.png: no file fits this pattern; check it"
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty") == f"{tmp_path}/empty holds no bytes files; check the folder"


# --- What is no file ---------------------------------------------------------------------------------------


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    touch(tmp_path, "file")
    said = "is a pipe or a device, not a regular file; pipe it in and give - instead"
    assert refusal(tmp_path / "pipe") == f"{tmp_path}/pipe {said}"
    assert refusal("/dev/zero") == f"/dev/zero {said}"
    assert refusal(tmp_path / "absent") == f"{tmp_path}/absent: no such file; check the path"
    assert "Too many levels of symbolic links; check the path" in refusal(tmp_path / "loop")
    assert "Not a directory" in refusal(tmp_path / "file" / "inner")
    assert "File name too long" in refusal("x" * 300)
    assert "cannot be read: a NUL in its name" in refusal("a\0b")
    assert refusal("") == "a source is empty; give a file, a folder, a pattern or -"
    assert refusal("line\nfeed") == r"line\nfeed: no such file; check the path"


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # an address of a socket holds 108 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert "not a regular file" in refusal("socket")


@pytest.mark.parametrize("kind", ["text", "tensors", "audio"])
def test_a_file_that_became_a_pipe_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    touch(tmp_path, "file")
    with open_source(path, kind) as source:
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(InputError, match="is a pipe or a device"):
            next(source)


# --- Laziness ----------------------------------------------------------------------------------------------


def open_files() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists the folder
            found.add(str(descriptor.readlink()))
    return found


def test_a_file_is_opened_when_its_turn_comes(tmp_path: Path) -> None:
    for name in ("1.npy", "2.npy", "3.npy"):
        np.save(tmp_path / name, np.zeros(1))
    with open_source(tmp_path, "tensors") as source:
        next(source)
        (tmp_path / "2.npy").write_bytes(b"\x93NUM")
        (tmp_path / "3.npy").unlink()
        with pytest.raises(InputError, match=r"2\.npy is damaged"):
            next(source)


@pytest.mark.parametrize("ends_early", [True, False])
def test_what_was_opened_is_closed(tmp_path: Path, ends_early: bool) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"x": [1]}\n{"x": [2]}\n')
    before = open_files()
    with open_source(path, "tensors") as source:
        assert open_files() == before
        next(source)
        assert open_files() - before == {str(path)}
        if not ends_early:
            list(source)
    assert open_files() == before
    assert next(source, None) is None
    source.close()


def test_ten_thousand_files_are_listed_and_not_read(tmp_path: Path) -> None:
    for index in range(10_000):
        (tmp_path / f"{index}.txt").symlink_to("/proc/version")
    with open_source(tmp_path, "text") as source:
        first = next(source)
    assert Path(first.name).name == "0.txt"
    assert first.value == Path("/proc/version").read_text()
