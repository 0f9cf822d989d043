"""Every word of the guide but those of the tree, in English and Russian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ui.chat.text import Language
from ui.pages.guide.here import Here
from ui.pages.guide.tree import Place


@dataclass(frozen=True, slots=True)
class Text:
    """`places`: heading of each part of the plan. `go`: words of the button, by page. `machine`: cores, memory, GPUs."""

    code: Language
    title: str
    heading: str
    more: str
    found: str
    nothing_found: str
    documents: str
    pairs: str
    machine: str
    no_gpu: str
    gpu: str
    plan: str
    summary: str
    places: Mapping[Place, str]
    what_out: str
    measured: str
    run: str
    thumb: str
    outside: str
    sources: str
    go: Mapping[str, str]
    fill: str

    def found_line(self, here: Here) -> str:
        """What the answers were read from."""
        count = self.documents.format(self.number(here.documents), self.number(here.tokens)) if here.documents else self.nothing_found
        gpus = ", ".join(self.gpu.format(f"{each:.0f}") for each in here.gpus_gb) or self.no_gpu
        machine = self.machine.format(here.cores, f"{here.memory_gb:.0f}", gpus)
        return self.found.format("; ".join([count, self.pairs.format(self.number(here.pairs)), machine]))

    def number(self, value: int) -> str:
        """With this language's thousands mark."""
        return f"{value:,}".replace(",", "\u202f" if self.code == "ru" else ",")


EN = Text(
    code="en",
    title="Guide",
    heading="Which way to adapt pays for you?",
    more="Eight answers make a plan: what to try first, what may come later, and what to leave out. It is a candidate to measure.",
    found="Answered from this home where it could be: {}.",
    nothing_found="no index yet",
    documents="{} documents (about {} tokens)",
    pairs="{} question-answer pairs",
    machine="{} × CPU, {} GB, {}",
    no_gpu="no GPU",
    gpu="GPU {} GB",
    plan="Your plan",
    summary="{} to do now, {} for later, {} left out.",
    places={"do": "Do this, in this order", "later": "Then, if what you measured says so", "out": "Left out, and why"},
    what_out="Left out, and why ({})",
    measured="Measured here",
    run="run {} of {}, {} questions, {}",
    thumb="Rule of thumb",
    outside="Not a part of Atlas",
    sources="Where this comes from",
    go={"compare": "Go to Compare", "corpus": "Go to Corpus", "adapters": "Go to Adapters", "evaluate": "Go to Evaluate"},
    fill="Fill in Adapters: {}",
)
RU = Text(
    code="ru",
    title="Советник",
    heading="Какой способ адаптации окупится у вас?",
    more="Восемь ответов дают план: с чего начать, что может пригодиться потом и чего не делать. Это кандидат, который надо измерить.",
    found="Где можно, ответы взяты отсюда: {}.",
    nothing_found="индекса ещё нет",
    documents="документов: {} (около {} токенов)",
    pairs="пар «вопрос — ответ»: {}",
    machine="{} × CPU, {} ГБ, {}",
    no_gpu="без видеокарты",
    gpu="видеокарта {} ГБ",
    plan="Ваш план",
    summary="Сделать сейчас: {}, потом: {}, не делать: {}.",
    places={"do": "Сделайте это, в таком порядке", "later": "Потом, если так покажут измерения", "out": "Не стоит, и вот почему"},
    what_out="Не стоит, и вот почему ({})",
    measured="Измерено здесь",
    run="прогон {} от {}, вопросов: {}, {}",
    thumb="Эмпирическое правило",
    outside="Atlas этого не делает",
    sources="Откуда это",
    go={"compare": "К сравнению", "corpus": "К корпусу", "adapters": "К адаптерам", "evaluate": "К проверке"},
    fill="Заполнить «Адаптеры»: {}",
)
TEXTS: dict[Language, Text] = {"en": EN, "ru": RU}
