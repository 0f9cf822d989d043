"""The pages show errors in their own language, and nothing else of them."""

from __future__ import annotations

import ast

import pytest

from rag.errors import IndexError_, UserError
from tests.ui.messages.written import Source, errors, named, sources
from ui.chat.panes import pane
from ui.chat.status import Doing
from ui.chat.text import RU, TEXTS, Language
from ui.chat.turn import Pane
from ui.pages.adapters.text import WORDS as ADAPTERS
from ui.pages.corpus.contents import guarded

PAGES = ("ui/chat/", "ui/pages/", "ui/votes/", "ui/shell.py")
KEPT = {
    "ui/chat/serve.py",  # there is no page yet
    "ui/pages/adapters/form.py",  # raised again, as one of several problems
    "ui/pages/adapters/reading.py",  # kept as it is; `cards` says it
    "ui/pages/evaluate/pairs.py",  # raised again, with another name of the file
}
"""Files that take the words of an error and show none."""


def shown(file: Source) -> list[str]:
    """Where the words of an error are taken as they are."""
    found = []
    for handler in (node for node in ast.walk(file.tree) if isinstance(node, ast.ExceptHandler) and node.type is not None):
        if not errors() & {named(node) for node in ast.walk(handler.type or handler)}:
            continue
        for node in ast.walk(handler):
            match node:
                case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=name)]) if name == handler.name:
                    found.append(f"{file.name}:{node.lineno}")
                case ast.FormattedValue(value=ast.Name(id=name)) if name == handler.name:
                    found.append(f"{file.name}:{node.lineno}")
                case ast.Attribute(value=ast.Name(id=name), attr="what" | "do"):
                    inside = [each for each in ast.walk(handler) if isinstance(each, ast.Call) and named(each.func) == "translated"]
                    if name == handler.name and not any(node in each.args for each in inside):
                        found.append(f"{file.name}:{node.lineno}")
    return found


def test_no_page_shows_the_english_words_of_an_error() -> None:
    """`ui.messages.translation.in_words` says them in the language of the session."""
    pages = [each for each in sources() if each.name.startswith(PAGES) and each.name not in KEPT]
    assert len(pages) > 40
    assert not [place for each in pages for place in shown(each)]


def test_what_is_kept_as_it_is_is_still_there() -> None:
    assert all(shown(each) for each in sources() if each.name in KEPT - {"ui/chat/serve.py"})


@pytest.mark.parametrize(
    ("language", "said"), [("en", "The question is empty.<br>Type a question."), ("ru", "Вопрос пуст.<br>Введите вопрос.")]
)
def test_an_answer_that_failed_says_why(language: Language, said: str) -> None:
    failed = Pane("rag", state="failed", problem=UserError("The question is empty.", "Type a question."))
    assert said in pane(failed, "p", TEXTS[language])


def test_an_error_in_russian_is_still_escaped() -> None:
    failed = Pane("rag", state="failed", problem=UserError("There is no arm '<b>'.", "Choose one of: <i>."))
    html = pane(failed, "p", RU)
    assert "Варианта «&lt;b&gt;» нет.<br>Выберите из этих: &lt;i&gt;." in html and "<i>" not in html


def test_a_part_of_the_corpus_page_says_why_it_is_not_there() -> None:
    def broken() -> str:
        raise IndexError_("There is no index '<x>' in /home.", "Build it: `atlas index build`.")

    assert "Индекса «&lt;x&gt;» нет в /home. Постройте его: `atlas index build`." in guarded(broken, "ru")
    assert "Build it: `atlas index build`." in guarded(broken, "en")


def test_the_status_line_says_what_the_library_waits_for() -> None:
    waiting = Doing("other", line="no model server at http://x: All connection attempts failed")
    assert RU.doing(waiting) == "нет сервера модели по адресу http://x: соединиться не удалось"


def test_why_an_adapter_cannot_answer_is_said() -> None:
    words = ADAPTERS["ru"]
    why = "it was trained on a (revision b), and the model is c (revision d); it was trained on prompt template e, and the present one is f"
    assert words.reason(why) == "он обучен на a (версия b), а модель здесь c (версия d); он обучен на шаблоне запроса e, а нынешний – f"
