"""As much of HTTP/1.1 as the loopback server needs."""

from __future__ import annotations

from typing import Final, NamedTuple

REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests"}
LONGEST_HEAD: Final = 65536


class BadRequest(Exception):
    """What was sent is not understood."""


class Request(NamedTuple):
    """One HTTP request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


def parse(buffer: bytearray) -> Request | None:
    """Take one request off the front of a buffer, if it is there in whole.

    Raises
    ------
    BadRequest
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > LONGEST_HEAD:
            raise BadRequest("the head is too long")
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    try:
        method, target, version = first.split(" ")
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.lower(): value.strip() for name, value in pairs}
        start = end + 4
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body, stop = _dechunked(buffer, start)
        else:
            stop = start + int(headers.get("content-length", 0))
            body = bytes(buffer[start:stop])
    except ValueError as error:
        raise BadRequest(str(error)) from error
    if len(buffer) < stop:
        return None
    del buffer[:stop]
    asked = headers.get("connection", "").lower()
    keep_alive = asked != "close" and (version == "HTTP/1.1" or asked == "keep-alive")
    return Request(method, target.split("?")[0], headers, body, keep_alive)


def _dechunked(buffer: bytearray, start: int) -> tuple[bytes, int]:
    """Return a chunked body and where it ends: beyond the buffer while it is not all there."""
    body, beyond = bytearray(), len(buffer) + 1
    while True:
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            return b"", beyond
        size = int(buffer[start:line_end].split(b";")[0], 16)
        start = line_end + 2
        if size == 0:
            break
        body += buffer[start : start + size]
        start += size + 2
    while (line_end := buffer.find(b"\r\n", start)) != start:  # trailers, up to an empty line
        if line_end < 0:
            return b"", beyond
        start = line_end + 2
    return bytes(body), start + 2


def waits_for_continue(buffer: bytearray) -> bool:
    """Whether a client has sent a head and wants to hear that the body may follow."""
    return buffer.endswith(b"\r\n\r\n") and b"100-continue" in buffer.lower()


def head(status: int, length: int, headers: str = "") -> bytes:
    """Return what stands before the body of an answer."""
    return (
        f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n{headers}\r\n"
    ).encode()
