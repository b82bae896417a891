"""A server of OpenAI's protocol that reads prompts and knows what to write on each item.

Every answer follows from an item's own text, so it is the same whatever stands
beside it in a request; cards come in reverse order, requests end in any order.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

ITEM = re.compile(r"^(?:Item (\d+): )?<item>(.*?)</item>$", re.MULTILINE)


@dataclass
class Knowing:
    """A server that is up, and the chats that it was asked."""

    port: int = 0
    chats: list[list[dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def shown(self) -> list[list[dict[str, Any]]]:
        """Return for each request the items that it showed."""
        return [[json.loads(text) for _, text in items_of(chat)] for chat in self.chats]

    def is_survey(self) -> list[bool]:
        return [is_survey(chat) for chat in self.chats]


def items_of(chat: list[dict[str, str]]) -> list[tuple[str, str]]:
    return ITEM.findall(chat[-1]["content"])


def is_survey(chat: list[dict[str, str]]) -> bool:
    return '"additions"' in chat[0]["content"]


def answer_to(chat: list[dict[str, str]]) -> Any:
    items = [(number, json.loads(text)["title"]) for number, text in items_of(chat)]
    if is_survey(chat):
        return {"additions": [categories_of(title) for _, title in items]}
    written = [card_of(title) | ({"item": int(n)} if n else {}) for n, title in items]
    return {"cards": written[::-1]} if len(written) > 1 else written[0]


def categories_of(title: str) -> dict[str, str]:
    """A title is a colour and a thing: the thing is the fine category."""
    thing = title.split()[-1]
    return {"major_category": f"Things with {thing[0]}", "fine_category": f"{thing}s"}


def card_of(title: str) -> dict[str, Any]:
    return categories_of(title) | {
        "type": f"type of {title}",
        "function": f"use of {title}",
        "consumes": [],
        "needs": ["one thing", "another; thing"],
        "goes_with": ["things"],
        "substitutes": ["thing"],
        "used_in": [],
    }


@pytest.fixture
def knowing() -> Iterator[Knowing]:
    server = Knowing()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.chats.append(body["messages"])
            time.sleep(random.uniform(0, 0.02))
            message = {"role": "assistant", "content": json.dumps(answer_to(body["messages"]))}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
            answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "small"}
            payload = json.dumps(answer | {"choices": [choice], "usage": usage}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.port = http.server_port
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        http.shutdown()
        thread.join()
