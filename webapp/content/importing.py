"""Import: Markdown files with YAML front matter, as published posts."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from pathlib import Path
from typing import Any

import frontmatter
import yaml
from frontmatter.default_handlers import YAMLHandler
from sqlalchemy import select

from ..db.engine import WriteSession
from ..models import Post, User
from ..text.language import guess_language
from ..text.markdown import TextRefused
from ..text.render import render_post
from ..values import is_blank
from . import posts
from .posts import split_names

SUFFIXES = (".md", ".markdown")
FILE_BYTES = 400_000  # a post has half of that
FRONT_LENGTH, FRONT_DEPTH = 20_000, 10
DATE_LENGTH = 100
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


class CannotImport(Exception):
    """One file can't become a post; the message says why."""


@dataclass(frozen=True)
class Source:
    """A file, read and rendered. `at_ms` is None when the front matter has no date."""

    path: Path
    writing: posts.Writing
    at_ms: int | None


class _FrontMatter(YAMLHandler):
    """YAML that means no more than is written: without aliases, of which a few lines stand for millions."""

    def load(self, fm: str, **_kwargs: object) -> Any:
        loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
        if len(fm) > FRONT_LENGTH:
            raise CannotImport(f"its front matter is longer than {FRONT_LENGTH:,} characters")
        try:
            depth = 0
            for event in yaml.parse(fm, loader):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if isinstance(event, yaml.AliasEvent) or depth > FRONT_DEPTH:
                    raise ValueError("aliases (*name) and more than 10 levels aren't supported")
            return yaml.load(fm, loader)  # noqa: S506
        except Exception as error:  # at `!!bool x` it is a KeyError, at `!!timestamp x` an AttributeError
            reason = " ".join(str(error).split())
            raise CannotImport(f"invalid YAML front matter: {reason[:300]}") from None


_YAML = _FrontMatter()


def files(paths: list[Path]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The Markdown files among `paths` and below its folders, hidden ones aside, in a steady order.

    And what below the folders is refused, with the reason: what can't be read, and links that lead out of them, as
    whoever sent the folder shall not publish files of whoever imports it.
    """
    found, refused = set[Path](), list[tuple[Path, str]]()
    for path in paths:
        if path.is_file():
            found.add(path.resolve())
            continue
        for file in _below(path, refused):
            if file.resolve().is_relative_to(path.resolve()):
                found.add(file.resolve())
            else:
                refused.append((file, "a link that leads out of the folder"))
    return sorted(found), sorted(refused)


def _below(folder: Path, refused: list[tuple[Path, str]]) -> Iterator[Path]:
    """Without recursion: folders may be deeper than Python goes."""
    folders = [folder]
    while folders:
        here = folders.pop()
        try:
            entries = list(os.scandir(here))
        except OSError as error:
            refused.append((here, error.strerror or "can't be read"))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry))
            elif entry.name.lower().endswith(SUFFIXES) and os.path.isfile(entry):  # noqa: PTH113 (False for a loop)
                yield Path(entry)


def read(path: Path, zone: tzinfo, language: str = "en") -> Source:
    """Raises CannotImport."""
    try:
        str(path).encode()
        meta, body = _split(_text(path))
        title, body = _title(_line(meta.get("title")), body, path)
        writing = posts.Writing(
            title=title[:200],
            body=body,
            rendered=render_post(body),
            summary=_line(meta.get("summary") or meta.get("description"))[:500],
            tags=_tags(meta.get("tags")),
            language=_language(meta.get("language", meta.get("lang"))) or guess_language(f"{title}\n{body}", language),
        )
        return Source(path, writing, _at_ms(meta.get("date"), zone))
    except UnicodeDecodeError:
        raise CannotImport("not UTF-8 text") from None
    except UnicodeEncodeError:
        raise CannotImport("the file name isn't UTF-8") from None
    except (OSError, TextRefused) as error:
        raise CannotImport(getattr(error, "strerror", None) or str(error)) from None
    except ValueError as error:  # a number of thousands of digits
        raise CannotImport(f"invalid YAML front matter: {error}") from None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        written = file.read(FILE_BYTES + 1)
    if len(written) > FILE_BYTES:
        raise CannotImport(f"longer than {FILE_BYTES // 1000} kB")
    return io.TextIOWrapper(io.BytesIO(written), "utf-8-sig").read()


def _split(text: str) -> tuple[dict[str, Any], str]:
    """Front matter and the rest. Only YAML counts: a text may begin with the `{` or `+++` of other kinds."""
    text = text.replace("\0", "")
    return frontmatter.parse(text, handler=_YAML) if _YAML.detect(text) else ({}, text.strip())


def _line(written: Any) -> str:
    text = str(written or "").replace("\0", "").encode("utf-8", "replace").decode()
    return "" if is_blank(text) else " ".join(text.split())


def _title(title: str, body: str, path: Path) -> tuple[str, str]:
    """The title, from the front matter, the first heading or the file's name; a heading that repeats it goes."""
    line, _, rest = body.lstrip().partition("\n")
    heading = line[1:].strip(" \t").rstrip("#").rstrip(" \t") if line.startswith(("# ", "#\t")) else ""
    if heading and title in ("", heading):
        return heading, rest.lstrip("\n")
    return title or path.stem, body


def _tags(written: Any) -> list[str]:
    listed = written if isinstance(written, list) else [written]
    names = split_names(",".join(_line(name) for name in listed))
    return [name for name in names if posts.tag_key(name) and len(name) <= posts.TAG_LENGTH][: posts.TAGS_PER_POST]


def _language(written: Any) -> str:
    """A code as in HTML's `lang`; empty for what is none. YAML takes the code of Norwegian for a False."""
    code = "no" if written is False else _line(written).replace("_", "-")
    return code if len(code) <= posts.LANGUAGE_LENGTH and _LANGUAGE.fullmatch(code) else ""


def _at_ms(written: Any, zone: tzinfo) -> int | None:
    """A time without a zone is meant in the site's. Raises CannotImport for what is no time."""
    if written is None:
        return None
    if isinstance(written, str) and len(written) <= DATE_LENGTH:
        try:
            # Jekyll writes "2026-03-01 20:41:00 +0100".
            written = datetime.fromisoformat(re.sub(r"\s+(?=[+-]\d)", "", written.strip()))
        except ValueError:
            raise _no_date(written) from None
    if isinstance(written, date) and not isinstance(written, datetime):
        written = datetime.combine(written, time(12))
    if not isinstance(written, datetime) or not 1 < written.year < 9999:
        raise _no_date(written)
    aware = written if written.tzinfo else written.replace(tzinfo=zone)
    return int(aware.timestamp() * 1000)


def _no_date(written: Any) -> CannotImport:
    return CannotImport(f"its date is {written!r:.100}; write it as 2026-03-01 20:41")


def store(session: WriteSession, source: Source, author_id: int) -> bool:
    """Publish the file's post; False when it was imported before, from this path or with this text."""
    writing = source.writing
    same = (Post.source == str(source.path)) | ((Post.title == writing.title) & (Post.body == writing.body))
    if session.scalar(select(Post.id).where(same).limit(1)) is not None:
        return False
    author = session.get_one(User, author_id)
    post = posts.create(session, [author], writing, actor_id=author_id)
    post.source = str(source.path)
    posts.publish(session, post.id, source.at_ms)
    post.changed_at = post.published_at or post.changed_at  # another author, later on, isn't to tell the import's time
    return True
