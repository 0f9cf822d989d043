"""Every word of a job's card, in English and Russian. A word missing in one language is a type error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ui.chat.text import Language
from ui.jobs.record import Kind, State


@dataclass(frozen=True, slots=True)
class JobText:
    """`{}` fields are filled with `str.format`. `stages`: pattern of a stage as the library names it -> words; other stages stay."""

    code: Language
    kinds: Mapping[Kind, str]
    states: Mapping[State, str]
    stopping: str
    starting: str
    waiting_why: str
    lost_why: str
    count: str
    left: str
    took: str
    seconds: str
    minutes: str
    hours: str
    output: str
    progress: str
    stages: Mapping[str, str]

    def stage(self, name: str) -> str:
        for pattern, words in self.stages.items():
            if found := re.fullmatch(pattern, name):
                return words.format(*found.groups())
        return name

    def duration(self, seconds: float) -> str:
        """In the unit a person would say it in."""
        if seconds < 90:
            return self.seconds.format(max(1, round(seconds)))
        minutes = round(seconds / 60)
        return self.minutes.format(minutes) if minutes < 90 else self.hours.format(minutes // 60, minutes % 60)

    def number(self, value: int) -> str:
        return f"{value:,}".replace(",", " " if self.code == "ru" else ",")


EN = JobText(
    code="en",
    kinds={"index": "Index", "train": "Training", "eval": "Evaluation", "load": "Loading", "merge": "Merging"},
    states={"waiting": "Waiting", "running": "Running", "done": "Done", "failed": "Failed", "stopped": "Stopped", "lost": "Lost"},
    stopping="Stopping",
    starting="starting",
    waiting_why="It starts by itself as soon as the one before it has ended.",
    lost_why="Atlas was ended while this ran. Start it again; what it had saved by then is used.",
    count="{} of {}",
    left="about {} left",
    took="took {}",
    seconds="{} s",
    minutes="{} min",
    hours="{} h {} min",
    output="Output of the command",
    progress="Progress: {}",
    stages={},
)

RU = JobText(
    code="ru",
    kinds={"index": "Индекс", "train": "Обучение", "eval": "Оценка", "load": "Загрузка", "merge": "Слияние"},
    states={
        "waiting": "Ожидает",
        "running": "Выполняется",
        "done": "Готово",
        "failed": "Не удалось",
        "stopped": "Остановлено",
        "lost": "Прервано",
    },
    stopping="Останавливается",
    starting="запускается",
    waiting_why="Начнётся само, как только закончится предыдущая задача.",
    lost_why="Работа Atlas закончилась раньше. Запустите снова: то, что успело сохраниться, будет использовано.",
    count="{} из {}",
    left="осталось около {}",
    took="заняло {}",
    seconds="{} с",
    minutes="{} мин",
    hours="{} ч {} мин",
    output="Вывод команды",
    progress="Ход работы: {}",
    stages={
        "reading files": "чтение файлов",
        "looking for duplicates": "поиск повторов",
        "splitting": "деление на фрагменты",
        "embedding": "векторы фрагментов",
        "indexing words": "указатель слов",
        "writing vectors": "запись векторов",
        r"waiting for the build of pid (\S+)": "ожидание другой сборки (процесс {})",
        "calibrating": "калибровка",
        "unpacking": "распаковка",
        "converting": "преобразование модели",
        "hashing": "контрольные суммы",
        r"verifying (.+) \(MB\)": "проверка {} (МБ)",
        r"waiting for another process that fetches (.+)": "ожидание загрузки {} другим процессом",
        "training": "обучение",
        r"training \((.+)\)": "обучение ({})",
        "tokenising": "токенизация",
        "held-back questions": "отложенные вопросы",
        "retrieving for training": "поиск фрагментов для обучения",
        "writing questions": "составление вопросов",
        "canary prompts": "проверочные запросы",
        r"merging (.+)": "слияние {}",
        r"checking that the adapter (.+) is loaded": "проверка, что адаптер {} загружен",
        "waiting for the model server": "ожидание сервера модели",
        "retrieving": "поиск фрагментов",
        "answering": "ответы",
        "scoring": "подсчёт оценок",
        "judging pairs": "сравнение ответов судьёй",
        "judging groundedness": "проверка опоры на источники судьёй",
        "warming up": "прогрев",
        "model server: loading libraries": "сервер модели: загрузка библиотек",
        "model server: reading the model's configuration": "сервер модели: чтение настроек модели",
        "model server: starting the engine": "сервер модели: запуск движка",
        "model server: loading weights": "сервер модели: загрузка весов",
        "model server: preparing the weights": "сервер модели: подготовка весов",
        "model server: compiling and warming up": "сервер модели: компиляция и прогрев",
        "model server: making room for the cache": "сервер модели: выделение памяти под кэш",
        "model server: opening the port": "сервер модели: открытие порта",
    },
)

TEXTS: Mapping[Language, JobText] = {"en": EN, "ru": RU}
