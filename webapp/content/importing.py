"""Files of an import: which there are, and what is in them."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..text.language import guess_language
from ..text.markdown import TextRefused
from ..text.render import render_post
from ..text.summary import summary
from ..values import NOT_TEXT, digest, is_blank, language_tag, unescaped
from . import foreign, front_matter, old_addresses, posts, written_dates
from .front_matter import (
    ADDRESSES,
    AUTHORS,
    CATEGORIES,
    DATES,
    EXPIRY,
    IMAGE,
    LANGUAGE,
    LATER,
    OPEN,
    PASSWORD,
    SHUT,
    STATUS,
    SUMMARY,
    TAGS,
)
from .posts import split_names

FILE_BYTES = 400_000  # a post has half of that
YES, NO = frozenset({"true", "yes", "on", "1", "y", "t"}), frozenset({"false", "no", "off", "0", "n", "f"})
NEVER = frozenset({"never", "none", "nobody", "draft", "private", "later"})
NOTHING = frozenset({"", "~", "null", "Null", "NULL"})  # YAML's
FOR_READERS = frozenset(
    "publish published public live final done complete completed finished active open all free".split()
)
DRAFTS = frozenset("_draft _drafts draft drafts _unpublished unpublished _private".split())
_MARKED = re.compile(r"<(em|i|b|strong|code|span|small|sub|sup)>([^<]*)</\1>|`([^`]+)`")
_MORE = re.compile(r"^\s{0,3}<!--\s*more\s*-->", re.MULTILINE | re.IGNORECASE)
_ROOTS = re.compile(r"^(?:content|src|source|pages|_posts)(?:/|$)")  # of generators, which no address has
NO_DATE = "no date"
TAGS_CUT, TITLE_CUT = "Posts with more tags than ten, of which the rest is left out", "Titles cut at 200 characters"
AUTHORS_PER_POST = 10
STATIC = ("static", "source", "public", "content")  # where generators have what addresses from the root name
FOLDERS = 3  # above those that were named: their names, too, may say that it is a draft


class CannotImport(Exception):
    """One file can't become a post; the message says why."""


@dataclass(frozen=True)
class Options:
    """How files are to be read.

    zone: of times without one. language: where it can't be guessed.
    from_mtime: a file without a date has that of its last change. undated: one without any is published all the same.
    static: folders that hold what addresses from the root name, such as `/images/harbour.jpg`.
    pattern: of the old addresses of posts whose file names none (old_addresses.checked_pattern).
    """

    zone: tzinfo
    language: str = "en"
    from_mtime: bool = False
    undated: bool = False
    pattern: str = ""
    static: tuple[Path, ...] = ()


class File(NamedTuple):
    """path: where it is. below: its path below the folder that was named, with `/`; by that it is known again."""

    path: Path
    below: str

    @property
    def root(self) -> Path:
        """The folder that was named."""
        return self.path.parents[self.below.count("/")]


@dataclass(frozen=True)
class Source:
    """A file, read and rendered.

    digest: of the file. at_ms: its date, None for none. reason: why readers shall not see it; empty when they may.
    authors, image: as written. addresses: where it was. cut: what was left out, by kind, and an example.
    """

    file: File
    digest: str
    writing: posts.Writing
    at_ms: int | None
    reason: str = ""
    authors: tuple[str, ...] = ()
    image: str = ""
    addresses: tuple[str, ...] = ()
    cut: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> str:
        return digest(str(self.file.path))

    @property
    def title_digest(self) -> str:
        return digest(self.writing.title)

    @property
    def body_digest(self) -> str:
        return digest(self.writing.body)

    @property
    def text_digest(self) -> str:
        """Of what tells a copy from another post."""
        writing = self.writing
        parts = (writing.title, writing.body, str(self.at_ms), writing.language)
        return digest("\0".join(parts))


def files(paths: list[Path]) -> tuple[list[File], list[tuple[Path, str]]]:
    """The Markdown files among `paths` and below its folders, hidden ones aside, in a steady order.

    And what below the folders is refused, with the reason: what can't be read, and links that lead out of them, as
    whoever sent the folder shall not publish files of whoever imports it.
    """
    found, refused = dict[Path, str](), list[tuple[Path, str]]()
    for path in paths:
        if path.is_file():
            found.setdefault(path.resolve(), path.resolve().name)
            continue
        folder = path.resolve()
        for file in _below(path, refused):
            if (target := file.resolve()).is_relative_to(folder):
                found.setdefault(target, target.relative_to(folder).as_posix())
            else:
                refused.append((file, "a link that leads out of the folder"))
    return [File(*each) for each in sorted(found.items())], sorted(refused)


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
            elif entry.name.lower().endswith(foreign.SUFFIXES) and os.path.isfile(entry):  # noqa: PTH113 (False for a loop)
                yield Path(entry)


def read(file: File, options: Options) -> Source:
    """Raises CannotImport."""
    try:
        file.below.encode()
        return _source(file, _content(file.path), options)
    except UnicodeDecodeError:
        raise CannotImport("not UTF-8 text") from None
    except UnicodeEncodeError:
        raise CannotImport("the file name isn't UTF-8") from None
    except (OSError, TextRefused, front_matter.Unreadable, written_dates.NoDate) as error:
        raise CannotImport(getattr(error, "strerror", None) or str(error)) from None
    except (ValueError, RecursionError) as error:  # such as a number of thousands of digits
        raise CannotImport(f"its front matter can't be read: {' '.join(str(error).split()):.200}") from None


def picture(file: File, to: str, static: tuple[Path, ...]) -> Path | None:
    """The file that an image of the text at `file` names: beside it, in a folder of its name, below the folder that was
    named or one of `static`. No other file of whoever imports it: a link or path that leads out of these is None."""
    named = foreign.path_in(to)
    if not named or "\0" in named:
        return None
    roots = [folder.resolve() for folder in (file.root, *static)]
    below = [root / more for root in roots for more in ("", *(STATIC if root == roots[0] else ()))]
    beside = [] if named.startswith("/") else [file.path.parent, file.path.with_suffix("")]
    for folder in (*beside, *below):
        with suppress(OSError, RuntimeError):  # such as a name too long, or links in a circle
            found: Path = (folder / named.lstrip("/")).resolve()
            if found.is_file() and any(found.is_relative_to(root) for root in roots):
                return found
    return None


def digests(files: list[File]) -> dict[str, str]:
    """Of those that can be read, by their paths below the named folder."""
    found = dict[str, str]()
    for file in files:
        with suppress(OSError, CannotImport):
            found[file.below] = sha256(_content(file.path)).hexdigest()
    return found


def _source(file: File, content: bytes, options: Options) -> Source:
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig").read()
    meta, body = front_matter.split(NOT_TEXT.sub("", text))
    body = foreign.without_comments(body)
    dates = _dates(meta, file.path, options)
    later = _moments(meta, LATER, options)
    last = max([*dates, *later], default=None)
    date = last if last and last > datetime.now(UTC) else max(later, default=None) or (dates[0] if dates else None)
    title, body = _title(_plain(_line(meta.get("title"))), body, file.path)
    rendered, tags = render_post(body), _tags(meta)
    writing = posts.Writing(
        title=title[:200],
        body=body,
        rendered=rendered,
        summary=_plain(_line(_first(meta, SUMMARY)))[:500] or _before_more(body),
        tags=tags[: posts.TAGS_PER_POST],
        language=_language(_first(meta, LANGUAGE))
        or _language(foreign.language_of(file.below))
        or guess_language(f"{title}\n{body}", options.language),
    )
    reason = _restricted(meta, file, last) or _expired(meta, options)
    cut = [(TAGS_CUT, tags[posts.TAGS_PER_POST])] if len(tags) > posts.TAGS_PER_POST else []
    cut += [(TITLE_CUT, title[:60])] if len(title) > len(writing.title) else []
    return Source(
        file,
        sha256(content).hexdigest(),
        writing,
        int(date.timestamp() * 1000) if date else None,
        reason or ("" if date or options.undated else NO_DATE),
        tuple(_authors(_first(meta, AUTHORS))),
        next((leaf for leaf in _leaves_of(_first(meta, IMAGE)) if re.search("[/.]", leaf)), "")[:500],
        tuple(_addresses(meta, file, date, options)),
        tuple(cut),
    )


def _moments(meta: dict[str, Any], keys: tuple[str, ...], options: Options) -> list[datetime]:
    return [written_dates.moment(meta[key], options.zone) for key in keys if not _is_nothing(meta.get(key, ""))]


def _first(meta: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((meta[key] for key in keys if meta.get(key)), None)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        written = file.read(FILE_BYTES + 1)
    if len(written) > FILE_BYTES:
        raise CannotImport(f"longer than {FILE_BYTES // 1000} kB")
    return written


def _before_more(body: str) -> str:
    """What stands above the mark that ends an excerpt, if it is short."""
    mark = _MORE.search(body)
    return summary(render_post(body[: mark.start()]).html, 500) if mark and mark.start() < 2_000 else ""


def _line(written: Any) -> str:
    """One value in one line; nothing for a list or mapping, whose parts mean nothing by themselves."""
    if written is None or isinstance(written, list | dict) or written in NOTHING:
        return ""
    text = NOT_TEXT.sub("", str(written))
    return "" if is_blank(text) else " ".join(text.split())


def _plain(written: str) -> str:
    """Without entities and the marks of HTML and Markdown that some generators render in a title."""
    return _MARKED.sub(lambda found: found[2] or found[3] or "", unescaped(written))


def _restricted(meta: dict[str, Any], file: File, last: datetime | None) -> str:
    """Why readers shall not see it, in a few words; empty when they may. In doubt they may not."""
    for key, written in meta.items():
        value = written[0] if isinstance(written, list) and len(written) == 1 else written
        said = "more than one word" if isinstance(value, list | dict) else _line(value).lower()
        if (
            (key in SHUT and said not in NO | NOTHING)
            or (key in OPEN and (said in NO | NEVER or isinstance(value, list | dict)))
            or (key in STATUS and said not in YES | FOR_READERS | NOTHING)
        ):
            return f"{key}: {said:.40}"
    if any(_line(meta.get(key)) for key in PASSWORD):
        return "it has a password"
    above = file.path.parts[: -len(file.below.split("/"))][-FOLDERS:]
    below = {part.lower() for part in file.below.split("/")[:-1]}
    if DRAFTS & {*below, *map(str.lower, above)} or "private" in below:
        return "it is in a folder of drafts"
    if foreign.stem(file.below).lower().endswith(".draft"):
        return "its name says that it is a draft"
    return f"its date, {last:%Y-%m-%d}, is to come" if last and last > datetime.now(UTC) else ""


def _expired(meta: dict[str, Any], options: Options) -> str:
    """Why the site that it comes from showed it no more, or never as a page."""
    expiry = min(_moments(meta, EXPIRY, options), default=None)
    if expiry and expiry < datetime.now(UTC):
        return f"it expired, {expiry:%Y-%m-%d}"
    builds = [meta[key] for key in ("build", "_build") if isinstance(meta.get(key), dict)]
    return (
        "it was never a page" if any(_line(build.get("render")).lower() in NO | {"never"} for build in builds) else ""
    )


def _dates(meta: dict[str, Any], path: Path, options: Options) -> list[datetime]:
    """Those of the front matter, the post's own first; else that of the file's or folder's name. Raises NoDate."""
    written = [meta[key] for key in DATES if key in meta and not _is_nothing(meta[key])]
    dates = [written_dates.moment(value, options.zone) for value in written if not _is_answer(value)]
    if dates:
        return dates
    if named := written_dates.of_path(path, options.zone):
        return [named]
    return [datetime.fromtimestamp(path.stat().st_mtime, UTC)] if options.from_mtime else []


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
    name = path.parent.name if path.stem in ("index", "_index") else path.stem
    return title or _line(written_dates.without(name)), body


def _tags(meta: dict[str, Any]) -> list[str]:
    names = split_names(",".join(_leaves_of([_by_spaces(meta, TAGS), _by_spaces(meta, CATEGORIES)])))
    by_key = dict[str, str]()
    for name in names:
        if len(name) <= posts.TAG_LENGTH and (key := posts.tag_key(name)):
            by_key.setdefault(key, name)  # the first spelling
    return list(by_key.values())


def _by_spaces(meta: dict[str, Any], keys: tuple[str, ...]) -> Any:
    """Jekyll's `tags: a b c` are three; its `tag: a b` is one."""
    written = _first(meta, keys)
    is_jekylls = isinstance(written, str) and "," not in written and "layout" in meta and bool(meta.get(keys[0]))
    return written.split() if is_jekylls else written


def _leaves_of(written: Any) -> Iterator[str]:
    """What is in lists of lists and mappings, to any depth that front matter has, each in one line."""
    if isinstance(written, dict):
        written = list(written.values())
    if isinstance(written, list | tuple):
        for inner in written:
            yield from _leaves_of(inner)
    elif line := _line(written):
        yield line


def _authors(written: Any) -> list[str]:
    """Names; of a mapping, as `{name: Ada, email: …}`, that one value alone."""
    if isinstance(written, dict):
        written = written.get("name") or list(written.values())[:1]
    if isinstance(written, list):
        return [name for one in written for name in _authors(one)][:AUTHORS_PER_POST]
    return [name[:100] for name in split_names(_line(written))]


def _addresses(meta: dict[str, Any], file: File, date: datetime | None, options: Options) -> Iterator[str]:
    """Paths on the site that it comes from. What has a host may be a link to somewhere else, but for aliases."""
    for key in ADDRESSES:
        for written in _leaves_of(meta.get(key)):
            is_path = (
                "/" in written
                and "{" not in written
                and (not re.match("[a-z]+:|//", written, re.IGNORECASE) or key not in ("url",))
            )
            if is_path and ":" not in urlsplit(written).path and (path := old_addresses.normalized(written)):
                yield path
    named = any(meta.get(key) for key in ("permalink", "url"))
    if options.pattern and not named:
        folder, _, name = foreign.stem(file.below).rpartition("/")
        language = foreign.language_of(file.below)
        slug = _line(meta.get("slug")) or written_dates.without(name.removesuffix(f".{language}"))
        categories = [posts.tag_key(name) for name in _leaves_of(_by_spaces(meta, CATEGORIES))]
        path = old_addresses.by_pattern(options.pattern, slug, date, categories, _ROOTS.sub("", folder))
        if path:
            yield f"/{language}{path}" if language else path


def _language(written: Any) -> str:
    """A code as in HTML's `lang`; empty for what is none."""
    try:
        code = language_tag(_line(written).replace("_", "-"))
    except ValueError:
        return ""
    return code if len(code) <= posts.LANGUAGE_LENGTH else ""
