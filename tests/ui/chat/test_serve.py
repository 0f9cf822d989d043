"""The page over HTTP."""

from __future__ import annotations

import re
import socket

import httpx
import pytest

from rag.assistant import Assistant
from rag.errors import ServerError, SettingsError
from rag.settings import Settings
from tests.ui.stage import Stage
from ui.chat.open import open_page


def test_the_page_names_no_other_host_and_forbids_scripts_it_did_not_write(stage: Stage) -> None:
    answer = httpx.get(stage.page.url)
    head = answer.text.split("<script", 1)[0] + "".join(re.findall(r"<(?:link|meta|img|iframe)[^>]*>", answer.text))
    assert not re.findall(r"(?:https?:)?//(?!127\.0\.0\.1)[a-z]", head)
    policy = answer.headers["content-security-policy"]
    nonce = re.findall(r"'nonce-([\w-]+)'", policy)[0]
    assert answer.text.count("<script") == answer.text.count(f'<script nonce="{nonce}"')
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert nonce not in httpx.get(stage.page.url).text


def test_style_and_script_are_ours_and_nothing_else_of_the_folder_is_served(stage: Stage) -> None:
    assert httpx.get(f"{stage.page.url}atlas/style.css").status_code == 200
    assert httpx.get(f"{stage.page.url}atlas/page.js").status_code == 200
    assert "Session" not in httpx.get(f"{stage.page.url}atlas/session.py").text


def test_a_taken_port_gives_the_next_free_one(indexed: Settings, assistant: Assistant) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        page = open_page(indexed.model_copy(update={"ui": indexed.ui.model_copy(update={"port": port})}), assistant)
        try:
            assert page.url != f"http://127.0.0.1:{port}/"
            assert httpx.get(page.url).status_code == 200
        finally:
            page.stop()


def test_an_address_that_is_not_ours_is_an_error(indexed: Settings, assistant: Assistant) -> None:
    with pytest.raises(ServerError, match=r"192\.0\.2\.1"):
        open_page(indexed.model_copy(update={"ui": indexed.ui.model_copy(update={"host": "192.0.2.1"})}), assistant)


def test_wrong_panes_are_all_named_at_once(indexed: Settings, assistant: Assistant) -> None:
    wrong = indexed.model_copy(update={"ui": indexed.ui.model_copy(update={"arms": ("rag", "rag", "magic")})})
    with pytest.raises(SettingsError) as caught:
        open_page(wrong, assistant)
    assert len(caught.value.problems) == 2 and "magic" in caught.value.problems[0]
