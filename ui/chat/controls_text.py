"""The words of the settings of a conversation and of saving it, in English and Russian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ui.chat.text import Language


@dataclass(frozen=True, slots=True)
class ControlsText:
    """`{}` fields are filled with `str.format`."""

    settings: str
    panes: str
    panes_why: str
    not_loaded: str
    gone: str
    newest: str
    blind: str
    blind_why: str
    temperature: str
    temperature_why: str
    top_p: str
    max_tokens: str
    seed: str
    style: str
    style_why: str
    short: str
    full: str
    save_markdown: str
    save_json: str
    conversation: str
    question: str
    unnamed: str


EN = ControlsText(
    settings="Settings",
    panes="Panes",
    panes_why="1 to 4 ways of answering, side by side",
    not_loaded="no adapter is loaded",
    gone="not loaded now",
    newest="the newest adapter",
    blind="Blind mode",
    blind_why="Answers are shuffled and unnamed until you vote",
    temperature="Temperature",
    temperature_why="0 always takes the likeliest word",
    top_p="Top p",
    max_tokens="Longest answer, tokens",
    seed="Seed",
    style="Style",
    style_why="As the question is put to the model",
    short="A phrase",
    full="One to three sentences",
    save_markdown="Save as Markdown",
    save_json="Save as JSON",
    conversation="Conversation",
    question="Question",
    unnamed="The names are shown after the vote.",
)

RU = ControlsText(
    settings="Настройки",
    panes="Панели",
    panes_why="От 1 до 4 способов ответа рядом",
    not_loaded="адаптер не загружен",
    gone="сейчас не загружен",
    newest="последний загруженный адаптер",
    blind="Вслепую",
    blind_why="Ответы перемешаны и без названий, пока вы не проголосуете",
    temperature="Температура",
    temperature_why="При 0 всегда берётся самое вероятное слово",
    top_p="Top p",
    max_tokens="Предел длины ответа, токенов",
    seed="Начальное число",
    style="Стиль",
    style_why="Как вопрос задаётся модели",
    short="Несколько слов",
    full="Одно-три предложения",
    save_markdown="Файл Markdown",
    save_json="Файл JSON",
    conversation="Разговор",
    question="Вопрос",
    unnamed="Названия появятся после голосования.",
)

CONTROLS: Mapping[Language, ControlsText] = {"en": EN, "ru": RU}
