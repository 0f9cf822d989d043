"""Whatever the code can say to a page is said in Russian there, whole and with its values."""

from __future__ import annotations

import ast
import re
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import InputError, SettingsError, UserError
from tests.ui.messages.said import Sample, holes, said, samples
from tests.ui.messages.written import Reading, sources
from ui.messages.translation import catalogue, compiled, in_words, reading, translated

ENTRIES = [(file, english, russian) for file, entries in catalogue().items() for english, russian in entries.items()]
OWN = [(english, russian) for file, english, russian in ENTRIES if file != "system.ru.toml"]
PIECES = 8
"""Characters of a message that stay and are no value: the beginning of a path, a mark between two values."""
VALUES = ["x1", "/home/me/my files/a b.md", "12,345", "имя с пробелом", "{0}", "50 %", "a: b", "http://127.0.0.1:8000/v1"]


def stays(each: Sample) -> int:
    """How many characters of a message are right to stay as they are."""
    known = ((word, reading(word)) for word in each.words)
    return sum(map(len, each.values)) + sum(len(word) if told is None else told.strange for word, told in known) + PIECES


def untold(each: Sample) -> bool:
    told = reading(each.text)
    return told is None or told.strange > stays(each) or any(value not in told.russian for value in each.values)


def test_every_message_that_a_page_can_show_is_in_the_catalogue() -> None:
    """A new one belongs into ui/messages/*.ru.toml, as {0}, {1}, ... where its values stand; one that only a terminal shows into `said`."""
    missing = [f"{one.where}: {each.text!r}" for one in said() for each in samples(one.template) if untold(each)]
    assert not missing, "\n".join(missing)


def test_every_entry_of_the_catalogue_is_said_somewhere() -> None:
    texts = [text for one in said() for each in samples(one.template) for text in _parts(each)]
    unseen = [english for english, _ in OWN if not any(compiled(english, "").pattern.fullmatch(text) for text in texts)]
    constants = "\n".join(str(node.value) for each in sources() for node in ast.walk(each.tree) if isinstance(node, ast.Constant))
    dead = [english for english in unseen if not all(own in constants for own, *_ in Formatter().parse(english))]
    assert not dead, "\n".join(dead)


def _parts(each: Sample) -> list[str]:
    """A message and the messages in it."""
    parts = [each.text, *each.words]
    for text in parts:
        parts += [part for part in re.split(r"; |, |: ", text) if part not in parts]
    return parts


def test_there_is_much_to_say() -> None:
    """That nothing is missing would be true of nothing."""
    assert len(said()) > 500 and len({one.where.partition(":")[0] for one in said()}) > 80


def test_both_sides_have_the_same_values_numbered_in_the_order_of_the_english_ones() -> None:
    for file, english, russian in ENTRIES:
        fields = [field for _, field, _, _ in Formatter().parse(english) if field is not None]
        assert fields == [str(number) for number in range(len(fields))], (file, english)
        assert sorted(field for _, field, _, _ in Formatter().parse(russian) if field is not None) == fields, (file, english)


def test_what_is_russian_is_in_cyrillic() -> None:
    """Names and commands apart; where no word of ours is left, there is nothing to say."""
    for file, english, russian in ENTRIES:
        own = re.sub(r"\{\d+\}", "", russian)
        assert re.search("[а-яё]", own) or not re.search(r"\w", own), (file, english)


def test_no_english_word_is_left_but_those_that_are_names() -> None:
    """A word of Latin letters stands in the English text, too, and is not put together with Cyrillic ones."""
    for file, english, russian in ENTRIES:
        strange = set(re.findall(r"[A-Za-z]{2,}", russian)) - set(re.findall(r"[A-Za-z]{2,}", english))
        assert strange <= {"Atlas", "vLLM", "instruct", "pickle", "true", "false"}, (file, english, strange)
        assert not re.search(r"[A-Za-z][а-яёА-ЯЁ]|[а-яёА-ЯЁ][A-Za-z]", russian), (file, english)


def test_commands_stay_as_they_are() -> None:
    """Also those in backticks; only the words in capitals that stand for something are Russian."""
    for file, english, russian in ENTRIES:
        for command in re.findall(r"`[^`]+`", english):
            assert command in russian or "atlas" not in command, (file, english)


def test_no_template_stands_in_two_files() -> None:
    assert len({english for _, english, _ in ENTRIES}) == len(ENTRIES)


@given(st.sampled_from(OWN), st.lists(st.sampled_from(VALUES), min_size=9, max_size=9))
def test_a_message_is_translated_whatever_its_values_are(entry: tuple[str, str], values: list[str]) -> None:
    english, russian = entry
    given_ = values[: holes(english)]
    text = english.format(*given_)
    if not compiled(english, russian).bare:
        assert translated(text, "ru") != text
    assert all(value in translated(text, "ru") for value in given_)
    assert translated(text, "en") == text


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\n\n", "hello world", "Traceback (most recent call last)",
        "The weather is fine.", "I think so. Try again.", "none",
        "{0}", "Ответ оборвался.", "x" * 10_000, "a: b: c", "{'seconds': 3}", "/home/me/models",
        "In the beginning; then more; and the end.",
    ],
)  # fmt: skip
def test_what_is_no_message_of_ours_stays(text: str) -> None:
    assert translated(text, "ru") == text


@given(st.text(alphabet="ab {}:;.,'`\n(){}0", max_size=200))
def test_any_text_can_be_asked_for(text: str) -> None:
    assert translated(text, "en") == text
    assert isinstance(translated(text, "ru"), str)


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        (
            "There is no index 'squad2' in /home/me/.atlas/indexes. Build it: `atlas index build`.",
            "Индекса «squad2» нет в /home/me/.atlas/indexes. Постройте его: `atlas index build`.",
        ),
        ("model server is not running: start it with `atlas serve`", "не запущен сервер модели: запустите его командой `atlas serve`"),
        (
            "Not loaded: The adapter 'x' is not loaded. Loaded: a, b. Load it: atlas adapters load x",
            "Не загружен: Адаптер «x» не загружен. Загружены: a, b. Загрузите его: atlas adapters load x",
        ),
        (
            "The model server is starting: loading weights (12 of about 40 s).",
            "Сервер модели запускается: загрузка весов (12 из примерно 40 с).",
        ),
        (
            "An unfinished training 'm' is there, with other train.epochs (3 then, 4 now), data (a then, b now).",
            "Есть незаконченное обучение «m» с другими настройками: train.epochs (было 3, теперь 4), data (было a, теперь b).",
        ),
        (
            "2 lines of QA pairs cannot be used:\na.jsonl:3: `question` must be a text that is not empty\nb.jsonl: Permission denied",
            "Негодных строк с парами «вопрос – ответ»: 2.\na.jsonl:3: `question` должен быть непустым текстом\nb.jsonl: нет прав",
        ),
        (
            "step 86 of 258: loss 0.123, held-back loss 0.200, held-back score 44.1 (answerable: 3.0; rightly refused: 4.0 %)",
            "шаг 86 из 258: потери 0.123, потери на отложенных 0.200, оценка на отложенных 44.1 "
            "(на имеющих ответ: 3.0; верных отказов: 4.0 %)",
        ),
        ("skipped my.pdf: broken PDF: EOF marker not found", "не вошёл файл my.pdf: повреждённый PDF: EOF marker not found"),
        ("lora: r = 0: Input should be greater than 0.", "lora: r = 0: должно быть больше 0."),
    ],
)
def test_messages_put_together_are_translated_in_all_their_parts(english: str, russian: str) -> None:
    assert translated(english, "ru") == russian


def test_a_name_is_never_translated() -> None:
    """Not a word that is a stage, too, nor a message in quotes."""
    assert translated("There is no adapter 'training'.", "ru") == "Адаптера «training» нет."
    assert translated("There is no job 'Try again.'.", "ru") == "Задачи «Try again.» нет."
    assert translated("training", "ru") == "обучение"


def test_an_error_says_what_and_what_to_do_in_the_language() -> None:
    error = UserError("The question is empty.", "Type a question.")
    assert in_words(error, "ru") == "Вопрос пуст. Введите вопрос."
    assert in_words(error, "en") == str(error)
    assert in_words(InputError("empty file"), "ru", between="\n") == "пустой файл"
    problems = SettingsError(["Выберите хотя бы один рецепт.", "'a b' cannot be an adapter's name."])
    assert in_words(problems, "ru") == "Выберите хотя бы один рецепт.\n«a b» не годится как имя адаптера."


def test_the_words_of_the_code_are_read() -> None:
    """The reader of the syntax trees follows variables, lists and functions: what it does not see, the test above does not miss."""
    found = {one.template for one in said()}
    assert "Index '{0}' was made with {1}; the settings ask for {2} (differs: {3})." in found  # a variable
    assert "The arm '{0}' needs an adapter, and none is loaded: atlas adapters load NAME." in found  # a list that is filled elsewhere
    assert "The adapter '{0}' is not loaded. None is." in found and "The adapter '{0}' is not loaded. Loaded: {1}." in found  # either, or
    assert "{0} could not be fetched: it has no source that is allowed (models.hub is off)" in found  # `or` inside a text
    assert all(Reading(each).found == [] for each in sources()[:3])
