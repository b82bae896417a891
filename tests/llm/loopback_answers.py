"""What the loopback server answers: it depends on the seed, the question and the opinion alone.

An opinion is what sets one answer to a question apart from another: the number
of the choice, and `seed` or `user` of the request where it has them. The
history of calls is none of it, so a client that is killed and resumed meets
the answers that it would have met anyway.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any, Final

LABEL_SCHEMA: Final = {
    "type": "object",
    "properties": {"label": {"type": "integer", "enum": list(range(1, 10))}},
}
"""What a request without a schema is answered by."""

WORDS: Final = ("alike", "apart", "both", "either", "neither", "often", "rarely", "together")
WRONG_LABEL: Final = 42
ONE_IN: Final = 10
"""One in so many opinions differs from that of choice 0."""


def number_of(*parts: object) -> int:
    """Return a large number that depends on the parts only."""
    text = "\0".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, whose content may come in parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def last_question(body: Mapping[str, Any]) -> str:
    """Return what the user said last."""
    asked = [text_of(each) for each in body.get("messages", ()) if each.get("role") == "user"]
    return asked[-1] if asked else ""


def all_texts(body: Mapping[str, Any]) -> str:
    return "\n".join(text_of(message) for message in body.get("messages", ()))


def schema_of(body: Mapping[str, Any]) -> dict[str, Any] | None:
    asked = (body.get("response_format") or {}).get("json_schema") or {}
    schema: dict[str, Any] | None = asked.get("schema")
    return schema


def completion(
    body: Mapping[str, Any],
    number: int,
    *,
    seed: int,
    max_choices: int | None = None,
    fault: str | None = None,
) -> dict[str, Any]:
    """Return the answer to a chat request.

    Parameters
    ----------
    body : mapping
    number : int
        Of the request: makes the id.
    seed : int
    max_choices : int, optional
        How many choices are given at most.
    fault : str, optional
        What is wrong with the answer.
    """
    n = int(body.get("n") or 1)
    if max_choices is not None:
        n = min(n, max_choices)
    if fault == "fewer_choices":
        n = 1
    choices = [_choice(body, index, seed, fault) for index in range(n)]
    answer: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body.get("model"),
        "choices": choices,
    }
    if fault != "no_usage":
        tokens_in = sum(_tokens(text_of(message)) for message in body.get("messages", ()))
        tokens_out = sum(_tokens(choice["message"]["content"] or "") for choice in choices)
        answer["usage"] = {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        }
    return answer


def _tokens(text: str) -> int:
    return -(-len(text.encode(errors="surrogatepass")) // 4)


def _choice(body: Mapping[str, Any], index: int, seed: int, fault: str | None) -> dict[str, Any]:
    apart = [body[name] for name in ("seed", "user") if body.get(name) is not None]
    opinion = "/".join(map(str, [*apart, index])) if apart or index else ""
    writer = _Writer(seed, last_question(body), opinion, wrong=fault == "wrong_label")
    valid = json.dumps(writer.value(schema_of(body) or LABEL_SCHEMA))
    message: dict[str, Any] = {"role": "assistant", "content": _spoilt(valid, fault)}
    if fault == "refusal":
        message["refusal"] = "I'm sorry, I can't help with that."
    finish_reason = "length" if fault == "truncated_json" else "stop"
    return {"index": index, "message": message, "finish_reason": finish_reason}


def _spoilt(valid: str, fault: str | None) -> str | None:
    if fault in ("null", "refusal"):
        return None
    if fault == "truncated_json":
        return valid[:5]
    if fault == "prose":
        return "I think the label is 5, since the two are often bought together."
    if fault == "fenced":
        return f"Here is my answer:\n```json\n{valid}\n```\nLet me know what else I can do."
    if fault == "half_character":
        return valid + " \ud83c"
    return "" if fault == "empty" else valid


class _Writer:
    """Writes values that keep to a JSON schema.

    Parameters
    ----------
    seed : int
    text : str
        The question.
    opinion : str
        Empty for the opinion from which others may differ.
    wrong : bool
        Whether what should be one of a few values is none of them.
    """

    def __init__(self, seed: int, text: str, opinion: str, *, wrong: bool) -> None:
        self.seed, self.text, self.opinion, self.wrong = seed, text, opinion, wrong

    def value(self, schema: Mapping[str, Any]) -> Any:
        return self._value(schema, "", self._differs(""))

    def _differs(self, path: str) -> bool:
        if not self.opinion:
            return False
        return number_of(self.seed, "differs", self.text, self.opinion, path) % ONE_IN == 0

    def _pick(self, size: int, path: str, differs: bool) -> int:
        usual = number_of(self.seed, self.text, path) % size
        if not differs or size < 2:
            return usual
        away = number_of(self.seed, self.text, path, self.opinion) % (size - 1)
        return (usual + 1 + away) % size

    def _value(self, schema: Mapping[str, Any], path: str, differs: bool) -> Any:
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._one_of(schema["enum"], path, differs)
        if "anyOf" in schema:
            return self._value(schema["anyOf"][0], path, differs)
        kind = schema.get("type", "object")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            properties = schema.get("properties", {})
            return {
                name: self._value(each, f"{path}.{name}", differs)
                for name, each in properties.items()
            }
        if kind == "array":
            return self._array(schema, path)
        if kind in ("integer", "number"):
            low = int(schema.get("minimum", 0))
            return low + self._pick(int(schema.get("maximum", low + 9)) - low + 1, path, differs)
        if kind == "boolean":
            return bool(self._pick(2, path, differs))
        if kind == "string":
            picked = self._pick(len(WORDS) ** 2, path, differs)
            return " ".join(WORDS[place] for place in divmod(picked, len(WORDS)))
        return None

    def _one_of(self, values: list[Any], path: str, differs: bool) -> Any:
        if not self.wrong:
            return values[self._pick(len(values), path, differs)]
        if all(isinstance(value, str) for value in values):
            return "none of these"
        numbers = [value for value in values if isinstance(value, int)]
        return WRONG_LABEL if WRONG_LABEL not in values else max(numbers) + 1

    def _array(self, schema: Mapping[str, Any], path: str) -> list[Any]:
        # Each item is an answer of its own: a prompt may ask several questions.
        low = int(schema.get("minItems", 1))
        high = int(schema.get("maxItems", low + 2))
        size = low + self._pick(high - low + 1, f"{path}.size", differs=False)
        items = schema.get("items", {"type": "string"})
        places = [f"{path}.{place}" for place in range(size)]
        return [self._value(items, place, self._differs(place)) for place in places]
