"""Every word of a job's card, in English and Russian. A word missing in one language is a type error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ui.chat.text import Language
from ui.jobs.record import Kind, State
from ui.jobs.trail import COUNTED
from ui.messages.translation import translated


@dataclass(frozen=True, slots=True)
class JobText:
    """`{}` fields are filled with `str.format`."""

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
    rate: str
    line_left: str

    def stage(self, name: str) -> str:
        return translated(name, self.code)

    def line(self, said: str) -> str:
        """A line of a command's output; one of progress keeps its numbers."""
        counted = COUNTED.fullmatch(said)
        if counted is None:
            return translated(said, self.code)
        stage, count, rate, left = counted.groups()
        speed = ", ".join(words.format(value) for words, value in ((self.rate, rate), (self.line_left, left)) if value)
        return f"{self.stage(stage)}: {count}" + (f" ({speed})" if speed else "")

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
    rate="{}/s",
    line_left="{} s left",
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
    rate="{}/с",
    line_left="осталось {} с",
)

TEXTS: Mapping[Language, JobText] = {"en": EN, "ru": RU}
