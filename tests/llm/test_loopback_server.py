from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
from llm.loopback import SERVER, Loopback, serve

CHAT = "/v1/chat/completions"
LABELS = [1, 3, 5]
SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"type": "integer", "enum": LABELS},
        "reason": {"type": "string"},
        "sure": {"type": "boolean"},
        "kind": {"enum": ["a", "b"], "type": "string"},
        "more": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "object", "properties": {"label": {"enum": LABELS}}},
        },
    },
}
HTTP_ERRORS = {
    "400": 400, "401": 401, "403": 403, "404": 404, "408": 408, "409": 409, "429": 429,
    "quota": 429, "500": 500, "503": 503,
}  # fmt: skip


def asking(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def with_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def ask(server: Loopback, text: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = server.call("POST", CHAT, asking(text, **more))
    return answer


def contents(answer: dict[str, Any]) -> list[str]:
    return [choice["message"]["content"] for choice in answer["choices"]]


def raw(server: Loopback, body: dict[str, Any]) -> bytes:
    """Return all that comes over a connection until the server closes it."""
    payload = json.dumps(body).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nContent-Length: {len(payload)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + payload)
        received = b""
        while data := connection.recv(65536):
            received += data
    return received


def comes_true(condition: Callable[[], bool], within: float = 10) -> bool:
    stop = time.monotonic() + within
    while not condition():
        if time.monotonic() > stop:
            return False
        time.sleep(0.02)
    return True


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_answers_keep_to_the_schema(loopback: Loopback) -> None:
    answer = ask(loopback, "are these alike?", response_format=with_schema(SCHEMA))
    content = json.loads(contents(answer)[0])
    assert content["label"] in LABELS
    assert content["kind"] in ("a", "b")
    assert isinstance(content["reason"], str)
    assert isinstance(content["sure"], bool)
    assert len(content["more"]) == 2
    assert all(each["label"] in LABELS for each in content["more"])


def test_without_a_schema_the_answer_is_a_label_of_nine(loopback: Loopback) -> None:
    given = {json.loads(contents(ask(loopback, f"q{i}"))[0])["label"] for i in range(60)}
    assert given == set(range(1, 10))


def test_usage_counts_bytes_by_four(loopback: Loopback) -> None:
    answer = ask(loopback, "12345ä", n=2)
    assert [len(each) for each in contents(answer)] == [12, 12]
    assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 6, "total_tokens": 8}


def test_a_question_asked_again_gets_the_first_choice(loopback: Loopback) -> None:
    before = contents(ask(loopback, "q", n=5))
    assert contents(ask(loopback, "q")) == before[:1]
    assert contents(ask(loopback, "q", n=5)) == before


def test_one_choice_in_ten_differs(loopback: Loopback) -> None:
    answers = [contents(ask(loopback, f"q{i}", n=11)) for i in range(60)]
    others = [other != first for first, *rest in answers for other in rest]
    assert 0.05 < sum(others) / len(others) < 0.15


@pytest.mark.parametrize("name", ["seed", "user"])
def test_a_seed_or_a_user_asks_for_another_opinion(loopback: Loopback, name: str) -> None:
    first = contents(ask(loopback, "q"))
    others = [contents(ask(loopback, "q", **{name: i})) for i in range(40)]
    assert others == [contents(ask(loopback, "q", **{name: i})) for i in range(40)]
    assert 1 <= sum(other != first for other in others) <= 12


def test_another_server_with_the_same_seed_gives_the_same_answers(loopback: Loopback) -> None:
    here = [contents(ask(loopback, f"q{i}", n=3)) for i in range(20)]
    with serve(latency=0) as same, serve(latency=0, seed=1, max_choices=1) as other:
        assert [contents(ask(same, f"q{i}", n=3)) for i in range(20)] == here
        there = [contents(ask(other, f"q{i}", n=3)) for i in range(20)]
    assert all(len(each) == 1 for each in there)
    assert [each[:1] for each in here] != there


@pytest.mark.parametrize("fault", sorted(HTTP_ERRORS))
def test_faults_with_a_status(loopback: Loopback, fault: str) -> None:
    loopback.faults({"fault": fault, "retry_after": 7})
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(loopback, "q")
    with closing(caught.value) as error:
        assert error.code == HTTP_ERRORS[fault]
        assert error.headers["Retry-After"] == "7"
        body = json.load(error)["error"]
    assert (body["code"] == "insufficient_quota") == (fault == "quota")
    assert ask(loopback, "q")
    assert loopback.counts()["by_fault"] == {fault: 1}


def test_a_wrong_key_is_echoed(loopback: Loopback) -> None:
    loopback.faults({"fault": "401"})
    connection = HTTPConnection("127.0.0.1", loopback.port, timeout=10)
    with closing(connection):
        headers = {"Authorization": "Bearer sk-secret"}
        connection.request("POST", CHAT, json.dumps(asking("q")), headers)
        assert b"sk-secret" in connection.getresponse().read()
    assert [entry["authorization"] for entry in loopback.log()] == [True]


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        ("truncated_json", '{"lab'),
        ("wrong_label", '{"label": 42}'),
        ("prose", "I think the label is 5, since the two are often bought together."),
        ("empty", ""),
        ("null", None),
        ("refusal", None),
    ],
)
def test_faults_in_the_content(loopback: Loopback, fault: str, content: str | None) -> None:
    loopback.faults({"fault": fault, "times": -1})
    for more in ({}, {"response_format": with_schema(SCHEMA)}):
        answer = ask(loopback, "q", n=2, **more)
        if fault == "wrong_label" and more:
            assert {json.loads(each)["label"] for each in contents(answer)} == {42}
        else:
            assert contents(answer) == [content, content]
        assert ("refusal" in answer["choices"][0]["message"]) == (fault == "refusal")


def test_a_fence_holds_the_valid_answer(loopback: Loopback) -> None:
    valid = contents(ask(loopback, "q"))[0]
    loopback.faults({"fault": "fenced"})
    assert f"```json\n{valid}\n```" in contents(ask(loopback, "q"))[0]


def test_choices_and_usage_can_be_missing(loopback: Loopback) -> None:
    loopback.faults({"fault": "fewer_choices"}, {"fault": "no_usage"})
    assert len(ask(loopback, "q", n=3)["choices"]) == 1
    assert "usage" not in ask(loopback, "q")


def test_faults_of_the_connection(loopback: Loopback) -> None:
    loopback.faults(*({"fault": name} for name in ("close", "reset", "reset_after", "duplicate")))
    assert raw(loopback, asking("q")) == b""
    for _ in ("reset", "reset_after"):
        with pytest.raises(ConnectionResetError):
            raw(loopback, asking("q"))
    twice = raw(loopback, asking("q"))
    assert len(twice) % 2 == 0
    assert twice[: len(twice) // 2] == twice[len(twice) // 2 :]
    loopback.faults({"fault": "truncated_body"})
    with pytest.raises(json.JSONDecodeError):
        ask(loopback, "q")
    assert [entry["answered"] for entry in loopback.log()] == [False, False, True, True, True]


def test_rules_hit_by_text_by_number_and_in_order(loopback: Loopback) -> None:
    loopback.faults(
        {"fault": "empty", "match": "pen"},
        {"fault": "null", "every": 3, "times": 2},
        {"fault": "prose", "times": 1},
    )
    for text in ("mug", "a pen", "a pen", "mug", "mug", "mug", "mug", "mug", "mug"):
        ask(loopback, text)
    hit = [entry["fault"] for entry in loopback.log()]
    assert hit == ["prose", "empty", None, "null", None, None, "null", None, None]


def test_an_unknown_fault_is_refused(loopback: Loopback) -> None:
    for rule in ({"fault": "flood"}, {"fault": "429", "tmies": 2}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            loopback.faults(rule)
        caught.value.close()


def test_requests_run_side_by_side_and_are_logged_in_order(loopback: Loopback) -> None:
    loopback.faults({"fault": "stall", "seconds": 0.3, "times": -1})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ask(loopback, f"q{i}", n=2), range(8)))
    counts = loopback.counts()
    assert (counts["requests"], counts["answered"], counts["in_flight"]) == (8, 8, 0)
    assert counts["max_in_flight"] > 1
    log = loopback.log()
    assert [entry["number"] for entry in log] == list(range(8))
    assert {entry["text"] for entry in log} == {f"q{i}" for i in range(8)}
    assert log[0]["body"]["messages"] == [{"role": "user", "content": log[0]["text"]}]
    assert (log[0]["n"], log[0]["model"], log[0]["has_schema"]) == (2, "m", False)


def test_a_client_that_leaves_is_not_answered(loopback: Loopback) -> None:
    loopback.faults({"fault": "stall", "seconds": 60})
    payload = json.dumps(asking("q")).encode()
    with socket.create_connection(("127.0.0.1", loopback.port)) as connection:
        connection.sendall(
            f"POST {CHAT} HTTP/1.1\r\nContent-Length: {len(payload)}\r\n\r\n".encode()
        )
        connection.sendall(payload)
        assert comes_true(lambda: loopback.counts()["in_flight"] == 1)
    assert comes_true(lambda: loopback.counts()["in_flight"] == 0)
    assert loopback.counts()["answered"] == 0


def test_a_connection_is_kept_and_takes_chunked_and_pipelined_requests(loopback: Loopback) -> None:
    payload = json.dumps(asking("q")).encode()
    head = f"POST {CHAT} HTTP/1.1\r\n".encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (payload[:9], payload[9:]))
    request = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    last = head + f"Connection: close\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload
    received = b""
    with socket.create_connection(("127.0.0.1", loopback.port), timeout=10) as connection:
        for byte in range(0, len(request), 40):  # in pieces that heed no boundary
            connection.sendall(request[byte : byte + 40])
            time.sleep(0.001)
        connection.sendall(request + last)
        while data := connection.recv(65536):
            received += data
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert [entry["text"] for entry in loopback.log()] == ["q", "q", "q"]


def test_it_ends_when_its_standard_input_closes() -> None:
    process = subprocess.Popen(
        [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert json.loads(process.stdout.readline())["port"]
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_it_ends_with_its_parent_even_if_its_standard_input_stays_open() -> None:
    script = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, {str(SERVER)!r}],\n"
        "                     stdout=subprocess.PIPE)\n"
        "p.stdout.readline()\n"
        "print(p.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    read_end, write_end = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=read_end, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        assert comes_true(lambda: has_ended(pid))
    os.close(read_end)
    os.close(write_end)
