"""Every word of the login page, in English and Russian."""

from __future__ import annotations

from dataclasses import dataclass

from ui.chat.text import Language


@dataclass(frozen=True, slots=True)
class Text:
    code: Language
    title: str
    name: str
    password: str
    enter: str
    wrong: str
    wait: str
    leave: str
    leave_why: str
    back: str


EN = Text(
    code="en",
    title="Log in to Atlas",
    name="Name",
    password="Password",
    enter="Log in",
    wrong="The name or the password is wrong.",
    wait="Too many tries. The next one is possible in {} s.",
    leave="Log out",
    leave_why="You are logged in as {}.",
    back="Back to Atlas",
)
RU = Text(
    code="ru",
    title="Вход в Atlas",
    name="Имя",
    password="Пароль",
    enter="Войти",
    wrong="Имя или пароль не подходят.",
    wait="Слишком много попыток. Следующая возможна через {} с.",
    leave="Выйти",
    leave_why="Вы вошли как {}.",
    back="Назад в Atlas",
)
TEXTS: dict[Language, Text] = {"en": EN, "ru": RU}
