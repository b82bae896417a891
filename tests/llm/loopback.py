"""The client's side of the loopback server: start it, tell it what to do, ask what it saw."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SERVER = Path(__file__).with_name("loopback_server.py")

# Proxies are for the network: this server is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Loopback:
    """A loopback server that is up."""

    port: int

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """What clients of OpenAI's protocol call the base URL."""
        return f"{self.root}/v1"

    def faults(self, *rules: dict[str, Any]) -> None:
        """Let these rules, and no others, decide which requests fail from now on."""
        self.call("POST", "/control/faults", list(rules))

    def log(self) -> list[dict[str, Any]]:
        """Return the chat requests since the last reset, in order of arrival."""
        entries: list[dict[str, Any]] = self.call("GET", "/control/log")
        return entries

    def counts(self) -> dict[str, Any]:
        counts: dict[str, Any] = self.call("GET", "/control/counts")
        return counts

    def reset(self) -> None:
        """Forget requests and rules."""
        self.call("POST", "/control/reset", {})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(
            self.root + path, data=data, headers=headers, method=method
        )
        with _opener.open(request, timeout=30) as response:
            return json.load(response)


@contextmanager
def serve(**options: object) -> Iterator[Loopback]:
    """Run a server of its own; `latency=0.1` is its option `--latency 0.1`."""
    flags = [
        part
        for name, value in options.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]
    command = [sys.executable, str(SERVER), *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, "the loopback server did not start"
            yield Loopback(json.loads(first)["port"])
        finally:
            process.kill()


@pytest.fixture(scope="session")
def loopback_process() -> Iterator[Loopback]:
    with serve(latency=0.01) as server:
        yield server


@pytest.fixture
def loopback(loopback_process: Loopback) -> Loopback:
    """A server without history, whose faults end with the test."""
    loopback_process.reset()
    return loopback_process


@pytest.fixture(scope="session")
def slow_process() -> Iterator[Loopback]:
    """A server slow enough for a process to die while it waits."""
    with serve(latency=0.05) as server:
        yield server


@pytest.fixture
def slow_server(slow_process: Loopback) -> Loopback:
    slow_process.reset()
    return slow_process
