"""The prompt: one function makes it for serving, for training and for evaluation, from the words in templates.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from rag.index.words import unmarked
from rag.types import Message, Source, content_id

Style = Literal["short", "full"]
CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
LETTER = re.compile(r"[^\W\d_]")
FENCE_TAG = re.compile(r"<(/?)(document)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Example:
    """A solved question for a few-shot prompt."""

    question: str
    answer: str


def build_messages(
    question: str,
    *,
    style: Style,
    sources: Sequence[Source] = (),
    examples: Sequence[Example] = (),
    history: Sequence[Message] = (),
) -> list[Message]:
    """The chat messages for one question. With `sources` it is a grounded prompt, without them a plain one.

    `examples` come as earlier turns, before `history`. Messages are rendered through LangChain's ChatPromptTemplate.
    """
    words = templates()[prompt_language(question)]
    form = words[style]
    values = {"question": question, "sources": render_sources(sources)}
    turns: list[tuple[str, str]] = [("system", "{system}")]
    values["system"] = form["grounded" if sources else "plain"]
    for number, example in enumerate(examples):
        turns += [("human", f"{{example_{number}}}"), ("ai", f"{{answer_{number}}}")]
        values[f"example_{number}"] = words["question"].format(question=example.question) + form["cue"]
        values[f"answer_{number}"] = example.answer
    for number, message in enumerate(history):
        turns.append(("human" if message.role == "user" else "ai", f"{{turn_{number}}}"))
        values[f"turn_{number}"] = message.content
    turns.append(("human", words["sources" if sources else "question"] + form["cue"]))
    return _render(turns, values)


def prompt_language(question: str) -> str:
    """Which templates to use: "ru" when most letters are Cyrillic, else "en"."""
    return "ru" if len(CYRILLIC.findall(question)) * 2 > len(LETTER.findall(question)) else "en"


def abstention(question: str) -> str:
    """What is said when the evidence is too weak to ask the model."""
    return str(templates()[prompt_language(question)]["abstained"])


def render_sources(sources: Sequence[Source]) -> str:
    """The fenced passages, the best one last, next to the question (small models read the end best; see docs/log.md)."""
    ordered = sorted(sources, key=lambda source: -source.number)
    return "\n".join(f'<document id="{source.number}">\n{_data(source)}\n</document>' for source in ordered)


def _data(source: Source) -> str:
    """Header and text of a passage, without stress marks and the like, unable to close its own fence or to open another."""
    text = f"{source.header}\n{source.text}" if source.header else source.text
    return FENCE_TAG.sub(r"<\1\2_", unmarked(text))


def trim_history(history: Sequence[Message], *, turns: int, budget: int, count: Callable[[str], int]) -> list[Message]:
    """The last `turns` question-answer pairs that fit into `budget` tokens, beginning with a question (LangChain's trim_messages)."""
    if not history or turns <= 0 or budget <= 0:
        return []
    from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, trim_messages

    messages: list[BaseMessage] = [
        HumanMessage(message.content) if message.role == "user" else AIMessage(message.content) for message in history[-2 * turns :]
    ]
    kept = trim_messages(
        messages,
        max_tokens=budget,
        token_counter=lambda batch: sum(count(str(message.content)) + 4 for message in batch),
        strategy="last",
        start_on="human",
    )
    return [Message("user" if message.type == "human" else "assistant", str(message.content)) for message in kept]


@cache
def templates() -> dict[str, Any]:
    """The words of templates.toml: language -> section -> text."""
    return tomllib.loads(resources.files("rag.context").joinpath("templates.toml").read_text(encoding="utf-8"))


@cache
def template_hash() -> str:
    """16 hex digits over every word and the layout of the prompts.

    An adapter that was trained on another template must not be served with this one.
    """
    layout = render_sources([Source(1, (), "p", "d", 0, 1, "t", "h")])
    return content_id(repr(sorted(templates().items())), layout)


def _render(turns: Sequence[tuple[str, str]], values: dict[str, str]) -> list[Message]:
    from langchain_core.prompts import ChatPromptTemplate

    rendered = ChatPromptTemplate.from_messages(turns).format_messages(**values)
    roles: dict[str, Literal["system", "user", "assistant"]] = {"system": "system", "human": "user", "ai": "assistant"}
    return [Message(roles[message.type], str(message.content)) for message in rendered]
