"""What of two checkouts strangers rely on, side by side: `python -m tools.compare_releases OLD NEW`.

Routes with their methods, the fields of forms, commands with their options, settings, and the HTML that a seeded site
answers to a stranger, a reader's and an admin's browser. Asset addresses, tokens, the time of logging in and counted
numbers are left out. OLD makes the site, and each answers from a copy of it, both by this Python and its libraries.
Prints each difference; the exit status is 1 when there is one.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PASSWORD = "correct horse battery"
SEED = [
    ["init"],
    ["bench-data", "--posts", "25", "--live", "2", "--updates", "60", "--comments", "60", "--readers", "3"],
    ["demo", "--speed", "0", "--language", "en"],
    ["user", "create", "eve", "--role", "reader", "--password-stdin"],
    ["user", "password", "admin", "--password-stdin"],
]
MASKS = [
    (r"/static/[\w./-]+\?v=[0-9a-f]{12}(&[^\"]*)?", "/static/…"),
    (r"/static/js/[\w/-]+\.js", "/static/…"),
    (r'(name="csrf_token"[^>]*value=")[^"]+', r"\1…"),
    (r'("csrf_token":")[^"]+', r"\1…"),
    (r'(name="submission"[^>]*value=")[^"]+', r"\1…"),
    (r"Since <time [^>]*>[^<]*</time>", "Since …"),
    (r"(?m)^(pressroom_[^ ]+) .*$", r"\1 …"),
    (r"request [0-9a-f]{16}", "request …"),
]

# Runs in a checkout, on PRESSROOM_INSTANCE; prints JSON.
PROBE = r"""
import json, re, sys
from webapp import config, create_app
app = create_app({"LIMITS": "off"})
app.testing = False

def options(command):
    children = {name: options(child) for name, child in sorted(getattr(command, "commands", {}).items())}
    params = [[p.param_type_name, *p.opts, *p.secondary_opts, str(p.default)] for p in command.params]
    return [command.help, sorted(params), children]

def signed_in(name):
    client = app.test_client()
    if name:
        token = re.search(r'csrf_token[^>]*value="([^"]+)', client.get("/login").text)[1]
        answer = client.post("/login", data={"username": name, "password": sys.argv[1], "csrf_token": token})
        assert answer.status_code == 302, answer.text
    return client

bench = json.loads((app.config["INSTANCE"] / "bench.json").read_text())
live, post = bench["live_posts"][0], bench["posts"][0]
demo = max(bench["live_posts"]) + 1
PATHS = '''/ /page/2 /page/99 /post/LIVE /post/LIVE/ /post/POST /post/DEMO /post/LIVE/updates/1 /post/LIVE/updates/2
/post/LIVE/comments/1 /post/DEMO/update/2 /post/DEMO/update/4 /post/LIVE/at /post/DEMO/at /user/author-1
/user/AUTHOR-1 /user/author-1/page/2 /user/nobody /tag/derby /about/none /search /search?q=goal /hello /hello/
/hello/You /feed.atom /feed.json /user/author-1/feed.atom /post/DEMO/feed.atom /post/DEMO/feed.json
/sitemap.xml /robots.txt /login /register /invite/none /password/none /me /settings /settings/comments /desk
/desk/new /desk/post/POST /desk/post/DEMO /desk/post/DEMO/live /desk/post/DEMO/composer
/desk/post/DEMO/update/2/edit /desk/post/DEMO/update/2/correct /desk/post/DEMO/revisions /desk/people
/desk/about /desk/about/new /desk/comments /desk/post/DEMO/comments /post/LIVE/comments/new /draft/none
/healthz /readyz /metrics /nothing /post/99999 /static/none.css'''
PATHS = PATHS.replace("LIVE", str(live)).replace("POST", str(post)).replace("DEMO", str(demo)).split()
pages = {}
for name in ("", "eve", "admin"):
    client = signed_in(name)
    for path in PATHS:
        answer = client.get(path, follow_redirects=path.endswith("/at"))
        pages[f"{name or 'stranger'} {path}"] = f"{answer.status_code} {answer.content_type}\n{answer.text}"
    for path in ("/", "/login", f"/post/{live}/comments", "/desk/new", f"/post/{live}/updates"):
        answer = client.post(path)
        pages[f"{name or 'stranger'} POST {path}"] = f"{answer.status_code} {answer.content_type}\n{answer.text}"
fields = {}
for path, page in pages.items():
    for form in re.findall(r"<form.*?</form>", page, re.S):
        action = re.search(r'action="([^"]*)"', form)
        names = re.findall(r'<(?:input|textarea|select|button)[^>]* name="([^"]+)"', form)
        fields[f"{path} {action[1] if action else ''}"] = sorted(names)
print(json.dumps({
    "routes": sorted([rule.rule, sorted(rule.methods)] for rule in app.url_map.iter_rules()),
    "form fields": fields,
    "commands": {name: options(app.cli.get_command(None, name)) for name in app.cli.list_commands(None)},
    "settings": [[setting.name, setting.default, setting.meaning] for setting in config.SETTINGS],
    "pages": pages,
}))
"""


def main() -> int:
    old, new = (Path(folder).resolve() for folder in sys.argv[1:3])
    with tempfile.TemporaryDirectory(prefix="pressroom-") as temporary:
        folder = Path(temporary)
        for command in SEED:
            _run(old, folder / "seed", "-m", "flask", "--app", "webapp", *command)
        found = [_probed(checkout, folder / name) for checkout, name in ((old, "old"), (new, "new"))]
    differences = [*_differences(*found)]
    for line in differences:
        print(line)
    for name, before in found[0].items():
        print(f"{name}: {len(before)} compared")
    print(f"{len(differences)} lines differ" if differences else "no difference")
    return int(bool(differences))


def _probed(checkout: Path, instance: Path) -> dict[str, Any]:
    shutil.copytree(instance.with_name("seed"), instance, symlinks=True)
    shutil.rmtree(instance / "pages")
    found: dict[str, Any] = json.loads(_run(checkout, instance, "-c", PROBE, PASSWORD))
    found["pages"] = {name: _masked(page) for name, page in found["pages"].items()}
    return found


def _masked(page: str) -> str:
    for pattern, instead in MASKS:
        page = re.sub(pattern, instead, page)
    return page


def _run(checkout: Path, instance: Path, *arguments: str) -> str:
    """By this Python's libraries, in that checkout's code."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PRESSROOM_")}
    environ |= {"PRESSROOM_INSTANCE": str(instance), "PYTHONPATH": str(checkout), "PRESSROOM_REGISTRATION": "open"}
    ran = subprocess.run(
        [sys.executable, *arguments],
        env=environ,
        cwd=checkout,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(f"{checkout}: {' '.join(arguments)[:80]} ended with {ran.returncode}:\n{ran.stderr}")
    return ran.stdout


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    lines = []
    for part in old:
        before, after = (_lines(found[part]) for found in (old, new))
        lines += difflib.unified_diff(before, after, part, part, n=0, lineterm="")
    return lines


def _lines(part: Any) -> list[str]:
    if isinstance(part, list):
        return [json.dumps(row, ensure_ascii=False) for row in part]
    named = ((name, value if isinstance(value, str) else json.dumps(value, indent=1)) for name, value in part.items())
    return [f"{name}: {line}" for name, value in named for line in value.split("\n")]


if __name__ == "__main__":
    sys.exit(main())
