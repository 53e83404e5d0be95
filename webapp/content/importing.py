"""Import: Markdown files with YAML front matter, as published posts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from pathlib import Path
from typing import Any

import frontmatter
from frontmatter.default_handlers import YAMLHandler
from sqlalchemy import select
from yaml import YAMLError

from ..db.engine import WriteSession
from ..models import Post, User
from ..text.language import guess_language
from ..text.markdown import TextRefused
from ..text.render import render_post
from ..values import is_blank
from . import posts
from .posts import split_names

SUFFIXES = (".md", ".markdown")
_YAML = YAMLHandler()
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_FIRST_HEADING = re.compile(r"\A\s*#[ \t]+(.+?)[ \t]*#*[ \t]*(?:\n|\Z)")


class CannotImport(Exception):
    """One file can't become a post; the message says why."""


@dataclass(frozen=True)
class Source:
    """A file, read and rendered. `at_ms` is None when the front matter has no date."""

    path: Path
    writing: posts.Writing
    at_ms: int | None


def files(paths: list[Path]) -> list[Path]:
    """The Markdown files among `paths` and below its folders, hidden ones aside, in a steady order."""
    return sorted({file.resolve() for path in paths for file in _files(path)})


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in path.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if file.suffix.lower() in SUFFIXES and file.is_file() and not hidden:
            yield file


def read(path: Path, zone: tzinfo, language: str = "en") -> Source:
    """Raises CannotImport."""
    try:
        str(path).encode()
        meta, body = _split(path.read_text("utf-8-sig"))
        title, body = _title(_line(meta.get("title")), body, path)
        rendered = render_post(body)
    except UnicodeDecodeError:
        raise CannotImport("not UTF-8 text") from None
    except UnicodeEncodeError:
        raise CannotImport("the file name isn't UTF-8") from None
    except (OSError, TextRefused) as error:
        raise CannotImport(str(error)) from None
    except (YAMLError, ValueError) as error:  # a date such as 2026-13-45 is a ValueError
        raise CannotImport(f"invalid YAML front matter: {' '.join(str(error).split())}") from None
    writing = posts.Writing(
        title=title[:200],
        body=body,
        rendered=rendered,
        summary=_line(meta.get("summary") or meta.get("description"))[:500],
        tags=_tags(meta.get("tags")),
        language=_language(meta.get("language", meta.get("lang"))) or guess_language(f"{title}\n{body}", language),
    )
    return Source(path, writing, _at_ms(meta.get("date"), zone))


def _split(text: str) -> tuple[dict[str, Any], str]:
    """Front matter and the rest. Only YAML counts: a text may begin with the `{` or `+++` of other kinds."""
    text = text.replace("\0", "")
    return frontmatter.parse(text, handler=_YAML) if _YAML.detect(text) else ({}, text.strip())


def _line(written: Any) -> str:
    line = " ".join(str(written or "").replace("\0", "").split())
    return "" if is_blank(line) else line


def _title(title: str, body: str, path: Path) -> tuple[str, str]:
    """The title, from the front matter, the first heading or the file's name; a heading that repeats it goes."""
    heading = _FIRST_HEADING.match(body)
    if heading and title in ("", heading[1]):
        return heading[1], body[heading.end() :].lstrip("\n")
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
    if isinstance(written, str):
        try:
            # Jekyll writes "2026-03-01 20:41:00 +0100".
            written = datetime.fromisoformat(re.sub(r"\s+(?=[+-]\d)", "", written.strip()))
        except ValueError:
            raise CannotImport(f"its date is {written!r}; write it as 2026-03-01 20:41") from None
    if isinstance(written, date) and not isinstance(written, datetime):
        written = datetime.combine(written, time(12))
    if not isinstance(written, datetime) or not 1 < written.year < 9999:
        raise CannotImport(f"its date is {written!r}; write it as 2026-03-01 20:41")
    aware = written if written.tzinfo else written.replace(tzinfo=zone)
    return int(aware.timestamp() * 1000)


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
