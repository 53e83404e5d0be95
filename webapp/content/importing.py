"""Import: Markdown files with front matter, as published posts."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ..db.engine import WriteSession
from ..models import Post, User
from ..text.language import guess_language
from ..text.markdown import TextRefused
from ..text.render import render_post
from ..values import NOT_TEXT, is_blank, language_tag, unescaped
from . import front_matter, posts, written_dates
from .posts import split_names

SUFFIXES = (".md", ".markdown", ".mdown", ".mkd", ".mdx")
FILE_BYTES = 400_000  # a post has half of that
DATES = ("date", "published", "publishdate", "pubdate", "created", "published_at", "created_at")
LATER = ("publish_date", "scheduled", "scheduled_at", "publish_at", "publish_on", "embargo")
YES, NO = frozenset({"true", "yes", "on", "1", "y", "t"}), frozenset({"false", "no", "off", "0", "n", "f"})
NOTHING = frozenset({"", "~", "null", "Null", "NULL"})  # YAML's
# Of keys that keep a text from readers by what they say; any other word does too.
SHUT = ("draft", "private", "hidden", "unlisted", "unpublished", "isdraft", "is_draft", "is_private")
OPEN = ("published", "publish", "public", "ispublished", "is_published", "is_public", "permalink")
STATUS = ("status", "visibility", "access", "post_status")
FOR_READERS = frozenset(
    "publish published public live final done complete completed finished active open all free".split()
)
DRAFTS = frozenset("_draft _drafts draft drafts _unpublished unpublished _private".split())
_MARKED = re.compile(r"<(em|i|b|strong|code|span|small|sub|sup)>([^<]*)</\1>|`([^`]+)`")
FOLDERS = 3  # above a file: their names may say that it is a draft


class CannotImport(Exception):
    """One file can't become a post; the message says why."""


class NotForReaders(CannotImport):
    """A draft, or what is to come: nobody made a mistake."""


@dataclass(frozen=True)
class Source:
    """A file, read and rendered. `at_ms` is None when neither front matter nor name has a date."""

    path: Path
    writing: posts.Writing
    at_ms: int | None


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
        meta, body = front_matter.split(NOT_TEXT.sub("", _text(path)))
        dates = _dates(meta, path, zone)
        later = [written_dates.moment(meta[key], zone) for key in LATER if not _is_nothing(meta.get(key, ""))]
        if reason := _restricted(meta, path, max([*dates, *later], default=None)):
            raise NotForReaders(reason)
        title, body = _title(_plain(_line(meta.get("title"))), body, path)
        writing = posts.Writing(
            title=title[:200],
            body=body,
            rendered=render_post(body),
            summary=_plain(_line(meta.get("summary") or meta.get("description") or meta.get("excerpt")))[:500],
            tags=_tags(meta.get("tags") or meta.get("tag"), meta.get("categories") or meta.get("category")),
            language=_language(meta.get("language") or meta.get("lang") or meta.get("locale"))
            or guess_language(f"{title}\n{body}", language),
        )
        return Source(path, writing, int(dates[0].timestamp() * 1000) if dates else None)
    except UnicodeDecodeError:
        raise CannotImport("not UTF-8 text") from None
    except UnicodeEncodeError:
        raise CannotImport("the file name isn't UTF-8") from None
    except (OSError, TextRefused, front_matter.Unreadable, written_dates.NoDate) as error:
        raise CannotImport(getattr(error, "strerror", None) or str(error)) from None
    except (ValueError, RecursionError) as error:  # such as a number of thousands of digits
        raise CannotImport(f"its front matter can't be read: {' '.join(str(error).split()):.200}") from None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        written = file.read(FILE_BYTES + 1)
    if len(written) > FILE_BYTES:
        raise CannotImport(f"longer than {FILE_BYTES // 1000} kB")
    return io.TextIOWrapper(io.BytesIO(written), "utf-8-sig").read()


def _line(written: Any) -> str:
    """One value in one line; nothing for a list or mapping, whose parts mean nothing by themselves."""
    if written is None or isinstance(written, list | dict) or written in NOTHING:
        return ""
    text = NOT_TEXT.sub("", str(written))
    return "" if is_blank(text) else " ".join(text.split())


def _plain(written: str) -> str:
    """Without entities and the marks of HTML and Markdown that some generators render in a title."""
    return _MARKED.sub(lambda found: found[2] or found[3] or "", unescaped(written))


def _restricted(meta: dict[str, Any], path: Path, last: datetime | None) -> str:
    """Why readers shall not see it, in a few words; empty when they may. In doubt they may not."""
    for key, value in meta.items():
        said = "more than one word" if isinstance(value, list | dict) else _line(value).lower()
        if (
            (key in SHUT and said not in NO | NOTHING)
            or (key in OPEN and said in NO)
            or (key in STATUS and said not in YES | FOR_READERS | NOTHING)
        ):
            return f"{key}: {said:.40}"
    if _line(meta.get("password")):
        return "it has a password"
    if DRAFTS & {part.lower() for part in path.parts[-FOLDERS - 1 : -1]}:
        return "it is in a folder of drafts"
    return f"its date, {last:%Y-%m-%d}, is to come" if last and last > datetime.now(UTC) else ""


def _dates(meta: dict[str, Any], path: Path, zone: tzinfo) -> list[datetime]:
    """Those of the front matter, the post's own first; else that of the file's or folder's name. Raises NoDate."""
    written = [meta[key] for key in DATES if key in meta and not _is_nothing(meta[key])]
    dates = [written_dates.moment(value, zone) for value in written if not _is_answer(value)]
    if dates:
        return dates
    named = written_dates.of_path(path, zone)
    return [named] if named else []


def _is_nothing(value: Any) -> bool:
    return isinstance(value, str) and value in NOTHING


def _is_answer(value: Any) -> bool:
    """`published` says when, or whether."""
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in YES | NO)


def _title(title: str, body: str, path: Path) -> tuple[str, str]:
    """The title, from the front matter, the first heading or the file's name; a heading that repeats it goes."""
    line, _, rest = body.lstrip().partition("\n")
    heading = line[1:].strip(" \t").rstrip("#").rstrip(" \t") if line.startswith(("# ", "#\t")) else ""
    if heading and title in ("", heading):
        return heading, rest.lstrip("\n")
    return title or _line(path.stem), body


def _tags(*written: Any) -> list[str]:
    names = split_names(",".join(_line(name) for name in _leaves(written)))
    return [name for name in names if posts.tag_key(name) and len(name) <= posts.TAG_LENGTH][: posts.TAGS_PER_POST]


def _leaves(written: Any) -> Iterator[Any]:
    """What is in lists of lists and mappings, to any depth that front matter has."""
    if isinstance(written, dict):
        written = list(written.values())
    if isinstance(written, list | tuple):
        for inner in written:
            yield from _leaves(inner)
    else:
        yield written


def _language(written: Any) -> str:
    """A code as in HTML's `lang`; empty for what is none."""
    try:
        code = language_tag(_line(written).replace("_", "-"))
    except ValueError:
        return ""
    return code if len(code) <= posts.LANGUAGE_LENGTH else ""


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
