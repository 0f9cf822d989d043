"""Every word of the chat page, in English and Russian. A word missing in one language is a type error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ui.messages.translation import translated

if TYPE_CHECKING:
    from ui.chat.status import Doing

Language = Literal["en", "ru"]


@dataclass(frozen=True, slots=True)
class Text:
    """`{}` fields are filled with `str.format`. `arms`: name and what it is, per arm."""

    code: Language
    own_name: str
    page_title: str
    tab: str
    language: str
    log_out: str
    welcome: str
    welcome_more: str
    try_one: str
    question: str
    placeholder: str
    send: str
    stop: str
    retry: str
    clear: str
    edit: str
    keep: str
    editing: str
    keys: str
    arms: Mapping[str, tuple[str, str]]
    you_asked: str
    waiting: str
    in_line: str
    searching: str
    writing: str
    stopped: str
    cut: str
    empty: str
    refused: str
    abstained: str
    abstained_why: str
    failed: str
    defect: str
    copy: str
    copied: str
    first_token: str
    speed: str
    tokens: str
    total: str
    details: str
    model: str
    adapter: str
    no_adapter: str
    prompt_tokens: str
    index_version: str
    searched_for: str
    search_time: str
    seconds: str
    per_second: str
    sources: str
    no_sources: str
    source: str
    page: str
    score: str
    cited: str
    matched: str
    matched_why: str
    scores: str
    cosine: str
    words: str
    reranked: str
    rank: str
    evidence: str
    evidence_weak: str
    evidence_why: str
    dropped: str
    ready: str
    not_ready: str
    status: Mapping[str, str]
    seconds_left: str
    seconds_passed: str

    def number(self, value: float, digits: int = 1) -> str:
        """With this language's decimal mark."""
        written = f"{value:.{digits}f}"
        return written.replace(".", ",") if self.code == "ru" else written

    def arm(self, name: str) -> tuple[str, str]:
        return self.arms.get(name, (name, ""))

    def doing(self, now: Doing) -> str:
        """One line on what is waited for, with its count and the seconds left where they are known."""
        parts = [translated(now.line, self.code)] if now.line else []
        parts += [f"{now.done} / {now.total}"] if now.total else []
        parts += [self.seconds_left.format(f"{now.seconds_left:.0f}")] if now.seconds_left is not None else []
        parts += [self.seconds_passed.format(f"{now.seconds_passed:.0f}")] if now.seconds_passed is not None else []
        words = self.status[now.what]
        return ": ".join([words, ", ".join(parts)] if words and parts else [words or ", ".join(parts)])

    def reason(self, why: str) -> str:
        """Why a passage was left out, in this language where the reason is one that Atlas gives."""
        return translated(why, self.code)


EN = Text(
    code="en",
    own_name="English",
    page_title="Atlas",
    tab="Compare",
    language="Language",
    log_out="Log out",
    welcome="Ask your documents",
    welcome_more=(
        "One question, answered side by side from the same model. Retrieval shows the passages it used, so you can check every claim."
    ),
    try_one="Questions to try",
    question="Your question",
    placeholder="Ask a question about the documents",
    send="Send",
    stop="Stop",
    retry="Ask again",
    clear="New conversation",
    edit="Edit",
    keep="Leave as it was",
    editing="Your last question is back in the box. Sending it replaces that turn.",
    keys="Enter sends, Shift+Enter: new line, Esc stops; in blind mode 1–4, T, B vote",
    arms={
        "icl": ("ICL", "examples in the prompt, no retrieval"),
        "zero-shot": ("Zero-shot", "the question alone"),
        "rag": ("RAG", "passages from the documents"),
        "lora": ("LoRA", "adapter, no retrieval"),
        "rag+lora": ("RAG + LoRA", "passages and adapter"),
    },
    you_asked="You asked",
    waiting="Your question waits; it will be answered as soon as possible.",
    in_line="The model is busy. Being answered: {}, before yours: {}",
    searching="Searching the documents",
    writing="Writing",
    stopped="Stopped",
    cut="Cut off: longest answer reached",
    empty="The model said nothing.",
    refused="Does not know",
    abstained="Not in the documents",
    abstained_why="The passages found do not support an answer, so the model was not asked.",
    failed="No answer",
    defect="Something broke inside Atlas. The details are in the terminal it was started from.",
    copy="Copy",
    copied="Copied",
    first_token="first token",
    speed="speed",
    tokens="tokens",
    total="total",
    details="How this answer was made",
    model="Model",
    adapter="Adapter",
    no_adapter="none",
    prompt_tokens="Tokens in the prompt",
    index_version="Index version",
    searched_for="Searched for",
    search_time="Search",
    seconds="{} s",
    per_second="{}/s",
    sources="Sources",
    no_sources="Nothing was found in the documents.",
    source="Source {}",
    page="page {}",
    score="score",
    cited="cited",
    matched="matched",
    matched_why="The model named no source here; Atlas found the same words in it.",
    scores="Scores",
    cosine="meaning (cosine)",
    words="words (BM25)",
    reranked="reranker",
    rank="rank {}",
    evidence="Evidence",
    evidence_weak="weak",
    evidence_why="How likely the documents hold the answer, estimated from the search alone. Below {} Atlas abstains.",
    dropped="Found but left out",
    ready="Ready",
    not_ready="Something needs attention",
    status={
        "starting": "Starting",
        "models": "Fetching models",
        "index": "Indexing the documents",
        "calibration": "Learning when the documents lack an answer",
        "warming": "Loading the search",
        "server": "The model server is starting",
        "no index": "There is no index yet. Build it: atlas index build",
        "no server": "The model server is not running. Start it: atlas serve",
        "other": "",
    },
    seconds_left="about {} s left",
    seconds_passed="{} s so far",
)

RU = Text(
    code="ru",
    own_name="Русский",
    page_title="Atlas",
    tab="Сравнение",
    language="Язык",
    log_out="Выйти",
    welcome="Спросите свои документы",
    welcome_more=(
        "Один вопрос и несколько ответов рядом, от одной и той же модели. Под ответом с поиском видны использованные фрагменты: "
        "каждое утверждение можно проверить."
    ),
    try_one="Попробуйте спросить",
    question="Ваш вопрос",
    placeholder="Задайте вопрос по документам",
    send="Спросить",
    stop="Стоп",
    retry="Спросить ещё раз",
    clear="Новый разговор",
    edit="Исправить",
    keep="Оставить как было",
    editing="Последний вопрос снова в поле ввода. Отправленный заново, он заменит прежний ход.",
    keys="Enter: отправить, Shift+Enter: новая строка, Esc: стоп; вслепую голос: 1–4, T, B",
    arms={
        "icl": ("ICL", "примеры в запросе, без поиска"),
        "zero-shot": ("Zero-shot", "только сам вопрос"),
        "rag": ("RAG", "фрагменты из документов"),
        "lora": ("LoRA", "адаптер, без поиска"),
        "rag+lora": ("RAG + LoRA", "фрагменты и адаптер"),
    },
    you_asked="Вы спросили",
    waiting="Вопрос ждёт; ответ начнётся, как только это станет возможно.",
    in_line="Модель занята. Сейчас отвечает на вопросы: {}, в очереди перед вашим: {}",
    searching="Ищу в документах",
    writing="Пишу",
    stopped="Остановлено",
    cut="Обрезано: достигнута наибольшая длина ответа",
    empty="Модель ничего не ответила.",
    refused="Модель не знает ответа",
    abstained="В документах этого нет",
    abstained_why="Найденные фрагменты не подтверждают никакого ответа, поэтому модель не спрашивали.",
    failed="Ответа нет",
    defect="Внутри Atlas что-то сломалось. Подробности в терминале, из которого он запущен.",
    copy="Копировать",
    copied="Скопировано",
    first_token="первый токен",
    speed="скорость",
    tokens="токены",
    total="всего",
    details="Как получен этот ответ",
    model="Модель",
    adapter="Адаптер",
    no_adapter="нет",
    prompt_tokens="Токенов в запросе",
    index_version="Версия индекса",
    searched_for="Искали",
    search_time="Поиск",
    seconds="{} с",
    per_second="{}/с",
    sources="Источники",
    no_sources="В документах ничего не нашлось.",
    source="Источник {}",
    page="стр. {}",
    score="оценка",
    cited="цитируется",
    matched="совпадение",
    matched_why="Модель не назвала источник; Atlas нашёл в нём те же слова.",
    scores="Оценки",
    cosine="смысл (косинус)",
    words="слова (BM25)",
    reranked="переранжирование",
    rank="место {}",
    evidence="Опора в документах",
    evidence_weak="слабая",
    evidence_why="Насколько вероятно, что ответ есть в документах: оценка по одному лишь поиску. Ниже {} Atlas не отвечает.",
    dropped="Найдено, но не вошло",
    ready="Готово",
    not_ready="Нужно внимание",
    status={
        "starting": "Запуск",
        "models": "Загружаются модели",
        "index": "Индексируются документы",
        "calibration": "Подбирается порог, ниже которого ответа в документах нет",
        "warming": "Загружается поиск",
        "server": "Запускается сервер модели",
        "no index": "Индекса ещё нет. Постройте его: atlas index build",
        "no server": "Сервер модели не запущен. Запустите его: atlas serve",
        "other": "",
    },
    seconds_left="осталось около {} с",
    seconds_passed="прошло {} с",
)

TEXTS: Mapping[Language, Text] = {"en": EN, "ru": RU}


def preferred(accept_language: str, setting: str = "auto") -> Language:
    """The page's language: the setting, or the first of ours in the browser's Accept-Language, by its weights; else English."""
    if setting in ("en", "ru"):
        return "ru" if setting == "ru" else "en"
    wanted: list[tuple[float, Language]] = []
    for entry in accept_language.split(","):
        tag, _, weight = entry.strip().partition(";q=")
        for language in TEXTS:
            if tag.casefold().split("-")[0] == language:
                wanted.append((-float(weight) if re.fullmatch(r"[01](\.\d*)?", weight) else -1.0, language))
    return min(wanted, key=lambda pair: pair[0])[1] if wanted else "en"
