"""A server on 127.0.0.1 that speaks OpenAI's protocol, and fails as it is told to.

    python loopback_server.py [--port 0] [--latency 0.05] [--seed 0] [--max-choices N]

prints `{"port": …}` once it listens and serves until it is killed, its
standard input closes or its parent dies. Standard library only, and one
protocol object per connection instead of streams and tasks: benchmarks share
their cores with it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from loopback_answers import all_texts, completion, last_question, schema_of
from loopback_http import BadRequest, Request, head, parse, waits_for_continue

STATUSES: Final = {
    "400": (400, "invalid_request_error", None, "The request is malformed."),
    "401": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: {key}."),
    "403": (403, "insufficient_permissions", None, "The key does not allow this model."),
    "404": (404, "invalid_request_error", "model_not_found", "The model does not exist."),
    "408": (408, "timeout", None, "The request took too long."),
    "409": (409, "conflict", None, "Another request holds a lock."),
    "429": (429, "requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    "quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your quota."),
    "500": (500, "server_error", None, "The server had an error."),
    "503": (503, "server_error", None, "The server is overloaded."),
}
"""Faults that are answers with an HTTP status: status, type, code and message of the error."""

SPOILT_ANSWERS: Final = {
    "truncated_json", "wrong_label", "prose", "fenced", "empty", "null", "refusal",
    "fewer_choices", "no_usage", "half_character",
}  # fmt: skip
CONNECTION_FAULTS: Final = {
    "close", "duplicate", "reset", "reset_after", "stall", "truncated_body",
}  # fmt: skip
FAULTS: Final = STATUSES.keys() | SPOILT_ANSWERS | CONNECTION_FAULTS
OPTIONS: Final = {"fault", "times", "every", "match", "retry_after", "seconds", "code", "message"}

RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
BACKLOG: Final = 512


class Rule:
    """Which requests a fault hits."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        if options.get("fault") not in FAULTS or not options.keys() <= OPTIONS:
            raise BadRequest(f"no such fault or option: {dict(options)}")
        self.fault: str = options["fault"]
        self.options = options
        self._left, self._every = int(options.get("times", 1)), int(options.get("every", 1))
        self._match: str = options.get("match", "")
        self._seen = 0

    def hits(self, body: Mapping[str, Any]) -> bool:
        """Whether it hits this request; asked once for each."""
        if self._left == 0 or (self._match and self._match not in all_texts(body)):
            return False
        self._seen += 1
        if self._seen % self._every:
            return False
        self._left -= 1 if self._left > 0 else 0
        return True


# The body stays as it came: only a look at the log pays for reading it again.
@dataclass(slots=True)
class Entry:
    """A chat request in the log."""

    number: int
    time: float
    raw: bytes
    authorization: bool
    fault: str | None
    answered: bool = False

    def as_json(self) -> dict[str, Any]:
        body = json.loads(self.raw)
        return {
            "number": self.number,
            "time": self.time,
            "text": last_question(body),
            "n": body.get("n") or 1,
            "model": body.get("model"),
            "has_schema": schema_of(body) is not None,
            "fault": self.fault,
            "answered": self.answered,
            "authorization": self.authorization,
            "body": body,
        }


@dataclass
class Record:
    """What happened since the last reset, and what shall happen."""

    rules: list[Rule] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    in_flight: int = 0
    max_in_flight: int = 0

    def fault_for(self, body: Mapping[str, Any]) -> Rule | None:
        return next((rule for rule in self.rules if rule.hits(body)), None)

    def counts(self) -> dict[str, Any]:
        return {
            "requests": len(self.log),
            "answered": sum(entry.answered for entry in self.log),
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "by_fault": Counter(entry.fault for entry in self.log if entry.fault is not None),
        }


def error_body(rule: Rule, key: str) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of a fault that is an answer with a status."""
    status, kind, code, message = STATUSES[rule.fault]
    code, message = rule.options.get("code", code), rule.options.get("message", message)
    error = {"message": message.replace("{key}", key), "type": kind, "param": None, "code": code}
    return status, {"error": error}


class Server:
    """What all connections share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.record = Record()

    def completion(self, body: Mapping[str, Any], number: int, fault: str | None) -> dict[str, Any]:
        seed, most = self.options.seed, self.options.max_choices
        return completion(body, number, seed=seed, max_choices=most, fault=fault)

    def plain(self, request: Request) -> tuple[int, Any]:
        """Answer whatever is no chat request: status, and bytes or what to write as JSON."""
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["v1", "models"]:
                model = {"id": "loopback", "object": "model", "owned_by": "loopback"}
                return 200, {"object": "list", "data": [model]}
            case "POST", ["control", "faults"]:
                self.record.rules = [Rule(options) for options in json.loads(request.body)]
                return 200, {}
            case "POST", ["control", "reset"]:
                self.record = Record()
                return 200, {}
            case "GET", ["control", "log"]:
                return 200, [entry.as_json() for entry in self.record.log]
            case "GET", ["control", "counts"]:
                return 200, self.record.counts()
        message = f"nothing at {request.method} {request.path}"
        return 404, {"error": {"message": message, "type": "invalid_request_error"}}


class Connection(asyncio.Protocol):
    """One connection, which answers one request after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._record: Record | None = None
        """Of the chat request that is being answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._done()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def _next(self) -> None:
        while self._buffer and self._record is None and not self._transport.is_closing():
            try:
                request = parse(self._buffer)
                if request is None:
                    if waits_for_continue(self._buffer):
                        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    return
                if request.path == "/v1/chat/completions" and request.method == "POST":
                    self._accept(request)
                else:
                    self._reply(*self._server.plain(request), request)
            except (BadRequest, ValueError, KeyError, TypeError, AttributeError) as error:
                message = {"message": repr(error), "type": "invalid_request_error"}
                self._reply(400, {"error": message}, None)

    def _accept(self, request: Request) -> None:
        body = json.loads(request.body)
        if not body["messages"] or body.get("stream"):
            raise BadRequest("messages are missing, or a stream is wanted")
        record = self._server.record
        rule = record.fault_for(body)
        fault = None if rule is None else rule.fault
        known = "authorization" in request.headers
        entry = Entry(len(record.log), time.time(), request.body, known, fault)
        record.log.append(entry)
        self._record = record
        record.in_flight += 1
        record.max_in_flight = max(record.max_in_flight, record.in_flight)
        delay = self._server.options.latency
        if rule is not None and fault == "stall":
            delay += float(rule.options.get("seconds", 3600))
        self._timer = self._loop.call_later(delay, self._answer, request, body, entry, rule)

    def _done(self) -> None:
        if self._record is not None:
            self._record.in_flight -= 1
            self._record = None

    def _answer(
        self, request: Request, body: dict[str, Any], entry: Entry, rule: Rule | None
    ) -> None:
        fault = entry.fault
        if fault == "reset":
            self._reset()
        elif fault == "close":
            self._transport.close()
        elif rule is not None and fault in STATUSES:
            key = request.headers.get("authorization", "").removeprefix("Bearer ")
            status, error = error_body(rule, key)
            after = rule.options.get("retry_after")
            self._reply(
                status, error, request, "" if after is None else f"Retry-After: {after}\r\n"
            )
        else:
            try:
                answer = self._server.completion(body, entry.number, fault)
            except Exception as error:  # else the client waited in vain
                self._reply(500, {"error": {"message": f"the loopback server: {error!r}"}}, request)
            else:
                entry.answered = True
                self._send_answer(json.dumps(answer).encode(), fault, request)
        self._done()
        self._next()

    def _send_answer(self, answer: bytes, fault: str | None, request: Request) -> None:
        if fault == "reset_after":
            self._transport.write(head(200, len(answer)) + answer[: len(answer) // 2])
            # A moment later, so that the client has read the first half.
            self._timer = self._loop.call_later(0.01, self._reset)
        elif fault == "duplicate":
            self._transport.write(2 * (head(200, len(answer)) + answer))
            self._transport.close()
        else:
            self._reply(
                200, answer[: len(answer) // 2] if fault == "truncated_body" else answer, request
            )

    def _reset(self) -> None:
        connection = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    def _reply(self, status: int, answer: Any, request: Request | None, headers: str = "") -> None:
        payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self._transport.write(head(status, len(payload), headers) + payload)
        if request is None or not request.keep_alive:
            self._transport.close()


def _end_with_standard_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


async def _serve(options: argparse.Namespace) -> None:
    parent = os.getppid()
    server = Server(options)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: Connection(server), "127.0.0.1", options.port, backlog=BACKLOG
    )
    port = listening.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    # A sibling that was forked may hold standard input open after the parent's death.
    while os.getppid() == parent:
        await asyncio.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-choices", type=int)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
