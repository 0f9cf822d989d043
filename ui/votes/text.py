"""Every word of voting and of its board, in English and Russian. A word missing in one language is a type error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ui.chat.text import Language


@dataclass(frozen=True, slots=True)
class VoteText:
    """`{}` fields are filled with `str.format`."""

    code: Language
    answer: str
    which: str
    better: str
    tie: str
    bad: str
    good_thumb: str
    bad_thumb: str
    correct: str
    corrected: str
    correction: str
    save: str
    chosen: str
    said_tie: str
    said_bad: str
    kept: str
    kept_opinion: str
    too_long: str
    board: str
    none_yet: str
    counted: str
    place: str
    wins: str
    strength: str
    strength_why: str
    method: str
    few: str
    overlap: str
    clear: str
    alone: str
    thumbs: str
    pairs: str
    cases: str
    nothing_pairs: str
    nothing_cases: str

    def number(self, value: float, digits: int = 1) -> str:
        written = f"{value:.{digits}f}"
        return written.replace(".", ",") if self.code == "ru" else written


EN = VoteText(
    code="en",
    answer="Answer {}",
    which="Which answer is better?",
    better="{} is better",
    tie="Tie",
    bad="Both bad",
    good_thumb="Good",
    bad_thumb="Bad",
    correct="Correct it",
    corrected="Corrected",
    correction="What it should have said",
    save="Keep",
    chosen="Your choice",
    said_tie="You called it a tie.",
    said_bad="You found none of them good.",
    kept="Kept. Votes so far: {}",
    kept_opinion="Kept.",
    too_long="A correction can have {} characters at most.",
    board="Votes so far",
    none_yet="No vote yet. Switch on blind mode, ask, and choose the better answer before the names are shown.",
    counted="Votes: {}; a better answer was chosen in {}, a tie in {}, none was good in {}",
    place="Way of answering",
    wins="Won / tied / lost",
    strength="Share of comparisons it should win",
    strength_why="Against the other ways here, on average, with the 95 % interval",
    method="Strengths after Bradley and Terry (1952); a tie counts half for each side. Intervals: {} resamples of the votes.",
    few="So few votes ({}) say little: the intervals are wide, and a few more can turn the order around.",
    overlap="The intervals of the first two overlap: no difference can be seen yet.",
    clear="The first is ahead of the second by more than chance explains.",
    alone="So far only one way of answering was voted on.",
    thumbs="Good: {}, bad: {}, corrected: {}",
    pairs="Preference pairs (JSONL)",
    cases="Evaluation cases (JSONL)",
    nothing_pairs="There are no preference pairs yet: vote blind, or correct an answer.",
    nothing_cases="There are no cases yet: they come from corrected answers.",
)

RU = VoteText(
    code="ru",
    answer="Ответ {}",
    which="Какой ответ лучше?",
    better="{} лучше",
    tie="Поровну",
    bad="Оба плохи",
    good_thumb="Хорошо",
    bad_thumb="Плохо",
    correct="Поправить",
    corrected="Исправлено",
    correction="Каким должен был быть ответ",
    save="Сохранить",
    chosen="Ваш выбор",
    said_tie="Вы сочли ответы равными.",
    said_bad="Ни один ответ вам не подошёл.",
    kept="Сохранено. Всего голосов: {}",
    kept_opinion="Сохранено.",
    too_long="В исправлении может быть не больше {} знаков.",
    board="Итоги голосования",
    none_yet="Голосов ещё нет. Включите режим вслепую, задайте вопрос и выберите лучший ответ до того, как появятся названия.",
    counted="Голосов: {}; выбран лучший ответ: {}, поровну: {}, все плохи: {}",
    place="Способ ответа",
    wins="Победы / ничьи / поражения",
    strength="Ожидаемая доля побед",
    strength_why="В среднем против остальных способов, с 95-процентным интервалом",
    method="Силы по Брэдли и Терри (1952); ничья даёт каждой стороне половину. Интервалы: {} повторных выборок голосов.",
    few="Голосов всего {}, это мало: интервалы широки, и несколько новых голосов могут изменить порядок.",
    overlap="Интервалы первых двух пересекаются: разницы пока не видно.",
    clear="Первый впереди второго больше, чем это можно объяснить случаем.",
    alone="Пока голосовали только за один способ ответа.",
    thumbs="Хорошо: {}, плохо: {}, исправлено: {}",
    pairs="Пары предпочтений (JSONL)",
    cases="Вопросы для оценки (JSONL)",
    nothing_pairs="Пар предпочтений ещё нет: проголосуйте вслепую или исправьте ответ.",
    nothing_cases="Вопросов ещё нет: они получаются из исправленных ответов.",
)

VOTES: Mapping[Language, VoteText] = {"en": EN, "ru": RU}
