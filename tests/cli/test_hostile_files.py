"""`pressroom import` of files that somebody made up: one line each, nothing by halves, little memory, little time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from flask import Flask

from support.archives import content
from support.checkout import CHECKOUT
from support.commands import done
from support.persons import Person
from webapp.content import importing

CPU_SECONDS = 5.0
MEGABYTE = 1_000_000


def matter(lines: str, body: str = "Text.") -> bytes:
    return f"---\n{lines}\n---\n{body}\n".encode()


def bomb(begin: str, level: str) -> str:
    """Nine levels of nine: a billion of them, in a few lines."""
    letters = "abcdefghi"
    lines = [f"{letter}: &{letter} {level.replace('x', '*' + before)}" for before, letter in pairwise(letters)]
    return "\n".join([f"a: &a {begin}", *lines, "title: *i", "tags: *i", "summary: *i", "date: *i"])


YAML = {
    "lists in lists": "title: " + "[" * 9_000,
    "lists in lists, closed": "title: " + "[" * 5_000 + "]" * 5_000,
    "objects in objects": "title: " + "{a: " * 5_000 + "}" * 5_000,
    "dashes": "title:\n  " + "- " * 9_000,
    "questions": "? " * 9_000,
    "deep by spaces": "\n".join(" " * n + "a:" for n in range(190)),
    "a billion": bomb("[y,y,y,y,y,y,y,y,y]", "[x,x,x,x,x,x,x,x,x]"),
    "a billion of merges": bomb("{y: z}", "{<<: [x,x,x,x,x,x,x,x,x]}"),
    "itself": "title: &a [*a]",
    "itself as key": "&a ? *a : x",
    "an alias of nothing": "title: *a",
    "a long number": "title: " + "9" * 15_000,
    "a long number in hexadecimal": "title: 0x" + "f" * 15_000,
    "a long number as tag": "tags: [0x" + "f" * 15_000 + "]",
    "a long number as summary": "summary: 0x" + "f" * 15_000,
    "a long number as language": "language: 0x" + "f" * 15_000,
    "a long number as date": "date: 0x" + "f" * 15_000,
    "a number of sixties": "title: 1" + ":59" * 6_000,
    "a fraction of sixties": "title: 1" + ":59" * 6_000 + ".5",
    "infinite": "title: .inf\nsummary: .nan\ntags: [.inf]\ndate: .inf",
    "a date in the year 10**9": "date: 1000000000-01-01",
    "a date in the year 0": "date: 0000-01-01",
    "a date in the year 1": "date: 0001-01-01 00:00:00+14:00",
    "a date in the year 9999": "date: 9999-12-31 23:59:59-12:00",
    "a date below none": "date: -5",
    "a date as number": "date: 99999999999999999999",
    "a zone of 99 hours": "date: 2026-01-01 00:00:00 +99:99",
    "a date of nines": "date: " + "9" * 15_000 + "-01-01",
    "a date of blanks": 'date: "x' + " " * 15_000 + 'x"',
    "a date of lists": "date: [[[1]]]",
    "a date of commands": 'date: "\\e[2J\\u202e"',
    "no bool": "title: !!bool x",
    "no time": "title: !!timestamp x",
    "no int": 'title: !!int ""',
    "no float": "title: !!float x",
    "no binary": "title: !!binary x",
    "no pairs": "title: !!pairs [1]",
    "no omap": "title: !!omap [[1, 2]]",
    "binary": "title: !!binary //8=",
    "a set": "title: !!set {a, b}",
    "Python": "title: !!python/object/apply:os.system ['true']",
    "Python's name": "title: !!python/name:os.system",
    "a tag of nobody": "title: !evil x",
    "a list as key": "[a, b]: c",
    "a key twice": "title: One\ntitle: Two\ntags: [a]\ntags: [b]",
    "two documents": "title: One\n...\n%YAML 9.9\ntitle: Two",
    "a version to come": "%YAML 9.9\n",
    "a list": "- a\n- b",
    "a number": "5",
    "half a character": 'title: "\\ud83d"\ntags: ["\\udcff"]',
    "NUL": 'title: "a\\0b"\ntags: ["\\0"]\nsummary: "\\0"',
    "commands": 'title: "\\e[2J\\x9b2J\\u202e\\a"\ntags: ["\\e[2J"]\nsummary: "\\e]0;x\\a"\nlanguage: "\\e[2J"',
    "commands as key": '"\\e[2J": [',
    "a key of commands twice": '? "\\e[2J"\n: !!evil "\\e[2J"',
    "20,000 tags": "tags: [" + ",".join(f"t{n}" for n in range(3_000)) + "]",
    "20,000 commas": "tags: '" + "," * 18_000 + "'",
    "tags of tags": "tags: [[[a]], {b: c}]",
    "tags that grow": "tags: ['" + "ﷺ" * 100 + "']",
    "a title of 19 kB": "title: " + "x" * 19_000,
    "a title of blanks": 'title: "' + " " * 19_000 + '"',
    "a title of marks": "title: '" + "\u0301" * 9_000 + "'",
    "much": "title: " + "x" * 20_001,
    "only comments": "#" * 19_000,
    "quotes": "title: " + "'" * 9_001,
    "not closed": 'title: "' + "x\\\n" * 5_000,
    "colons": ": " * 9_000,
    "anchors": "".join(f"&a{n} " for n in range(2_000)),
    "a tab": "\ta: b",
}

TEXTS = {
    "nothing": b"",
    "NULs": b"\0" * 300_000,
    "one NUL": b"a\0b",
    "no UTF-8": b"\xff\xfe\xfa",
    "half a character in UTF-8": b"\xed\xa0\x80",
    "too long for UTF-8": b"\xc0\x80",
    "UTF-16": "Text.".encode("utf-16"),
    "UTF-32": "Text.".encode("utf-32"),
    "marks": b"\xef\xbb\xbf" * 100,
    "a mark before front matter": b"\xef\xbb\xbf" + matter("title: x"),
    "a line of 100 MB": b"x" * 100 * MEGABYTE,
    "100 MB of front matter": b"---\n" + b"a: b\n" * (20 * MEGABYTE),
    "lines": b"\n" * 300_000,
    "Mac's lines": b"\r" * 300_000,
    "dashes": b"---\n" * 90_000,
    "dashes in a line": b"-" * 390_000,
    "front matter of blanks": b"---" + b" " * 390_000 + b"x",
    "front matter without an end": b"---\n" + b"a: b\n" * 70_000,
    "a heading of blanks": b"# a" + b" " * 190_000 + b"b",
    "a heading of signs": b"# a" + b"#" * 190_000 + b"b",
    "a heading of both": b"# " + b" #" * 95_000 + b"b",
    "headings": b"# a\n" * 1_500,
    "quotes in quotes": b">" * 150_000,
    "lists in lists of text": b"- " * 90_000,
    "brackets": b"[" * 190_000,
    "stars": b"*a_ " * 17_000,
    "ticks": b"`" * 190_000,
    "ticks apart": b"` `` ``` " * 20_000,
    "fences": b"```\n" * 9_000,
    "tags": b"<div>" * 30_000,
    "tags not closed": b"<a " * 60_000,
    "comments": b"<!--" * 45_000,
    "entities": b"&amp;" * 39_000,
    "ampersands": b"&" * 60_000,
    "tables": b"|a" * 25 + b"\n" + b"|-" * 25 + b"\n" + b"|a\n" * 1_500,
    "footnotes": b"".join(b"[^%d]: a\n\n[^%d]\n\n" % (n, n) for n in range(3_000)),
    "references": b"".join(b"[a%d]: b\n" % n for n in range(9_000)),
    "addresses": b"http://a.b " * 17_000,
    "pictures": b"![](a)" * 11_000,
    "marks of a letter": ("a" + "\u0301" * 90_000).encode(),
    "directions": "\u202e".encode() * 60_000,
    "commands": b"\x1b[2J\x9b\x07\x7f" * 10,
    "commands in UTF-8": "\x1b]0;x\x07\x9b2J\u2028".encode() * 1_000,
    "no characters": "\ufffe\uffff".encode() * 9_000,
}


@pytest.fixture
def run(app: Flask) -> Callable[[Path], Result]:
    return lambda *paths: app.test_cli_runner().invoke(
        args=["import", *map(str, paths), "--author", "ada", "--publish-undated"], color=True
    )


@pytest.fixture
def fault(app: Flask, run: Callable[[Path], Result]) -> Callable[[Path], str]:
    """What is wrong with how this file or folder, of one file, is imported or refused."""
    database = app.config["INSTANCE"] / "pressroom.db"

    def fault(path: Path) -> str:
        before, began = content(database), time.process_time()
        result = run(path)
        spent, after = time.process_time() - began, content(database)
        lines = [line for line in result.stderr.splitlines() if line.startswith("Not imported: ")]
        said = result.output.replace("\n", "")
        if result.exit_code not in (0, 1) or not isinstance(result.exception, SystemExit | None):
            return f"{result.exception!r}"
        if any(character < " " or "\x7f" <= character < "\xa0" or character == "\u202e" for character in said):
            return f"said {said[:1000]!r}"
        if result.exit_code and (before != after or len(lines) != 1 or len(lines[0]) > 1_000):
            return f"refused by halves, {result.output[:1000]}"
        if not result.exit_code and len(after["post"]) != len(before["post"]) + 1:
            return f"imported {len(after['post']) - len(before['post'])} posts"
        return f"took {spent:.1f} s" if spent > CPU_SECONDS else ""

    return fault


def check_pages(anonymous: Person) -> None:
    for path in ("/", "/feed.atom", "/feed.json", "/sitemap.xml", "/post/1", "/post/2"):
        assert anonymous.get(path).status_code == 200


def faults(folder: Path, fault: Callable[[Path], str], texts: dict[str, bytes]) -> list[str]:
    """Of each text, as a file of its own."""
    wrong = []
    for number, (name, text) in enumerate(texts.items()):
        file = folder / f"{number}.md"
        file.write_bytes(text)
        if said := fault(file):
            wrong.append(f"{name}: {said}")
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("with_c", [True, False])
def test_hostile_front_matter_is_refused_in_one_line_or_imported(
    folder: Path, fault: Callable[[Path], str], anonymous: Person, monkeypatch: pytest.MonkeyPatch, with_c: bool
) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", with_c)
    texts = {name: matter(lines, f"Text {number}.") for number, (name, lines) in enumerate(YAML.items())}
    assert faults(folder, fault, texts) == []
    check_pages(anonymous)


@pytest.mark.slow
def test_hostile_text_is_refused_in_one_line_or_imported(
    folder: Path, fault: Callable[[Path], str], anonymous: Person
) -> None:
    assert faults(folder, fault, TEXTS) == []
    check_pages(anonymous)


@pytest.mark.sqlite(reason="compares the file's rows")
def test_hostile_names_are_refused_in_one_line_or_imported(
    folder: Path, fault: Callable[[Path], str], anonymous: Person
) -> None:
    names = [
        b"\x1b[2J", b"\x9b2J", b"\xff\xfe", "\x9b2J".encode(), "\u202egvs".encode(), b"a\nError: all is well\n", b"\r",
        b" ", b"-", b"--author", b"x" * 252, b"'\";$(true)", "\ud7ff\u2028".encode(), b"%s%n", "e\u0301".encode(),
    ]  # fmt: skip
    wrong = []
    for number, name in enumerate(names):
        inside = folder / str(number)
        inside.mkdir()
        Path(os.fsdecode(os.fsencode(inside) + b"/" + name + b".md")).write_text(f"Text {number}.")
        wrong += [f"{name!r}: {said}" for said in [fault(inside)] if said]
    assert wrong == []
    check_pages(anonymous)


def test_only_files_of_the_folder_are_read(
    folder: Path, tmp_path: Path, run: Callable[[Path], Result], anonymous: Person
) -> None:
    (tmp_path / "secret.md").write_text("hunter2")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key.md").write_text("hunter2")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / "far.md").symlink_to("/etc/passwd")
    (folder / "folder").symlink_to(tmp_path / "secrets")
    (folder / "folder.md").symlink_to(tmp_path / "secrets")
    (folder / "round").symlink_to(folder)
    (folder / "loop.md").symlink_to("loop.md")
    (folder / "is-a-folder.md").mkdir()
    (folder / "zero.md").symlink_to("/dev/zero")
    os.mkfifo(folder / "fifo.md")
    (folder / "good.md").write_text("Text.")
    (folder / "same.md").symlink_to("good.md")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(folder / "socket.md"))
        result = run(folder)
    refused = [line for line in result.stderr.splitlines() if line.startswith("Not imported: ")]
    assert refused == [
        f"Not imported: {folder / name}: a link that leads out of the folder" for name in ("far.md", "link.md")
    ]
    assert "1 published, 0 drafts, 0 updated, 0 already there." in result.stdout
    assert result.stderr.endswith("Error: 2 of 3 files couldn't be imported.\n")
    assert "hunter2" not in anonymous.get("/").text
    for name in ("fifo.md", "zero.md", "loop.md"):
        assert run(folder / name).exit_code in (1, 2)
    assert "1 published" in done(run(tmp_path / "secret.md")), "named, it is wanted"


def test_a_folder_deeper_than_python_goes(folder: Path, run: Callable[[Path], Result]) -> None:
    here = os.open(folder, os.O_RDONLY)
    for level in range(1_500):
        if level in (5, 1_100, 1_499):
            os.close(os.open("text.md", os.O_CREAT, dir_fd=here))
        os.mkdir("dir", dir_fd=here)
        inner = os.open("dir", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    try:
        result = run(folder)
    finally:  # pytest couldn't
        subprocess.run(["rm", "-rf", folder], check=True)
    assert "1 published" in result.stdout
    [refused] = [line for line in result.stderr.splitlines() if line.startswith("Not imported: ")]
    assert refused.endswith(": File name too long")


SCRIPT = """
import re, sys; from datetime import UTC; from pathlib import Path; from webapp.content import importing
def most(): return int(re.search("VmHWM:.*?([0-9]+)", Path("/proc/self/status").read_text())[1]) // 1000
before = most()
for name in sys.argv[1:]:
    try: importing.read(importing.File(Path(name), name), importing.Options(UTC))
    except importing.CannotImport as error: print(str(error)[:60])
print(most() - before)
"""


@pytest.mark.slow
def test_it_takes_little_memory(folder: Path) -> None:
    names = ("a line of 100 MB", "100 MB of front matter", "tables", "brackets")
    for name in names:
        (folder / name).write_bytes(TEXTS[name])
    (folder / "bomb").write_bytes(matter(YAML["a billion"]))
    files = [str(folder / name) for name in (*names, "bomb")]
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *files], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    *said, megabytes = ran.stdout.splitlines()
    assert said[:2] == ["longer than 400 kB"] * 2
    assert said[-1].startswith("line 3: aliases")
    assert int(megabytes) <= 200


def test_the_bounds_leave_room_for_what_is_written(folder: Path) -> None:
    tags = ", ".join(f"tag {n}" for n in range(10))
    (folder / "long.md").write_bytes(
        matter(f"title: {'字' * 200}\ntags: [{tags}]", "Ein Satz mit Wörtern.\n\n" * 8_000)
    )
    file = importing.File(folder / "long.md", "long.md")
    assert len(importing.read(file, importing.Options(UTC)).writing.tags) == 10
