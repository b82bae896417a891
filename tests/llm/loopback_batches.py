"""The Batch API of the loopback server: files of requests in, files of answers out."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]
"""From the body of a request to the HTTP status and the body of its answer."""


class Batches:
    """The files and batches of one server.

    Parameters
    ----------
    answer : callable
    polls : int
        After how many looks at it a batch is complete.
    """

    def __init__(self, answer: Answer, polls: int) -> None:
        self._answer, self._polls = answer, polls
        self.contents: dict[str, bytes] = {}
        self._batches: dict[str, dict[str, Any]] = {}
        self._looks: dict[str, int] = {}
        self.plan: dict[str, Any] = {}
        """What becomes of the next batch: its last `status`, how many requests are `answered` by
        then, what `message` tells why; whether its creation is `unheard` of, which fails all the
        same; whether it is `forgotten` as soon as it is created."""

    def reset(self) -> None:
        """Forget all files, batches and plans."""
        self.contents, self._batches, self._looks, self.plan = {}, {}, {}, {}

    def upload(self, content_type: str, body: bytes) -> dict[str, Any]:
        """Take a file that was sent as a form."""
        fields = _form(content_type, body)
        return self._keep(fields["file"], fields["purpose"].decode())

    def file(self, file_id: str) -> dict[str, Any] | None:
        """Describe a file."""
        content = self.contents.get(file_id)
        return None if content is None else _described(file_id, content, "batch")

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start a batch."""
        batch_id = f"batch_{len(self._batches) + 1}"
        lines = self.contents[request["input_file_id"]].splitlines()
        batch = {
            "id": batch_id,
            "object": "batch",
            "endpoint": request["endpoint"],
            "errors": None,
            "input_file_id": request["input_file_id"],
            "completion_window": request["completion_window"],
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": int(time.time()),
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "metadata": request.get("metadata"),
        }
        if not self.plan.pop("forgotten", False):
            self._batches[batch_id], self._looks[batch_id] = batch, 0
        return batch

    def all(self) -> dict[str, Any]:
        """List the batches, the latest first."""
        listed = list(reversed(self._batches.values()))
        return {"object": "list", "data": listed, "has_more": False}

    def poll(self, batch_id: str) -> dict[str, Any] | None:
        """Look at a batch, which brings it forward."""
        batch = self._batches.get(batch_id)
        if batch is None or "completed_at" in batch:
            return batch
        self._looks[batch_id] += 1
        if self._looks[batch_id] < self._polls:
            batch["status"] = "in_progress"
        else:
            self._complete(batch)
        return batch

    def _complete(self, batch: dict[str, Any]) -> None:
        good: list[str] = []
        bad: list[str] = []
        # In reverse, for the order of the answers is not promised.
        plan, self.plan = self.plan, {}
        requests = list(reversed(self.contents[batch["input_file_id"]].splitlines()))
        in_time = plan.get("answered", len(requests))
        for place, line in enumerate(requests):
            request = json.loads(line)
            custom_id = request["custom_id"]
            answered = {"id": f"batch_req_{custom_id}", "custom_id": custom_id}
            if place < in_time:
                status, body = self._answer(request["body"])
                response = {"status_code": status, "request_id": "loopback", "body": body}
                answered |= {"response": response, "error": None}
            else:
                status = 0
                error = {"code": "batch_expired", "message": "This came too late."}
                answered |= {"response": None, "error": error}
            (good if status == 200 else bad).append(json.dumps(answered) + "\n")
        for name, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                batch[name] = self._keep("".join(lines).encode(), "batch_output")["id"]
        batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}
        batch |= {"status": plan.get("status", "completed"), "completed_at": int(time.time())}
        if "message" in plan:
            batch["errors"] = {"object": "list", "data": [{"message": plan["message"]}]}

    def _keep(self, content: bytes, purpose: str) -> dict[str, Any]:
        file_id = f"file-{len(self.contents) + 1}"
        self.contents[file_id] = content
        return _described(file_id, content, purpose)


def _described(file_id: str, content: bytes, purpose: str) -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "file",
        "bytes": len(content),
        "created_at": int(time.time()),
        "filename": f"{file_id}.jsonl",
        "purpose": purpose,
        "status": "processed",
    }


def _form(content_type: str, body: bytes) -> dict[str, bytes]:
    """Return the fields of a form by name."""
    boundary = content_type.partition("boundary=")[2].split(";")[0].strip('" ')
    fields = {}
    for part in body.split(b"--" + boundary.encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'; name="?([^";\r]+)', head)
        if name is not None:
            fields[name[1].decode()] = content.removesuffix(b"\r\n")
    return fields
