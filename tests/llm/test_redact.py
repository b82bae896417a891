from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm.asking import PROMPT, STORE, account, backend, questions, rows
from llm.loopback import Loopback

from karl.errors import KarlError
from karl.llm.backend import Backend
from karl.llm.client import ask
from karl.llm.redact import redact

CANARY = "sk-canary-4f1d9a7be2c84c5f"
ASKED = questions(6)
keys = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_+/=.", min_size=6, max_size=60)


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> str:
    """A key that the loopback server gets, and that must appear nowhere else."""
    monkeypatch.setenv("HOSTED_VLLM_API_KEY", CANARY)
    return CANARY


def check_files(folder: Path) -> None:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert folder / STORE in files
    for file in files:
        assert b"canary" not in file.read_bytes()


@given(key=keys, before=st.text(max_size=40), after=st.text(max_size=40))
def test_a_key_of_the_environment_never_comes_through(key: str, before: str, after: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOME_API_KEY", key)
        hidden = redact(f"{before} {key} {after} {key}{key}")
    assert key not in hidden.replace("[hidden]", "\0")


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "HF_TOKEN", "my_secret", "DB_PASSWORD", "GOOGLE_APPLICATION_CREDENTIALS"],
)
def test_what_sounds_secret_is_hidden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, CANARY)
    assert redact(f"the key '{CANARY}' is wrong") == "the key '[hidden]' is wrong"


@pytest.mark.parametrize("cut", ["sk-can***********4c5f", "sk-canary-4f******", "sk-cana*ry*c5f"])
def test_a_key_that_was_cut_in_the_middle_is_hidden(cut: str, canary: str) -> None:
    assert redact(f"wrong key: {cut}. Find yours") == "wrong key: [hidden]. Find yours"


def test_a_key_that_begins_with_another_is_hidden_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-short")
    monkeypatch.setenv("B_KEY", "sk-short-and-then-longer")
    monkeypatch.setenv("C_KEY", "and-then")
    assert redact("key sk-short-and-then-longer!") == "key [hidden]!"


def test_other_texts_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name != "PATH"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SHORT_KEY", "label")
    monkeypatch.setenv("LANGUAGE", "complementary")
    text = '{"label": 5, "why": "complementary"} ** sk-something'
    assert redact(text) == text


@pytest.mark.parametrize("fault", ["401", "403", "404", "400", "quota"])
def test_a_refusal_that_echoes_the_key_shows_none_of_it(
    fault: str, canary: str, loopback: Loopback, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    message = "x" * 440 + " Incorrect API key provided: {key}. You can find your API key."
    loopback.faults({"fault": fault, "times": -1, "message": message})
    with pytest.raises(KarlError) as refused:
        ask(backend(loopback.url), PROMPT, ASKED, account(tmp_path))
    assert loopback.log()[0]["authorization"]
    assert "[hidden]" in str(refused.value) or "Incorrect API key" not in str(refused.value)
    assert "canary" not in str(refused.value) + repr(refused.value) + caplog.text
    check_files(tmp_path)


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("fault", ["500", "429", "409"])
def test_a_failure_that_echoes_the_key_leaves_none_in_the_store(
    fault: str, canary: str, loopback: Loopback, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loopback.faults({"fault": fault, "times": 3, "message": "who is {key}?"})
    told: list[str] = []
    watched = account(tmp_path)
    watched = type(watched)(
        watched.name, watched.store, watched.budget, lambda progress: told.append(progress.note)
    )
    ask(backend(loopback.url), PROMPT, ASKED, watched)
    messages = rows(tmp_path / STORE, "SELECT message FROM outcomes WHERE state = 'failed'")
    assert len(messages) == 3
    assert all("who is [hidden]?" in message for (message,) in messages)
    assert "canary" not in caplog.text + "".join(told)
    check_files(tmp_path)


def test_a_content_refusal_that_echoes_the_key_leaves_none_in_the_answer(
    canary: str, loopback: Loopback, tmp_path: Path
) -> None:
    code, message = "content_policy_violation", "{key} breaks our content management policy."
    loopback.faults({"fault": "400", "times": 1, "code": code, "message": message})
    ask(backend(loopback.url, concurrency=1), PROMPT, ASKED, account(tmp_path))
    raws = rows(tmp_path / STORE, "SELECT raw FROM answers WHERE value IS NULL")
    assert len(raws) == 1
    assert "[hidden]" in raws[0][0]
    check_files(tmp_path)


def test_an_answer_that_repeats_a_secret_is_kept_without_it(
    loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "often bought together")
    loopback.faults({"fault": "prose", "times": 1})
    ask(backend(loopback.url), PROMPT, ASKED, account(tmp_path))
    raws = rows(tmp_path / STORE, "SELECT raw FROM answers WHERE value IS NULL")
    assert raws == [("I think the label is 5, since the two are [hidden].",)]
    # Nor is it sent with the repair.
    assert all("often bought" not in str(entry["body"]) for entry in loopback.log())


@pytest.mark.parametrize(
    "options",
    [
        {"api_base": "https://me:canary@host/v1"},
        {"api_base": "https://host/v1?api_key=canary"},
        {"params": {"api_key": "canary"}},
        {"params": {"extra_headers": {"Authorization": "canary"}}},
    ],
)
def test_a_configuration_holds_no_key(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="environment"):
        Backend(model="small", **options)  # type: ignore[arg-type]
