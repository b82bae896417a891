"""Prompt templates that people write, and items' fields as text that cannot break out of them.

A template is a Jinja file of named blocks, one for each message, and comments:

    {# Comments are not sent. #}
    {% block system %}What stays the same for all questions.{% endblock %}
    {% block user %}What is asked: {{ pairs }}{% endblock %}
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Final

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import SandboxedEnvironment

from karl.errors import ConfigError
from karl.llm.prompt import Prompt, Question

__all__ = ["MAX_CHARS", "Template", "as_data", "check_shown_once", "load_template"]

MAX_CHARS: Final = 500
"""Longest value of a field in a prompt, in characters."""

_ENVIRONMENT: Final = SandboxedEnvironment(
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
)
# Control, format and surrogate characters, line and paragraph separators.
_UNWANTED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_ESCAPES: Final = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026"})


@dataclass(frozen=True)
class Template:
    """A prompt template whose syntax was checked; equal where the text is.

    Parameters
    ----------
    text : str
        As it stands in the file.
    file : Path
        Where it was read from, for messages.
    """

    text: str
    file: Path = field(compare=False)

    def render(self, block: str, **variables: object) -> str:
        """Return a block as text, stripped; raise a ConfigError if an expression in it fails."""
        compiled = self._compiled
        try:
            parts = list(compiled.blocks[block](compiled.new_context(variables)))
        except Exception as error:  # whatever an expression in somebody's template can raise
            line = _line(compiled, error.__traceback__)
            hint = "Correct the expression; karl's own templates show what there is to use."
            raise _error(self.file, line, f"{error} (in block '{block}')", hint) from error
        return "".join(parts).strip()

    @cached_property
    def _compiled(self) -> jinja2.Template:
        code = _ENVIRONMENT.compile(self.text, filename=str(self.file))
        return jinja2.Template.from_code(_ENVIRONMENT, code, _ENVIRONMENT.make_globals(None))


def load_template(path: Path, blocks: Mapping[str, Collection[str]]) -> Template:
    """Read and check a prompt template.

    `blocks` are those that it must have, each with the variables that it may use.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no valid template, lacks a block, uses an
        unknown variable, or holds text outside of blocks, which nobody would get.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        tree = _ENVIRONMENT.parse(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the prompt template {path} cannot be read: {error}",
            hint="Name a UTF-8 text file, or null for karl's own template.",
        ) from error
    except jinja2.TemplateSyntaxError as error:
        hint = "See https://jinja.palletsprojects.com/templates for the syntax."
        raise _error(path, error.lineno, error.message or "wrong syntax", hint) from error
    names, found = ", ".join(blocks), set()
    for node in _outermost(tree):
        if not isinstance(node, nodes.Block) or node.name not in blocks:
            what = f"block '{node.name}'" if isinstance(node, nodes.Block) else "this"
            hint = f"Put everything but {{# comments #}} into one of the blocks: {names}."
            raise _error(path, node.lineno, f"{what} would not be sent", hint)
        _check_variables(path, node, blocks[node.name])
        found.add(node.name)
    for name in (name for name in blocks if name not in found):
        hint = f"Add {{% block {name} %}} … {{% endblock %}}; all blocks: {names}."
        raise _error(path, None, f"the prompt template has no block '{name}'", hint)
    return Template(text, path)


def check_shown_once(question: Question, prompt: Prompt, template: Template, variable: str) -> None:
    """Raise a ConfigError unless a prompt shows each question once, be it alone or not.

    `variable` holds the questions in its template's block "user", such as "pairs".
    """
    for questions in ([question], [question] * 2):
        _, user = prompt.messages(questions)
        if user["content"].count(question.content) != len(questions):
            raise ConfigError(
                f"{template.file}: block 'user' does not show each {variable[:-1]} once",
                hint=f"Write {{{{ {variable} }}}} into it, once.",
            )


def as_data(record: Mapping[str, object], *, max_chars: int = MAX_CHARS) -> str:
    r"""Return an item's fields as one line of JSON to put between delimiters.

    No text of an item can end its delimiter: `<`, `>` and `&` are written as
    `\u003c` and so on, which JSON reads as the same text. Characters that are
    not seen (control, format and direction marks) are removed.

    Values that are None, empty or not finite are left out. Longer ones than
    `max_chars` are cut, which a final … shows.
    """
    values = {_clean(name): _value(value, max_chars) for name, value in record.items()}
    shown = {name: value for name, value in values.items() if value not in (None, "")}
    return json.dumps(shown, ensure_ascii=False).translate(_ESCAPES)


def _value(value: object, max_chars: int) -> str | int | float | None:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    text = _clean(str(value))
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def _clean(text: str) -> str:
    if not text.isprintable():  # else there is nothing to remove, and the check is fast
        text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in _UNWANTED)
    return " ".join(text.split())


def _outermost(tree: nodes.Template) -> Iterator[nodes.Node]:
    """Give what stands at the top level of a template, white space left out."""
    for node in tree.body:
        parts = node.nodes if isinstance(node, nodes.Output) else [node]
        for part in parts:
            if not (isinstance(part, nodes.TemplateData) and part.data.isspace()):
                yield part


def _check_variables(path: Path, block: nodes.Block, known: Collection[str]) -> None:
    body = nodes.Template(block.body, lineno=block.lineno)
    body.set_environment(_ENVIRONMENT)
    unknown = meta.find_undeclared_variables(body) - {*known, *_ENVIRONMENT.globals}
    for node in block.find_all(nodes.Name):
        if node.name in unknown:
            message = f"there is no variable '{node.name}' in block '{block.name}'"
            hint = f"It has: {', '.join(sorted(known)) or 'none'}."
            raise _error(path, node.lineno, message, hint)


def _line(template: jinja2.Template, trace: TracebackType | None) -> int | None:
    """Return the innermost line of a template that a traceback goes through."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_globals.get("__jinja_template__") is template:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line


def _error(path: Path, line: int | None, message: str, hint: str) -> ConfigError:
    place = str(path) if line is None else f"{path}, line {line}"
    return ConfigError(f"{place}: {message}", hint=hint)
