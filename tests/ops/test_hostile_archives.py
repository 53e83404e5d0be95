"""`pressroom restore` of archives that somebody made up: one line each, nothing left, little memory, little time."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from support.apps import settings_for
from support.archives import content, made, nothing, parts
from support.checkout import CHECKOUT
from support.persons import Person
from webapp.cli.backup import put_back
from webapp.ops import archive, restore

MEGABYTE = 1_000_000
CPU_SECONDS = 5.0
Cases = dict[str, bytes]
Manifest = dict[str, Any]

LOGO = "media/site/logo.svg"
END = b"\0" * 10240


class Good:
    """A backup taken apart."""

    def __init__(self, file: Path) -> None:
        (_, first), (_, self.database), (_, self.logo) = parts(file)
        self.manifest: Manifest = json.loads(first)
        self.whole = file.read_bytes()


def header(name: str, size: int, kind: bytes = b"0", size_field: bytes = b"", checksum: bytes = b"") -> bytes:
    block = bytearray(512)
    block[: len(name.encode()[:100])] = name.encode()[:100]
    block[100:108], block[124:136], block[156:157] = b"0000600\0", size_field or b"%011o\0" % size, kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = checksum or b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:])
    return bytes(block)


def entry(name: str, written: bytes, kind: bytes = b"0", **fields: bytes) -> bytes:
    return header(name, len(written), kind, **fields) + written + b"\0" * (-len(written) % 512)


def pax(**records: str) -> bytes:
    written = b""
    for name, value in records.items():
        line = f" {name}={value}\n".encode()
        length = next(n for n in range(len(line), len(line) + 9) if n == len(line) + len(str(n)))
        written += str(length).encode() + line
    return written


def packed(*written: bytes, level: int = 1) -> bytes:
    return gzip.compress(b"".join(written), level)


def member(name: str, written: bytes) -> dict[str, Any]:
    return {"name": name, "size": len(written), "sha256": sha256(written).hexdigest()}


def changed(good: Good, **changes: Any) -> bytes:
    """The manifest, as JSON, with other values."""
    return json.dumps(good.manifest | changes).encode()


def of(good: Good, manifest: bytes, *rest: bytes) -> bytes:
    ours = (entry("pressroom.db", good.database), entry(LOGO, good.logo))
    return packed(entry("manifest.json", manifest), *(rest or ours), END)


def with_files(good: Good, *names: Any) -> bytes:
    """Files of these names, as the manifest lists them."""
    listed = [member("pressroom.db", good.database), *({**member("", b"evil"), "name": name} for name in names)]
    long = [str(name).encode("utf-8", "surrogatepass").decode("utf-8", "replace") for name in names]
    rest = [entry("x", pax(path=name or "-"), b"x") + entry("", b"evil") for name in long]
    return of(good, changed(good, members=listed), entry("pressroom.db", good.database), *rest)


def manifests(good: Good) -> Cases:
    sized = [member("pressroom.db", good.database) | {"size": size} for size in (-1, 1.5, True, "1", None, 10**16)]
    hashed = [member("pressroom.db", good.database) | {"sha256": said} for said in ("", "0" * 63, "G" * 64, 5, None)]
    written: dict[str, bytes] = {
        "nothing": b"",
        "null": b"null",
        "a number": b"1",
        "a list": b"[]",
        "a text": b'"x"',
        "not closed": b'{"pressroom":',
        "lists in lists": b"[" * 100_000,
        "objects in objects": b'{"a":' * 100_000,
        "lists in counts": changed(good, counts={"posts": 1}).replace(b"1}", b"[" * 2_000 + b"]" * 2_000 + b"}"),
        "another encoding": json.dumps(good.manifest).encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + changed(good),
        "no UTF-8": changed(good, version="x").replace(b'"x"', b'"\xff"'),
        "no ASCII": changed(good, version="x").replace(b'"x"', '"中"'.encode()),
        "a number of 5,000 digits": changed(good, made_at=5).replace(b'"made_at": 5', b'"made_at": ' + b"9" * 5_000),
        "a size of 4,000 digits": changed(good, members=[member("pressroom.db", b"") | {"size": int("9" * 4_000)}]),
        "the end of time": changed(good, made_at=10**30),
        "after the year 9999": changed(good, made_at=archive.LAST_MS + 1),
        "before 1970": changed(good, made_at=-1),
        "a time that is none": changed(good, made_at=1).replace(b'"made_at": 1', b'"made_at": NaN'),
        "an endless time": changed(good, made_at=float("inf")),
        "a time that is true": changed(good, made_at=True),
        "a count below none": changed(good, counts={"posts": -1}),
        "a count of an escape": changed(good, counts={"\x1b[2J": 1}),
        "counts that lie": changed(good, counts=good.manifest["counts"] | {"posts": 10**15}),
        "a version of an escape": changed(good, format=2, version="\x1b]0;evil\a"),
        "half a character as version": changed(good, format=2, version="\ud800"),
        "a long version": changed(good, version="9" * MEGABYTE),
        "a version that is a list": changed(good, version=["0.1"]),
        "a schema of an escape": changed(good, schema="\x9b2J\u202e"),
        "a format of 400 digits": changed(good, format=10**400),
        "settings in settings": changed(good, settings={"SITE_TITLE": {"a": [1]}}),
        "a long setting": changed(good, settings={"SITE_TITLE": "x" * MEGABYTE}),
        "a setting of a long name": changed(good, settings={"X" * MEGABYTE: "x"}),
        "members of no names": changed(good, members=[1, 2]),
        "members as object": changed(good, members={"name": "pressroom.db"}),
        "no database": changed(good, members=[member(LOGO, good.logo)]),
        "no members": changed(good, members=[]),
        "200,000 members": changed(good, members=[{"name": f"media/{n}", "size": 0} for n in range(200_000)]),
    }  # fmt: skip
    lists = {f"members {n}": changed(good, members=[listed]) for n, listed in enumerate([*sized, *hashed])}
    return {name: of(good, first) for name, first in (written | lists).items()}


def names(good: Good) -> Cases:
    wrong = {
        "deep": "media/" + "a/" * 1_900 + "x",
        "21 folders": "media/" + "a/" * 19 + "x",
        "long": "media/" + "/".join(["x" * 200] * 6),
        "a long part": "media/" + "x" * 256,
        "long in bytes": "media/" + "中" * 86,
        "above": "../x",
        "above within": "media/../../x",
        "absolute": "/etc/x",
        "empty": "",
        "a blank part": "media//x",
        "a dot": "media/./x",
        "NUL": "media/a\0b",
        "an escape": "media/\x1b[2J",
        "eight bits of escape": "media/\x9b2J",
        "right to left": "media/\u202egvs.x",
        "a line": "media/a\nb",
        "a line of Unicode": "media/a\u2028b",
        "half a character": "media/\ud800",
        "a backslash": "media\\x",
        "a number": 5,
        "a list": ["media/x"],
        "none": None,
    }
    made = {name: with_files(good, listed) for name, listed in wrong.items()}
    made["twice the same"] = with_files(good, "media/x", "media/x")
    made["file and folder"] = with_files(good, "media/x", "media/x/y")
    made["folder and file"] = with_files(good, "media/x/y", "media/x")
    return made


def tars(good: Good) -> Cases:
    """Instead of the database's own header."""
    size, data = len(good.database), good.database + b"\0" * (-len(good.database) % 512)
    plain = header("pressroom.db", size) + data
    kinds = {f"kind {kind}": header("pressroom.db", size, kind.encode()) + data for kind in "1234567ADKLMNSVXg"}
    records = {
        f"record {record!r}": entry("x", record, b"x") + plain
        for record in (b"0 path=x\n", b"9 path=x\n", b"11 path=x\n", b"99999 path=x\n", b"path=x\n", b"-10 path=x\n",
                       b"10 path=x ", b"5 x=\n", b"08 path=\n", b"9 path=\n\n", b"1" * 9_000, b"9 =abcde\n",
                       pax(size="-1"), pax(size="1" * 16), pax(size="1e3"), pax(size="\u0661"), pax(path="media/x"),
                       pax(size=str(size - 1)), b"\xff" * 512)
    }  # fmt: skip
    written = kinds | records | {
        "a size of letters": header("pressroom.db", size, size_field=b"99999999999\0") + data,
        "a size below none": header("pressroom.db", size, size_field=b"-0000001000\0") + data,
        "no size": header("pressroom.db", size, size_field=b" " * 12) + data,
        "a size in base 256": header("pressroom.db", size, size_field=b"\x80" + size.to_bytes(11, "big")) + data,
        "a wrong checksum": header("pressroom.db", size, checksum=b"000001\0 ") + data,
        "no checksum": header("pressroom.db", size, checksum=b"\0" * 8) + data,
        "full of ones": b"\xff" * 512 + data,
        "another name": header("pressroom.dc", size) + data,
        "a folder's name": header("pressroom.db/", size) + data,
        "a longer size": header("pressroom.db", size + 1) + data,
        "headers of headers": entry("x", pax(path="pressroom.db"), b"x") * 2 + plain,
        "10,000 headers": entry("x", pax(path="pressroom.db"), b"x") * 10_000 + plain,
        "a header of nothing": entry("x", pax(path="pressroom.db"), b"x"),
        "a sparse file": entry("x", pax(**{"GNU.sparse.major": "1", "GNU.sparse.name": "x"}), b"x") + plain[1024:],
        "the end": b"\0" * 1024 + plain,
        "twice": plain * 2,
    }  # fmt: skip
    made = {name: of(good, changed(good), first, entry(LOGO, good.logo)) for name, first in written.items()}
    first = (entry("manifest.json", changed(good)), plain, entry(LOGO, good.logo))
    made |= {
        "something behind the end": packed(*first, END, b"evil"),
        "much behind the end": packed(*first, END, b"\0" * MEGABYTE),
        "no manifest": packed(plain, END),
        "manifest as link": packed(entry("manifest.json", changed(good), b"2"), *first[1:], END),
        "nothing but the end": packed(END),
    }
    return made


def streams(good: Good) -> Cases:
    tar = gzip.decompress(good.whole)
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = squeezed.compress(tar) + squeezed.flush()
    head = b"\x1f\x8b\x08%c" + b"\0" * 6
    sums = zlib.crc32(tar).to_bytes(4, "little") + (len(tar) % 2**32).to_bytes(4, "little")
    return {
        "an empty file": b"",
        "no gzip": tar,
        "noise": sha256(b"").digest() * 1_000,
        "bzip2": bz2.compress(tar),
        "zlib": zlib.compress(tar),
        "deflate": raw,
        "gzip in gzip": gzip.compress(good.whole),
        "a wrong checksum": head % 0 + raw + b"\0\0\0\0" + sums[4:],
        "a wrong length": head % 0 + raw + sums[:4] + b"\0\0\0\0",
        "no checksum": head % 0 + raw,
        "a name without an end": head % 8 + b"x" * 100,
        "a method of nobody": b"\x1f\x8b\x09" + good.whole[3:],
        "junk": good.whole + b"evil",
        "another stream": good.whole + gzip.compress(b""),
        "two archives": good.whole * 2,
        "streams of a block": b"".join(gzip.compress(tar[n : n + 512]) for n in range(0, len(tar), 512)),
    }


CHANGED_DATABASES = {
    "trigger": "CREATE TRIGGER evil AFTER INSERT ON page BEGIN DELETE FROM user; END",
    "view": "CREATE VIEW evil AS SELECT * FROM user",
    "view for table": "ALTER TABLE about RENAME TO a; CREATE VIEW about AS SELECT * FROM a",
    "virtual table": "CREATE VIRTUAL TABLE evil USING fts5 (a)",
    "other search": "DROP TABLE search; CREATE VIRTUAL TABLE search USING fts5 (title, body, plain, prefix=9)",
    "no search": "DROP TABLE search",
    "generated column": "CREATE TABLE evil (a, b GENERATED ALWAYS AS (hex(zeroblob(a))))",
    "generated column in short": "ALTER TABLE post ADD COLUMN evil AS (hex(zeroblob(499999999)))",
    "check": "CREATE TABLE evil (a CHECK (length(zeroblob(999999999)) > a)); INSERT INTO evil VALUES (1)",
    "index that computes": "CREATE INDEX evil ON post (hex(zeroblob(9)))",
    "index of a part": "CREATE INDEX evil ON post (id) WHERE id > 1",
    "index that compares": "CREATE INDEX evil ON post (body LIKE '%a%b')",
    "default that computes": "ALTER TABLE page RENAME TO p; CREATE TABLE page (path TEXT, version INTEGER,"
    " x TEXT DEFAULT (hex(zeroblob(200000000)))); INSERT INTO page SELECT path, version, '' FROM p; DROP TABLE p",
    "no JSON": "UPDATE post SET toc = '{not json'",
    "JSON without end": "UPDATE post SET toc = '" + "[" * 5000 + "]" * 5000 + "'",
    "bytes as SQL": "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = CAST(sql AS BLOB) WHERE name = 'page'",
    "bytes as an index's SQL": "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = CAST(sql AS BLOB)"
    " WHERE name = 'ix_page_version'",
    "a key as table": "PRAGMA writable_schema = ON; UPDATE sqlite_master SET type = 'table'"
    " WHERE name LIKE 'sqlite_autoindex_user%'",
    "no table": "DROP TABLE about",
    "no column": "ALTER TABLE \"update\" RENAME COLUMN body TO text",
    "an escape as name": "CREATE VIEW \"\x1b[2J\x9b\u202e\" AS SELECT 1",
    "no schema": "DELETE FROM alembic_version",
    "schemas": "INSERT INTO alembic_version (version_num) VALUES ('0001')",
    "an older schema": "UPDATE alembic_version SET version_num = '0001'",
    "a schema to come": "UPDATE alembic_version SET version_num = '9999'",
    "a schema of bytes": "UPDATE alembic_version SET version_num = x'ff'",
    "text that is none": "UPDATE post SET title = CAST(x'ff1b' AS TEXT)",
    "bytes for text": "UPDATE post SET title = x'00'",
    "text for number": "UPDATE post SET seq = 'evil'",
    "fraction for number": "UPDATE post SET published_at = 1.5",
    "the end of time": "UPDATE post SET created_at = 9223372036854775807",
    "the last page": "INSERT INTO page VALUES ('/x', 9223372036854775807)",
    "the last page but some": "INSERT INTO page VALUES ('/x', 253402300799999)",
    "number of a page": "INSERT INTO page VALUES ('/x', 'x')",
    "nobody's comment": "PRAGMA foreign_keys = OFF; UPDATE comment SET author_id = 999",
    "an unknown collation": "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE tag (id INTEGER,"
    " \"key\" COLLATE evil, name)' WHERE name = 'tag'",
    "no SQL": "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'evil' WHERE name = 'tag'",
    "no text as SQL": "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = x'ff' WHERE name = 'tag'",
    "a root elsewhere": "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 9999 WHERE name = 'tag'",
    "a root of another": "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 2 WHERE name = 'tag'",
    "a thing of no kind": "PRAGMA writable_schema = ON; UPDATE sqlite_master SET type = 'evil' WHERE name = 'tag'",
}  # fmt: skip


def changed_database(good: Good, folder: Path, script: str) -> bytes:
    file = folder / "changed.db"
    file.write_bytes(good.database)
    with closing(sqlite3.connect(file)) as opened:
        opened.executescript(script)
    return file.read_bytes()


def databases(good: Good, folder: Path) -> Cases:
    whole = good.database
    written = {name: changed_database(good, folder, script) for name, script in CHANGED_DATABASES.items()}
    written |= {
        "an empty database": b"",
        "a database's first page": whole[:4096],
        "half a database": whole[: len(whole) // 2],
        "a header alone": whole[:100],
        "too many pages": whole[:28] + b"\x7f\xff\xff\xff" + whole[32:],
        "a size of page": whole[:16] + b"\0\0" + whole[18:],
        "a format to come": whole[:18] + b"\x09\x09" + whole[20:],
        "pages of noise": whole[:4096] + sha256(b"").digest() * ((len(whole) - 4096) // 32),
        "pages of nothing": whole[:4096] + b"\0" * (len(whole) - 4096),
        "schema of nothing": whole[:100] + b"\0" * (len(whole) - 100),
    }
    made = {}
    for name, database in written.items():
        listed = [member("pressroom.db", database), member(LOGO, good.logo)]
        made[name] = of(good, changed(good, members=listed), entry("pressroom.db", database), entry(LOGO, good.logo))
    return made


def costly(good: Good) -> Iterator[tuple[str, bytes]]:
    """What would take memory or time. The manifest may have 20 MB."""
    most = archive.MANIFEST_BYTES - 100

    def first(name: str, kind: bytes, begin: bytes, filling: bytes, megabytes: int) -> bytes:
        stream = zlib.compressobj(1, zlib.DEFLATED, 31)
        chunk = filling * (MEGABYTE // len(filling))
        pieces = [stream.compress(header(name, megabytes * MEGABYTE, kind) + begin)]
        return b"".join([*pieces, *(stream.compress(chunk) for _ in range(megabytes)), stream.flush()])

    yield "a header of 250 MB", first("x", b"x", b"", b"x", 250)
    yield "a header of digits", first("x", b"x", b"", b"1", 20)
    yield "a header for all", first("x", b"g", b"", b"0", 20)
    yield "a long name", first("x", b"L", b"", b"x", 20)
    yield "a large manifest", first("manifest.json", b"0", b"", b" ", 250)
    for filling in (b"[],", b"{},", b'{"":0},', b'"ab",', b"1000,", b"1.5,", b"[[]],", b'{"":[{"":0}]},'):
        yield f"much {filling!r}", of(good, b"[" + filling * (most // len(filling)))
    yield (
        "as many objects as can be",
        of(good, b"[" + b'{"":0},' * (archive.MANIFEST_VALUES // 2 - 1) + b" " * (most // 2)),
    )
    yield "a text of 20 MB", of(good, changed(good, version="x" * (most - 10_000)))
    yield "a number of 20 MB", of(good, b'{"made_at": ' + b"9" * most)
    yield "blanks", of(good, b" " * most)
    yield "a gzip name of 20 MB", b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"x" * 20 * MEGABYTE
    yield "a million streams", gzip.compress(b"") * MEGABYTE
    yield "zeros behind the end", gzip.compress(gzip.decompress(good.whole) + b"\0" * 100 * MEGABYTE, 1)
    yield "as many members as can be", of(good, members(good, 124_000), entry("pressroom.db", b""))
    yield "as deep as can be", of(good, changed(good, members=[
        member("media/" + f"{n}/" * 18 + "x", b"") for n in range(100_000)]))  # fmt: skip


def members(good: Good, count: int) -> bytes:
    return changed(good, members=[member("pressroom.db", b""), *(member(f"media/{n}", b"") for n in range(count))])


# What is done with them


@pytest.fixture
def good(app: Flask, ada: Person, eve: Person, tmp_path: Path) -> Good:
    post_id = ada.write_post(title="The derby", live="y")
    ada.add_update(post_id)
    eve.comment(post_id)
    logo = app.config["INSTANCE"] / LOGO
    logo.write_bytes(b"<svg/>")
    try:
        return Good(made(app, tmp_path / "good.tar.gz"))
    finally:
        logo.unlink()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "restored"


@pytest.fixture
def refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Cases], None]:
    """Refuses each of these archives, and then restores a good one."""
    monkeypatch.setenv("PRESSROOM_INSTANCE", str(folder))

    def refused(cases: Cases) -> None:
        wrong = [f"{name}: {fault}" for name, written in cases.items() if (fault := _fault(name, written))]
        assert wrong == []
        restore.restore(tmp_path / "good.tar.gz", settings_for(folder), nothing)

    def _fault(name: str, written: bytes) -> str:
        file = tmp_path / "hostile.tar.gz"
        file.write_bytes(written)
        return fault(file, folder)

    return refused


def fault(file: Path, folder: Path) -> str:
    began = time.process_time()
    result = CliRunner().invoke(put_back, [str(file)])
    spent = time.process_time() - began
    last = result.stderr.rstrip("\n").split("\n")[-1]
    if folder.exists():
        shutil.rmtree(folder)
        return f"left {folder}, {result.output}"
    if not isinstance(result.exception, SystemExit) or result.exit_code != 1:
        return f"{result.exception!r}, {result.output}"
    if not last.startswith("Error: ") or not last.isprintable() or len(last) > 2_000:
        return f"said {result.stderr!r}"
    return f"took {spent:.1f} s" if spent > CPU_SECONDS else ""


@pytest.mark.parametrize("kind", [manifests, names, tars, streams])
def test_a_hostile_archive_is_refused_in_one_line_and_leaves_nothing(
    good: Good, refused: Callable[[Cases], None], kind: Callable[[Good], Cases]
) -> None:
    refused(kind(good))


def test_a_hostile_database_is_refused_in_one_line_and_leaves_nothing(
    good: Good, refused: Callable[[Cases], None], tmp_path: Path
) -> None:
    refused(databases(good, tmp_path))


def test_it_may_end_at_any_block(good: Good, refused: Callable[[Cases], None]) -> None:
    tar = gzip.decompress(good.whole)
    end = len(tar.rstrip(b"\0"))
    cut = [*range(0, 5_120, 512), *range(5_120, end, 51_200), end // 512 * 512, end]
    refused({f"{length}": gzip.compress(tar[:length], 1) for length in cut})


def test_what_is_no_file_is_not_waited_for(
    good: Good, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_INSTANCE", str(folder))
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "socket"))
        names = ["fifo", "link", "loop", "dangling", "socket", "nowhere", ".", "x" * 300, "\udcff\x1b"]
        files = [*(tmp_path / name for name in names), Path("/dev/zero"), Path("/dev/null")]
        assert [f"{file}: {said}" for file in files if (said := fault(file, folder))] == []


def test_names_that_another_system_minds_come_back(good: Good, folder: Path, tmp_path: Path) -> None:
    names = [
        "media/A",
        "media/a",
        "media/\u00e9",
        "media/e\u0301",
        "media/CON",
        "media/x:y",
        "media/x.",
        "media/" + "x" * 255,
    ]
    (tmp_path / "file").write_bytes(with_files(good, *names))
    restore.restore(tmp_path / "file", settings_for(folder), nothing)
    assert [name for name in names if (folder / name).read_bytes() != b"evil"] == []


def test_a_database_in_wal_mode_comes_back(good: Good, folder: Path, tmp_path: Path) -> None:
    database = good.database[:18] + b"\2\2" + good.database[20:]
    listed = [member("pressroom.db", database), member(LOGO, good.logo)]
    file = tmp_path / "file"
    file.write_bytes(of(good, changed(good, members=listed), entry("pressroom.db", database), entry(LOGO, good.logo)))
    restore.restore(file, settings_for(folder), nothing)
    assert len(content(folder / "pressroom.db")["update"]) == 1


def test_a_file_above_8_gb_has_its_size_in_a_header_of_its_own(tmp_path: Path) -> None:
    info = tarfile.TarInfo("media/中" + "x" * 200)
    info.size = 9_000_000_000
    written = info.tobuf(tarfile.PAX_FORMAT)
    (tmp_path / "file").write_bytes(gzip.compress(written))
    with (tmp_path / "file").open("rb") as file:
        assert archive._header(archive.io.BufferedReader(archive._Unpacked(file))) == (info.name, info.size)


SCRIPT = """
import gc, re, sys; from pathlib import Path; from test_hostile_archives import fault
def most(): return int(re.search("VmHWM:.*?([0-9]+)", Path("/proc/self/status").read_text())[1]) // 1000
before = most()
for name in sys.argv[2:]:
    said, megabytes = fault(Path(name), Path(sys.argv[1])), most() - before
    gc.collect()  # what an error holds, in a circle with its traceback
    if said or megabytes > 200:
        print(f"{name}: {said}, {megabytes} MB")
"""


@pytest.mark.slow
def test_it_costs_little_memory_and_time(good: Good, folder: Path, tmp_path: Path) -> None:
    names = []
    for number, (name, written) in enumerate(costly(good)):
        file = tmp_path / f"{number} {name.replace('/', '')[:40]}"
        file.write_bytes(written)
        names.append(str(file))
    path = os.pathsep.join(map(str, [CHECKOUT, CHECKOUT / "tests", CHECKOUT / "tests" / "ops"]))
    environ = os.environ | {"PRESSROOM_INSTANCE": str(folder), "PYTHONPATH": path}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, *names], env=environ, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
