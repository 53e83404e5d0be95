"""The process that holds the streams, under the real server: nothing missed, nothing doubled, whoever dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest

from support.checkout import CHECKOUT
from support.http_client import Browser
from support.sse_client import Listener, many, numbers, retries, waits
from support.uwsgi_server import UwsgiServer
from tools.processes import until
from webapp import config
from webapp.live.broadcaster import Broadcaster
from webapp.live.channel import Line


@pytest.fixture(scope="module")
def server(copied_instance: Callable[[str], Path]) -> Iterator[UwsgiServer]:
    with UwsgiServer(copied_instance("broadcast"), workers=2, environ={"PRESSROOM_LIMITS": "off"}) as server:
        until(lambda: broadcaster(server) is not None, "the broadcaster is there")
        yield server


@pytest.fixture
def ada(server: UwsgiServer) -> Browser:
    return Browser(server.url, "ada")


def broadcaster(server: UwsgiServer) -> psutil.Process | None:
    found = server.broadcasters()
    return found[0] if found and (server.instance / "broadcaster.sock").exists() else None


def tell(server: UwsgiServer, *messages: str) -> None:
    with Line(server.instance, 0)._connect() as connection:
        for message in messages:
            connection.send(message.encode())


def process_of(server: UwsgiServer) -> psutil.Process:
    until(lambda: broadcaster(server) is not None, "the broadcaster is there")
    found = broadcaster(server)
    assert found
    return found


def test_every_reader_gets_every_update(server: UwsgiServer, ada: Browser) -> None:
    post_id = ada.write_post()
    with many(server.url, f"/post/{post_id}/live?after={ada.seq(post_id)}", 20) as listeners:
        added = [ada.add_update(post_id, f"Goal {number}!") for number in range(5)]
        for listener in listeners:
            assert numbers(listener.until_number(added[-1])) == added
            assert "Goal 3!" in listener.text


def test_a_stream_costs_the_workers_nothing(server: UwsgiServer, ada: Browser) -> None:
    """More streams than the workers have cores, and they still answer."""
    post_id = ada.write_post()
    before = {pid: psutil.Process(pid).num_fds() for pid in server.worker_pids()}
    process = process_of(server)
    with many(server.url, f"/post/{post_id}/live", 1200):
        assert process.num_fds() > 1200
        assert all(psutil.Process(pid).num_fds() < count + 100 for pid, count in before.items())
        assert "Hello" in ada.get("/hello")
    until(lambda: process.num_fds() < 200, "those who left are noticed")


def test_a_position_brings_exactly_what_was_missed(server: UwsgiServer, ada: Browser) -> None:
    post_id = ada.write_post()
    added = [ada.add_update(post_id) for _ in range(4)]
    with Listener(server.url, f"/post/{post_id}/live?after=0", last_event_id=str(added[1])) as listener:
        added.append(ada.add_update(post_id))
        assert numbers(listener.until_number(added[-1])) == added[2:]
    with Listener(server.url, f"/post/{post_id}/live?after=999") as listener:
        listener.until(lambda: bool(listener.events))
        assert listener.events[0].kind == "reload"


def test_whoever_comes_between_two_events_gets_each_once(server: UwsgiServer, ada: Browser) -> None:
    """Others are ahead of or behind what the newcomer has; all are brought to one number."""
    post_id = ada.write_post()
    start = ada.seq(post_id)
    with ExitStack() as stack:
        listeners, added = [], []
        for _ in range(10):
            added.append(ada.add_update(post_id))
            path = f"/post/{post_id}/live?after={start}"
            listeners.append(stack.enter_context(Listener(server.url, path)))
        for listener in listeners:
            assert numbers(listener.until_number(added[-1])) == added


def test_a_post_that_is_unpublished_ends_its_streams(server: UwsgiServer, ada: Browser) -> None:
    post_id = ada.write_post()
    with Listener(server.url, f"/post/{post_id}/live") as listener:
        ada.post(f"/desk/post/{post_id}/unpublish", csrf_token=ada.token)
        assert listener.until_end().endswith("event: gone\ndata: {}\n\n")
    with Listener(server.url, f"/post/{post_id}/live") as listener:
        assert "event: gone" in listener.until_end()


def said_readers(listener: Listener) -> list[int]:
    return [event.data["n"] for event in listener.events if event.kind == "readers"]


@pytest.mark.slow
def test_readers_are_counted(server: UwsgiServer, ada: Browser) -> None:
    post_id = ada.write_post()
    with many(server.url, f"/post/{post_id}/live", 3) as listeners:
        first = listeners[0]
        first.until(lambda: 3 in said_readers(first))
        listeners[2].close()
        first.until(lambda: said_readers(first)[-1] == 2)
        assert all(event.number is None for event in first.events if event.kind)


def test_its_author_hears_how_many_it_reached(server: UwsgiServer, ada: Browser) -> None:
    post_id = ada.write_post()
    with many(server.url, f"/post/{post_id}/live", 3) as listeners:
        n = ada.add_update(post_id)
        listeners[0].until_number(n)
        until(lambda: '"readers":3' in ada.get(f"/desk/post/{post_id}/reached/{n}"), "it says three")
        assert '"readers":null' in ada.get(f"/desk/post/{post_id}/reached/{n + 1}")
    until(lambda: '"readers":0' in ada.get(f"/desk/post/{post_id}/reached/{n}"), "nobody is there any more")


@pytest.mark.slow
def test_a_reader_that_takes_nothing_is_let_go_and_the_others_get_all(server: UwsgiServer, ada: Browser) -> None:
    post_id = ada.write_post()
    start = ada.seq(post_id)
    process = process_of(server)
    with closing(socket.socket()) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        lazy.connect(("127.0.0.1", server.port))
        lazy.sendall(f"GET /post/{post_id}/live?after={start} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with Listener(server.url, f"/post/{post_id}/live?after={start}") as listener:
            until(lambda: len(process.net_connections()) >= 2, "both are there")
            many_descriptors = process.num_fds()
            added = []
            give_up_at = time.monotonic() + 60
            while process.num_fds() >= many_descriptors and time.monotonic() < give_up_at:
                added.append(ada.add_update(post_id, "Goal! " * 900))
                listener.take(0.01)
            assert process.num_fds() < many_descriptors, "the lazy one is still held"
            assert numbers(listener.until_number(added[-1])) == added


@pytest.mark.slow
@pytest.mark.parametrize("how", ["chain reload", "new code", "killed workers"])
def test_streams_outlive_the_workers_and_the_code(server: UwsgiServer, ada: Browser, how: str) -> None:
    post_id = ada.write_post()
    before, process = server.worker_pids(), process_of(server)
    with many(server.url, f"/post/{post_id}/live?after={ada.seq(post_id)}", 50) as listeners:
        added = [ada.add_update(post_id)]
        until(server.all_ready, "every worker is there: a reload passes over one that is not")
        if how == "chain reload":
            server.command_fifo("c")
            until(lambda: len(server.worker_pids()) == 2 and not before & server.worker_pids(), "all workers are new")
        elif how == "new code":
            started = process.create_time()
            process.send_signal(signal.SIGHUP)
            until(lambda: process.num_fds() >= 50, "it is back")
            assert process.create_time() == started
        else:
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            until(lambda: len(server.worker_pids() - before) == 2, "two new workers")
        added.append(ada.add_update(post_id))
        for listener in listeners:
            assert numbers(listener.until_number(added[-1])) == added
            assert not listener.ended


def test_workers_with_other_code_let_it_take_that_up(server: UwsgiServer, ada: Browser) -> None:
    post_id = ada.write_post()
    process = process_of(server)
    started = process.create_time()
    with many(server.url, f"/post/{post_id}/live?after={ada.seq(post_id)}", 5) as listeners:
        line = Line(server.instance, 0)
        assert line.ask("status")["streams"] >= 5
        tell(server, f"code {config.fingerprint()}")  # the same: nothing happens
        tell(server, "code another")
        until(lambda: line.ask("status") is not None, "it is back")
        assert process.create_time() == started
        added = ada.add_update(post_id)
        for listener in listeners:
            assert numbers(listener.until_number(added)) == [added]
        assert line.ask("status")["streams"] >= 5


def test_it_takes_up_other_code_alone() -> None:
    one = Broadcaster.__new__(Broadcaster)
    one.code, one.asked_to = "this", ""
    with socket.socket() as worker:
        one._obey(worker, ["code", "this"], [])
        assert one.asked_to == ""
        one._obey(worker, ["code", "another"], [])
    assert one.asked_to == "renew"


def test_what_it_does_not_understand_harms_nobody(server: UwsgiServer) -> None:
    process, line = process_of(server), Line(server.instance, 0)
    tell(server, " ", "join", "join 1", "join 1 1 a", "join a b c", "wake", "wake x", "reached", "others 1 {", "\0")
    tell(server, "x" * 60_000)
    assert line.ask("status")["limit"] > 0
    assert process.is_running()


def test_after_its_death_readers_come_back_to_a_new_one(server: UwsgiServer, ada: Browser) -> None:
    post_id = ada.write_post()
    first = ada.add_update(post_id)
    process = process_of(server)
    with Listener(server.url, f"/post/{post_id}/live?after={first}") as listener:
        process.kill()
        listener.until_end()
    second = ada.add_update(post_id)
    until(lambda: Line(server.instance, 0).ask("status") is not None, "a new one is there")
    with Listener(server.url, f"/post/{post_id}/live", last_event_id=str(first)) as listener:
        third = ada.add_update(post_id)
        assert numbers(listener.until_number(third)) == [second, third]


@pytest.mark.slow
def test_while_nobody_holds_streams_readers_poll(copied_instance: Callable[[str], Path]) -> None:
    with UwsgiServer(copied_instance("alone"), environ={"PRESSROOM_LIMITS": "off"}) as server:
        ada = Browser(server.url, "ada")
        post_id = ada.write_post()
        process = process_of(server)
        process.suspend()
        (server.instance / "broadcaster.sock").unlink()
        for pid in server.worker_pids():  # those that follow have no connection yet
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(server.worker_pids()) >= 1 and "Hello" in ada.get("/hello"), "a worker is back")
        n = ada.add_update(post_id)
        with Listener(server.url, f"/post/{post_id}/live?after={n - 1}") as listener:
            assert waits(listener.until_end())[0]["polling"] is True
            assert numbers(listener.events) == [n]
        process.resume()


@pytest.mark.slow
def test_a_stop_parts_from_everybody_within_seconds(copied_instance: Callable[[str], Path]) -> None:
    with UwsgiServer(copied_instance("parting")) as server:
        ada = Browser(server.url, "ada")
        post_id = ada.write_post()
        process_of(server)
        with many(server.url, f"/post/{post_id}/live", 20) as listeners:
            server.stop()
            said = [waits(listener.until_end())[-1]["ms"] for listener in listeners]
            assert said == [retries(listener.text)[-1] for listener in listeners]
            assert all(1000 <= milliseconds <= 10_000 for milliseconds in said)
            assert len(set(said)) > 10, "all at once would be a stampede"


def test_a_second_one_says_so_and_ends(server: UwsgiServer) -> None:
    process = process_of(server)
    environ = os.environ | {"PRESSROOM_INSTANCE": str(server.instance)}
    command = [sys.executable, "-m", "webapp.broadcaster"]
    done = subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, f"A broadcaster already serves {server.instance}.\n")
    assert process.is_running()


@pytest.mark.slow
def test_beyond_its_descriptors_streams_poll(copied_instance: Callable[[str], Path]) -> None:
    with UwsgiServer(copied_instance("few"), environ={"PRESSROOM_LIMITS": "off"}) as server:
        ada = Browser(server.url, "ada")
        post_id = ada.write_post()
        process, line = process_of(server), Line(server.instance, 0)
        process.rlimit(psutil.RLIMIT_NOFILE, (100, 100))
        process.send_signal(signal.SIGHUP)
        until(lambda: (said := line.ask("status")) and said["limit"] == 36, "it knows")
        first = ada.add_update(post_id)
        with many(server.url, f"/post/{post_id}/live?after={first - 1}", 60) as listeners:
            for listener in listeners:
                assert numbers(listener.until_number(first)) == [first]
                listener.take(0.1)
            polling = [listener for listener in listeners if listener.ended]
            assert len(polling) == 60 - 36
            assert all(10_000 <= retries(listener.text)[-1] <= 20_000 for listener in polling)
            assert line.ask("status")["refused"] == 60 - 36


@pytest.mark.slow
def test_an_address_can_be_kept_from_taking_all(copied_instance: Callable[[str], Path]) -> None:
    with UwsgiServer(copied_instance("address"), environ={"PRESSROOM_STREAMS_PER_ADDRESS": "3"}) as server:
        ada = Browser(server.url, "ada")
        path = f"/post/{ada.write_post()}/live"
        process_of(server)
        with many(server.url, path, 5) as listeners:
            for listener in listeners[3:]:
                assert waits(listener.until_end())[0]["polling"] is True
            assert not any(listener_has_ended(listener) for listener in listeners[:3])
        until(lambda: Line(server.instance, 0).ask("status")["streams"] == 0, "all have left")
        with Listener(server.url, path) as listener:
            listener.take(0.2)
            assert not listener.ended


@pytest.mark.slow
def test_several_share_the_streams_and_count_them_together(copied_instance: Callable[[str], Path]) -> None:
    with UwsgiServer(copied_instance("several"), environ={"PRESSROOM_BROADCASTERS": "3"}) as server:
        ada = Browser(server.url, "ada")
        post_id = ada.write_post()
        lines = [Line(server.instance, index) for index in range(3)]
        until(lambda: all(line.ask("status") for line in lines), "all three are there")
        with many(server.url, f"/post/{post_id}/live?after={ada.seq(post_id)}", 30) as listeners:
            until(lambda: sum(line.ask("status")["streams"] for line in lines) == 30, "they hold all")
            assert min(line.ask("status")["streams"] for line in lines) >= 5
            n = ada.add_update(post_id)
            for listener in listeners:
                assert numbers(listener.until_number(n)) == [n]
            until(lambda: '"readers":30' in ada.get(f"/desk/post/{post_id}/reached/{n}"), "it reached all")
            listeners[0].until(lambda: 30 in said_readers(listeners[0]))
            first = process_of(server)
            [second, _third] = [child for child in first.children() if "webapp.broadcaster" in child.cmdline()]
            second.kill()
            until(lambda: sum(listener_has_ended(listener) for listener in listeners) >= 5, "its readers are cut off")
            until(lambda: all(line.ask("status") for line in lines), "it was started anew")
        first.kill()
        until(lambda: len([line for line in lines if line.ask("status")]) < 3, "the others go with the first one")
        until(lambda: all(line.ask("status") for line in lines), "all three are back")


def listener_has_ended(listener: Listener) -> bool:
    if not listener.ended:
        listener.take(0.01)
    return listener.ended
