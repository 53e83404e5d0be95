"""The way from an empty Debian server to https, as deploy/README.md has it, and the unit, by a systemd that runs."""

from __future__ import annotations

import os
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.checkout import CHECKOUT
from support.machine import Machine
from support.machine import refused as machine_refused
from support.persons import PASSWORD
from support.proxies import apache_config
from tools.processes import until

pytestmark = pytest.mark.slow

README = (CHECKOUT / "deploy" / "README.md").read_text()
NAME = "live.club.test"
SITE = "/srv/pressroom"
# What needs the Internet, and what stands for it here.
OFFLINE = {
    "NAME=": f"NAME={NAME}",
    "sudo apt-get update": "",
    "sudo apt-get install": "systemctl start nginx",  # as Debian does when it has installed it
    "test -d .git || sudo -u pressroom git clone": f"git -C {CHECKOUT} ls-files -z -co --exclude-standard"
    f" | tar -C {CHECKOUT} --null -T - -c | sudo -u pressroom tar -x; touch .venv/.installed",
    "sudo -u pressroom make without-uwsgi": "",
    "sudo -u pressroom git pull": "sed -i 's/Hello, World!/Hello again!/' webapp/reader/views.py",
    "curl https://$NAME/readyz": "curl -sSf --retry 9 --retry-all-errors https://$NAME/readyz",  # nginx takes a moment
    "sudo certbot certonly": "mkdir -p $ACME $TLS; echo it is ours > $ACME/token;"
    " curl -sf --retry 9 --retry-all-errors http://$NAME/.well-known/acme-challenge/token;"
    " openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=$NAME -addext subjectAltName=DNS:$NAME"
    " -keyout $TLS/privkey.pem -out $TLS/fullchain.pem 2> /dev/null &&",
}
# The environment of this checkout, at the place of the site's. Its files aren't copied but those that name the place.
ENVIRONMENT = f"""
mkdir -p {SITE}/.venv /venv
mount -t tmpfs venv /venv
mkdir /venv/upper /venv/work
mount -t overlay overlay -o lowerdir={sys.prefix},upperdir=/venv/upper,workdir=/venv/work {SITE}/.venv
cd {SITE}/.venv
sed -i '1s|^#!{sys.prefix}/|#!{SITE}/.venv/|' bin/pressroom bin/gunicorn
echo {SITE} > lib/python*/site-packages/_editable_impl_pressroom.pth
"""
# Whoever has this machine's Python in the home of root needs a way to it.
PYTHON_AT_HOME = f"""
chmod 711 /root
printf '[Service]\nProtectHome=tmpfs\nBindReadOnlyPaths={sys.base_prefix}\n' > $UNIT.d/python.conf
"""


def commands(heading: str) -> str:
    """What a section of deploy/README.md has for a shell, as it can be done here."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = "".join(re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)).splitlines()
    assert lines, f"{heading} has no commands"
    return "\n".join(next((here for start, here in OFFLINE.items() if line.startswith(start)), line) for line in lines)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One on which the whole list was followed."""
    if (refusal := machine_refused()) and "CI" not in os.environ:
        pytest.skip(f"no machine of its own can be started here: {refusal}")
    with Machine(tmp_path_factory.mktemp("machine")) as machine:
        tls, unit = f"/etc/letsencrypt/live/{NAME}", "/etc/systemd/system/pressroom.service"
        machine.variables["ACME"] = "/var/www/acme/.well-known/acme-challenge"
        machine.variables |= {"NAME": NAME, "TLS": tls, "UNIT": unit}
        machine.variables |= {"CURL_CA_BUNDLE": f"{tls}/fullchain.pem", "SSL_CERT_FILE": f"{tls}/fullchain.pem"}
        machine.run(f"echo 127.0.0.1 {NAME} >> /etc/hosts; rm -f /etc/nginx/modules-enabled/*\n{ENVIRONMENT}")
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        machine.run(f"mkdir -p $UNIT.d; printf '[Service]\nLimitNOFILE={hard}\n' > $UNIT.d/limit.conf")
        if not Path(sys.base_prefix).is_relative_to("/usr"):
            machine.run(PYTHON_AT_HOME)
        machine.said = machine.run(commands("From an empty Debian server to https"))
        machine.again = machine.run(commands("From an empty Debian server to https"))
        yield machine


def test_the_list_leads_to_https(machine: Machine) -> None:
    assert machine.said.count("\nLog in as admin with the password ") == 1
    assert "\nokDatabase: no damage found.\nPage store: writable." in machine.said
    assert machine.said.endswith("\nNo problems found.\n")
    assert machine.again.endswith("\nNo problems found.\n"), "each step can be done again"
    assert machine.run("stat -c '%U %a' /etc/pressroom.env") == "pressroom 600\n"
    page = machine.run(f"curl -sS -i https://{NAME}/")
    assert page.startswith("HTTP/2 200 ")
    for header in ("strict-transport-security: max-age=31536000", "x-content-type-options: nosniff", "server: nginx"):
        assert page.count(f"{header}\n") == 1
    assert machine.run("ls /srv/pressroom/instance/pages").startswith("index.html")


def test_other_ways_in_lead_there_or_nowhere(machine: Machine) -> None:
    plain = machine.run(f"curl -sS -i http://{NAME}/post/1?a=b")
    assert plain.startswith("HTTP/1.1 301 ")
    assert f"\nLocation: https://{NAME}/post/1?a=b\n" in plain
    assert machine.run(f"curl -sS http://{NAME}/.well-known/acme-challenge/token") == "it is ours\n"
    assert machine.tried("curl -sS http://127.0.0.1/").returncode == 52, "an empty answer"
    assert machine.tried("curl -sS --insecure https://127.0.0.1/").returncode == 35, "no handshake"
    old = machine.tried(f"curl -sS --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 https://{NAME}/")
    assert old.returncode == 35, "no old TLS"


def test_people_write_and_readers_hear_of_it(machine: Machine) -> None:
    machine.run(
        f"cd {SITE}; echo {PASSWORD} | sudo -u pressroom .venv/bin/pressroom user create ada --email ada@example.org"
        " --role author --password-stdin"
    )
    said = machine.run(
        f"cd {CHECKOUT / 'tests'}; {sys.executable} - <<'END'\n"
        "import subprocess\n"
        "from support.http_client import Browser\n"
        f"ada = Browser('https://{NAME}', 'ada')\n"
        "path = f'/post/{ada.write_post()}'\n"
        "stream = ['curl', '-sN', '--max-time', '5', f'{ada.url}{path}/live?after=0']\n"
        "reader = subprocess.Popen(stream, stdout=subprocess.PIPE, text=True)\n"
        "print(ada.post(f'{path}/updates', csrf_token=ada.token, body='Goal by number nine!'))\n"
        "print(reader.communicate()[0])\n"
        "END"
    )
    assert said.startswith(f"https://{NAME}/post/1#update-"), said
    assert said.count("Goal by number nine!") == 1
    [cookie] = re.findall(r"^set-cookie: .*$", machine.run(f"curl -sSi https://{NAME}/login"), re.MULTILINE)
    assert "; Secure" in cookie


def test_the_unit_has_little_to_say_on_the_machine(machine: Machine) -> None:
    assert machine.run("systemd-analyze verify pressroom.service 2>&1") == ""
    found = machine.run("systemd-analyze security --no-pager pressroom.service")
    assert float(re.findall(r"exposure level for pressroom.service: ([0-9.]+)", found)[0]) <= 3
    pid = main_pid(machine)
    outside = machine.tried(f"touch /proc/{pid}/root{SITE}/webapp/new.py")
    assert "Read-only file system" in outside.stderr
    machine.run(f"touch /proc/{pid}/root{SITE}/instance/tmp/new && rm {SITE}/instance/tmp/new")
    assert {line.split()[0] for line in processes(machine)} == {"pressroom"}
    assert machine.run(f"find {SITE}/instance ! -user pressroom") == ""
    assert machine.run("stat -c '%U %G %a' /run/pressroom /run/pressroom/pressroom.sock") == (
        "pressroom www-data 750\npressroom www-data 660\n"
    )


def test_backups_are_made_verified_and_rotated(machine: Machine) -> None:
    folder = "/var/lib/pressroom-backups"
    machine.variables["BACKUP"] = "/etc/systemd/system/pressroom-backup.service"
    machine.run(commands("Backups"))
    assert "pressroom-backup.timer" in machine.run("systemctl list-timers --no-pager")
    machine.run(
        "mkdir $BACKUP.d; test ! -e $UNIT.d/python.conf || cp $UNIT.d/python.conf $BACKUP.d; systemctl daemon-reload"
    )
    assert machine.run("systemd-analyze verify pressroom-backup.service pressroom-backup.timer 2>&1") == ""
    machine.run(f"install -d -m 700 -o pressroom {folder}")
    machine.run(f"for day in $(seq 10 25); do touch {folder}/pressroom-2020-01-$day-033000.tar.gz; done")
    machine.run(f"mkdir {folder}/pressroom-verify-x; touch {folder}/.pressroom-2020-01-01-033000.tar.gz.part")
    started = machine.tried("systemctl start pressroom-backup")
    assert started.returncode == 0, machine.run("journalctl --no-pager -u pressroom-backup")
    names = machine.run(f"ls -A {folder}").split()
    assert len(names) == 14
    assert [name for name in names if "2020" in name] == [f"pressroom-2020-01-{n}-033000.tar.gz" for n in range(13, 26)]
    assert machine.run(f"stat -c '%U %a' {folder}/{names[-1]}") == "pressroom 600\n"
    assert "is complete and can be restored" in machine.run("journalctl --no-pager -u pressroom-backup")
    machine.run(f"mv {SITE}/.venv/bin/pressroom {SITE}/.venv/bin/pressroom.away")
    assert machine.tried("systemctl start pressroom-backup").returncode != 0
    machine.run(f"mv {SITE}/.venv/bin/pressroom.away {SITE}/.venv/bin/pressroom")
    assert machine.run(f"ls -A {folder}").split() == names, "nothing is deleted"


def test_new_code_is_taken_up_without_a_lost_request_or_stream(machine: Machine) -> None:
    before = main_pid(machine)
    stream = machine.run(f"curl -sSN https://{NAME}/post/1/live > /tmp/stream 2>&1 & echo $!").strip()
    until(lambda: machine.run("cat /tmp/stream"), "the stream was open")
    with asking(machine, "/hello") as statuses:
        machine.run(commands("Upgrade without downtime"))
        assert machine.run(f"curl -sS https://{NAME}/hello") == "Hello again!"
    machine.run(f"kill {stream}  # fails where the stream has ended")
    assert main_pid(machine) == before
    assert len(statuses) > 10
    assert set(statuses) == {"200"}


def test_broken_code_fails_the_reload_and_nothing_else(machine: Machine) -> None:
    machine.run(f"sed -i '1s/^/no Python\\n/' {SITE}/webapp/reader/views.py")
    assert machine.tried("systemctl reload pressroom").returncode != 0
    journal = machine.run("journalctl --output cat --no-pager -u pressroom")
    assert "Not reloaded: the new code doesn't start." in journal
    assert "SyntaxError" in journal
    assert machine.run(f"curl -sS https://{NAME}/hello") == "Hello again!"
    assert machine.run(f"sed -i 1d {SITE}/webapp/reader/views.py; systemctl reload pressroom") == ""


def test_it_comes_back_from_kill_9(machine: Machine) -> None:
    before = processes(machine)
    with asking(machine, "/") as statuses:
        machine.run(f"kill -9 {main_pid(machine)}")
        until(lambda: machine.tried(f"curl -sSf https://{NAME}/readyz").stdout == "ok", "it was there again")
    assert not set(before) & set(processes(machine))
    assert len(statuses) > 10
    assert set(statuses) == {"200"}


def test_a_stop_leaves_pages_and_no_process(machine: Machine) -> None:
    assert machine.run("systemctl stop pressroom") == ""
    assert processes(machine) == []
    assert machine.run(f"curl -sS -i https://{NAME}/").startswith("HTTP/2 200 ")
    machine.run(f"curl -sS https://{NAME}/draft/a-secret")
    assert "a-secret" not in machine.run("cat /var/log/nginx/*.log")
    answer = machine.run(f"curl -sS -i https://{NAME}/login")
    assert answer.startswith("HTTP/2 503 ")
    assert "\nretry-after: 5\n" in answer
    assert machine.run(
        f"systemctl show -P Result pressroom; systemctl start pressroom; curl -sSf https://{NAME}/readyz"
    ) == ("success\nok")


def test_apache_takes_the_place_of_nginx(machine: Machine) -> None:
    """Its package of Debian's isn't there, only the program, so that what that has in /etc is made here."""
    site = "/etc/apache2/sites-available/pressroom.conf"
    machine.run(f"systemctl stop nginx; mkdir -p {Path(site).parent}")
    machine.run(f"sed s/news.example.org/$NAME/ {SITE}/deploy/apache.conf > {site}")
    machine.run(f"sed -i 's/^#Define PRESSROOM_TLS/Define PRESSROOM_TLS/' {site}")
    config = apache_config(Path("/run"), f"Listen 443\nInclude {site}", port=80, more_modules=["ssl", "http2"])
    machine.run(f"cat > /etc/apache2/apache2.conf <<'END'\n{config.replace('127.0.0.1:80', '80')}\nEND\n")
    machine.run("apache2 -f /etc/apache2/apache2.conf")
    page = machine.run(f"curl -sSi --retry 9 --retry-all-errors https://{NAME}/")
    assert page.startswith("HTTP/2 200 ")
    for header in ("strict-transport-security: max-age=31536000", "x-content-type-options: nosniff", "server: Apache"):
        assert page.count(f"{header}\n") == 1
    assert machine.run(f"curl -sS http://{NAME}/.well-known/acme-challenge/token") == "it is ours\n"
    plain = machine.run(f"curl -sSi http://{NAME}/post/1?a=b")
    assert plain.startswith("HTTP/1.1 301 ")
    assert f"\nLocation: https://{NAME}/post/1?a=b\n" in plain
    assert "403" in machine.run("curl -sSi --insecure https://127.0.0.1/ | head -1"), "another host"
    assert "\nid: 1-1\n" in machine.tried(f"curl -sSN --max-time 2 https://{NAME}/post/1/live?after=0").stdout
    machine.run("apache2 -f /etc/apache2/apache2.conf -k stop; while pgrep -x apache2; do sleep 0.1; done")
    machine.run("systemctl start nginx")


def test_gunicorn_runs_in_the_same_unit(machine: Machine) -> None:
    machine.run("\n".join(commands("gunicorn or waitress").splitlines()[-5:]))
    until(lambda: machine.tried("curl -sS http://127.0.0.1:8000/hello").stdout == "Hello again!", "it answered")
    assert "gunicorn" in machine.run(f"tr '\\0' ' ' < /proc/{main_pid(machine)}/cmdline")
    assert machine.run("systemctl reload pressroom; curl -sS http://127.0.0.1:8000/hello") == "Hello again!"


@contextmanager
def asking(machine: Machine, path: str) -> Iterator[list[str]]:
    """Meanwhile somebody asks all the time; the status of each answer, when it is over."""
    statuses: list[str] = []
    ask = f"curl -sS -o /dev/null -w '%{{http_code}}\n' https://{NAME}{path}"
    machine.run(f"cd /tmp; touch asking; (while [ -e asking ]; do {ask}; done; touch over) > asked 2>&1 &")
    until(lambda: machine.run("cat /tmp/asked"), "it was answered")
    yield statuses
    machine.run("cd /tmp; rm asking; while [ ! -e over ]; do sleep 0.1; done; rm over")
    statuses += machine.run("cat /tmp/asked").splitlines()


def main_pid(machine: Machine) -> int:
    pid = int(machine.run("systemctl show -P MainPID pressroom"))
    assert pid, machine.run("journalctl --output cat --no-pager -u pressroom")
    return pid


def processes(machine: Machine) -> list[str]:
    """Those of the unit: user and process id."""
    return machine.run(
        "for pid in $(cat /sys/fs/cgroup/system.slice/pressroom.service/cgroup.procs 2> /dev/null);"
        " do ps -o user:20=,pid= -p $pid; done"
    ).splitlines()
