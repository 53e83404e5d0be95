"""What Prometheus reads: counted once, whichever process answers, and through whatever happens to processes."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from support.http_client import Browser
from support.persons import Person
from support.programs import Program
from support.uwsgi_server import UWSGI, UwsgiServer
from tools.processes import until
from webapp.db.engine import DatabaseBusy
from webapp.http.counters import Counters
from webapp.pages import public

REQUESTS = "http_requests_total"
Samples = dict[tuple[str, ...], float]


def samples(text: str) -> Samples:
    """Read as Prometheus does: by name, without our prefix, and the values of labels."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("pressroom_"), family
        assert family.documentation, family
        assert family.type in ("counter", "gauge", "histogram"), family
        for sample in family.samples:
            key = (sample.name.removeprefix("pressroom_"), *sample.labels.values())
            assert key not in found, f"{key} came twice"
            found[key] = sample.value
    return found


def read(person: Person) -> Samples:
    return samples(person.get("/metrics").text)


def more(before: Samples, after: Samples) -> Samples:
    return {
        key: value - before[key] for key, value in after.items() if value != before[key] and "seconds" not in key[0]
    }


def test_metrics_are_in_prometheus_s_text_format(anonymous: Person) -> None:
    answer = anonymous.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.endswith("\n")
    assert samples(answer.text)["broadcaster_up", "0"] == 0


def test_requests_are_counted_by_method_and_status(anonymous: Person) -> None:
    before = read(anonymous)
    anonymous.get("/hello")
    anonymous.client.head("/hello")
    anonymous.get("/login/")
    anonymous.get("/post/0")
    anonymous.client.post("/login")
    anonymous.client.open("/hello", method="BREW")
    anonymous.client.open("/hello", method="QUERY/2")  # the guard refuses it
    assert more(before, read(anonymous)) == {
        (REQUESTS, "GET", "2xx"): 2,  # the first look at the metrics is in the second
        (REQUESTS, "HEAD", "2xx"): 1,
        (REQUESTS, "GET", "4xx"): 2,
        (REQUESTS, "POST", "4xx"): 1,
        (REQUESTS, "other", "4xx"): 2,
    }


def test_durations_have_the_same_count(anonymous: Person) -> None:
    anonymous.get("/hello")
    found = read(anonymous)
    name = "http_request_duration_seconds"
    buckets = [value for key, value in found.items() if key[:2] == (f"{name}_bucket", "GET")]
    assert buckets == sorted(buckets)
    by_status = [value for key, value in found.items() if key[:2] == (REQUESTS, "GET")]
    assert found[f"{name}_count", "GET"] == buckets[-1] == sum(by_status) > 0
    assert 0 < found[f"{name}_sum", "GET"] < 600


def test_nothing_that_a_stranger_chose_is_among_the_labels(anonymous: Person) -> None:
    before = read(anonymous).keys()
    for path in ("/no/such/page", '/"}\n', "/post/1?x=%0a", "/draft/00000000-0000-4000-8000-000000000000"):
        anonymous.get(path, headers={"User-Agent": "evil", "X-Request-ID": "evil"})
    assert read(anonymous).keys() == before


def test_what_goes_wrong_is_counted(app: Flask, anonymous: Person, ada: Person) -> None:
    def busy() -> str:
        raise DatabaseBusy

    def broken() -> str:
        raise ZeroDivisionError

    before = read(anonymous)
    app.view_functions["reader.hello"], kept = busy, app.view_functions["reader.hello"]
    try:
        anonymous.get("/hello")
        app.view_functions["reader.hello"] = broken
        anonymous.get("/hello")
    finally:
        app.view_functions["reader.hello"] = kept
    for _attempt in range(11):
        Person(app).post("/login", form_at="/login", username="eve", password="wrong")
    found = more(before, read(anonymous))
    assert found["database_busy_total",] == 1
    assert found[REQUESTS, "GET", "5xx"] == 2
    assert found["failed_logins_total",] == 10
    assert found["limited_requests_total",] == 1


def test_a_page_that_is_stored_is_rendered_once(app: Flask, anonymous: Person, ada: Person) -> None:
    post_id = ada.write_post()
    before = read(anonymous)
    anonymous.get(f"/post/{post_id}")
    anonymous.get(f"/post/{post_id}")
    anonymous.get("/post/999")
    rendered = more(before, read(anonymous)).get(("rendered_pages_total",), 0)
    assert rendered <= 1
    with app.app_context():
        public.of_app().store.clear()
    anonymous.get(f"/post/{post_id}")
    assert more(before, read(anonymous))["rendered_pages_total",] == rendered + 1


# From where


@pytest.mark.parametrize("address", ["203.0.113.7", "::2", "", "nonsense", "128.0.0.1", "::ffff:203.0.113.7"])
def test_metrics_are_for_this_machine(anonymous: Person, address: str) -> None:
    answer = anonymous.get("/metrics", environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 403
    assert "pressroom_" not in answer.text
    assert "PRESSROOM_METRICS_FROM" in answer.text


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_has_several_addresses(anonymous: Person, address: str) -> None:
    assert anonymous.get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code == 200


def test_a_setting_names_other_networks(make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSROOM_METRICS_FROM", "10.0.0.0/8,fd00::/8")
    client = make_app().test_client()
    statuses = {
        address: client.get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code
        for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::7", "127.0.0.1", "11.0.0.1")
    }
    assert list(statuses.values()) == [200, 200, 200, 403, 403], statuses


@pytest.mark.parametrize(
    ("proxies", "header", "value"),
    [
        (0, "X-Forwarded-For", "203.0.113.7"),
        (0, "Forwarded", "for=203.0.113.7"),
        (1, "Forwarded", "for=203.0.113.7"),
        (2, "X-Forwarded-For", "203.0.113.7"),
    ],
)
def test_metrics_are_not_for_those_behind_a_proxy_that_is_not_counted(
    make_app: Callable[..., Flask], proxies: int, header: str, value: str
) -> None:
    client = make_app(PROXIES=proxies).test_client()
    assert client.get("/metrics").status_code == 200
    answer = client.get("/metrics", headers={header: value})
    assert answer.status_code == 403
    assert "PRESSROOM_PROXIES" in answer.text, "it isn't PRESSROOM_METRICS_FROM that is to be changed"


def test_metrics_are_for_this_machine_through_a_proxy_that_is_believed(make_app: Callable[..., Flask]) -> None:
    client = make_app(PROXIES=1).test_client()
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 200
    answer = client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 403
    assert answer.text == "PRESSROOM_METRICS_FROM lists who may read metrics, and 203.0.113.7 isn't in it.\n"
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1, 203.0.113.7"}).status_code == 403


# Over several processes


def counts(folder: Path, *names: str) -> Counters:
    found = Counters(list(names) or ["a", "b"])
    found.persist(folder)
    return found


def test_whoever_starts_counts_on_where_another_ended(tmp_path: Path) -> None:
    first, second = counts(tmp_path), counts(tmp_path)
    first.add_measured(0, 0, 1, 5)
    second.add(0)
    assert first.total() == second.total() == [3, 5]
    first.close()
    third = counts(tmp_path)
    assert third.total() == second.total() == [3, 5]
    third.add(1)
    assert second.total() == [3, 6]
    assert len(list(tmp_path.iterdir())) == 2
    second.close()
    third.close()


@pytest.mark.parametrize("left", [b"", b"\1" * 7, b"\1" * 24, b"\1" * 8192])
def test_a_file_that_is_none_of_ours_counts_nothing(tmp_path: Path, left: bytes) -> None:
    for name in ("counts-0", "counts-1"):
        (tmp_path / name).write_bytes(left)
    found = counts(tmp_path)
    found.add(0)
    other = counts(tmp_path)
    other.add(0)
    assert found.total() == other.total() == [2, 0]
    found.close()
    other.close()


def test_other_code_s_numbers_are_not_taken_for_ours(tmp_path: Path) -> None:
    old = counts(tmp_path, "a", "c")
    old.add(1)
    new = counts(tmp_path)
    assert new.total() == [0, 0]
    old.close()
    new.close()
    again = counts(tmp_path)
    assert again.total() == [0, 0]
    again.close()


def test_what_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    mine, other = counts(tmp_path), counts(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        mine.add(0)
        assert (mine.total(), other.total()) == ([1, 0], [0, 0])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    mine.add(0)
    assert other.total() == [2, 0]
    mine.close()
    other.close()


def test_threads_lose_nothing(tmp_path: Path) -> None:
    found = counts(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _number: [found.add_measured(0, 0, 1, 2) for _time in range(500)], range(8)))
    assert found.total() == [8000, 8000]
    found.close()


def asked(url: str, times: int) -> None:
    """In so many connections, so that every worker has some."""
    host = url.removeprefix("http://")

    def ask(_number: int) -> None:
        connection = HTTPConnection(host, timeout=60)
        connection.request("GET", "/hello")
        assert connection.getresponse().read() == b"Hello, World!"
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(times)))


class Scrapes:
    """Looks at the metrics, and knows how many requests there must have been."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.expected = self.now()

    def now(self) -> float:
        return samples(Browser(self.url).get("/metrics"))[REQUESTS, "GET", "2xx"]

    def ask(self, times: int) -> None:
        asked(self.url, times)
        self.expected += times

    def check(self) -> None:
        """By several looks, each of which is counted in the next one."""
        for _look in range(6):
            self.expected += 1
            assert self.now() == self.expected


@pytest.mark.slow
def test_requests_are_counted_once_through_reloads_and_deaths(copied_instance: Callable[[str], Path]) -> None:
    with UwsgiServer(copied_instance("counted"), workers=2) as server:
        until(server.all_ready, "both workers are there")
        scrapes = Scrapes(server.url)
        scrapes.ask(200)
        scrapes.check()
        before = server.worker_pids()
        server.command_fifo("c")
        until(lambda: server.all_ready() and not server.worker_pids() & before, "both workers are new", 120)
        scrapes.check()
        scrapes.ask(50)
        for victim in sorted(server.worker_pids()):
            os.kill(victim, signal.SIGKILL)
            until(lambda victim=victim: victim not in server.worker_pids(), "the worker was gone")
            scrapes.check()
        until(server.all_ready, "new workers are there")
        scrapes.ask(50)
        scrapes.check()
        assert len(list((server.instance / "locks").glob("counts-*"))) == 2
        server.stop()
        server.start()
        assert scrapes.now() >= scrapes.expected


@pytest.mark.slow
def test_each_process_of_another_server_counts(copied_instance: Callable[[str], Path], tmp_path: Path) -> None:
    environ = {"PRESSROOM_INSTANCE": str(copied_instance("gunicorn"))}
    command = "gunicorn -w 2 -b 127.0.0.1:{port} webapp.wsgi:app".split()
    with Program(command, tmp_path, environ) as program:
        until(lambda: len(list(Path(environ["PRESSROOM_INSTANCE"], "locks").glob("counts-*"))) == 2, "both count")
        scrapes = Scrapes(program.url)
        scrapes.ask(100)
        scrapes.check()


@pytest.mark.slow
def test_a_full_disk_fails_no_request(copied_instance: Callable[[str], Path], tmp_path: Path) -> None:
    """The locks' folder is a file system of 4 kB, of which the mark of this boot takes the only page."""
    instance = copied_instance("full")
    mount = f'mount -t tmpfs -o size=4k none {shlex.quote(str(instance / "locks"))} && exec "$@"'
    command = tmp_path / "uwsgi"
    inside = f"unshare --map-root-user --mount sh -c {shlex.quote(mount)} sh {shlex.quote(str(UWSGI))}"
    command.write_text(f'#!/bin/sh\nexec {inside} "$@"\n')
    command.chmod(0o755)
    with UwsgiServer(instance, workers=2, command=command) as server:
        until(server.all_ready, "both workers are there")
        before = server.worker_pids()
        asked(server.url, 100)
        locks = Path(f"/proc/{min(before)}/root{instance}/locks")
        assert {file.stat().st_blocks for file in locks.glob("counts-*")} == {0}, "there was room"
        assert 0 < samples(Browser(server.url).get("/metrics"))[REQUESTS, "GET", "2xx"] <= 101
        assert server.worker_pids() == before


@pytest.mark.slow
def test_a_vanished_client_is_counted(copied_instance: Callable[[str], Path]) -> None:
    with UwsgiServer(copied_instance("vanished")) as server:
        scrapes = Scrapes(server.url)
        for _client in range(10):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(b"GET /hello HTTP/1.0\r\n\r\n")
        until(lambda: scrapes.now() >= scrapes.expected + 10, "all were counted")


@pytest.mark.slow
def test_metrics_count_what_the_broadcaster_does(copied_instance: Callable[[str], Path]) -> None:
    from support.sse_client import many

    with UwsgiServer(copied_instance("metrics")) as server:
        ada = Browser(server.url, "ada")
        post_id = ada.write_post()

        def of_broadcaster(name: str) -> float | None:
            return samples(ada.get("/metrics")).get((name, "0"))

        until(lambda: of_broadcaster("broadcaster_up") == 1, "the broadcaster is there")
        with many(server.url, f"/post/{post_id}/live", 4) as listeners:
            until(lambda: of_broadcaster("streams") == 4, "it holds four")
            n = int(ada.post(f"/post/{post_id}/updates", csrf_token=ada.token, body="Goal!").rpartition("-")[2])
            for listener in listeners:
                listener.until_number(n)
            found = samples(ada.get("/metrics"))
        assert (found["events_total", "0"], found["deliveries_total", "0"]) == (1, 4)
        assert (found["dropped_streams_total", "0"], found["refused_streams_total", "0"]) == (0, 0)
        assert found["streams_limit", "0"] > 4
        assert 0 <= found["broadcaster_lag_seconds", "0"] < 60
        until(lambda: of_broadcaster("streams") == 0, "all have left")
