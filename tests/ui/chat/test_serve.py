"""The page over HTTP."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from rag.assistant import Assistant
from rag.errors import ServerError, SettingsError
from rag.settings import Settings
from tests.ui.stage import Stage
from ui.chat.open import open_page
from ui.chat.serve import Endpoint, Serving, serve
from ui.guard import users
from ui.guard.guard import Guard
from ui.guard.users import Users


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
    elsewhere = indexed.ui.model_copy(update={"host": "192.0.2.1", "allow_anonymous": True})
    with pytest.raises(ServerError, match=r"192\.0\.2\.1"):
        open_page(indexed.model_copy(update={"ui": elsewhere}), assistant)


def test_wrong_panes_are_all_named_at_once(indexed: Settings, assistant: Assistant) -> None:
    wrong = indexed.model_copy(update={"ui": indexed.ui.model_copy(update={"arms": ("rag", "rag", "magic")})})
    with pytest.raises(SettingsError) as caught:
        open_page(wrong, assistant)
    assert len(caught.value.problems) == 2 and "magic" in caught.value.problems[0]


def other(path: str) -> tuple[str, Endpoint]:
    async def endpoint(request: Request) -> Response:
        return HTMLResponse("<h1>Report</h1><script>1</script>")

    return path, endpoint


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Serves a page with one button; returns its address."""
    served: list[Serving] = []

    def start(**options: Any) -> str:
        with gr.Blocks(analytics_enabled=False) as blocks:
            gr.File(file_count="single")
        served.append(serve(blocks, "127.0.0.1", 7900, **options))
        return served[-1].url

    yield start
    for each in served:
        each.stop()


def test_everything_says_what_a_browser_may_do_with_it(bare: Callable[..., str]) -> None:
    url = bare(routes=[other("/atlas/report/{run}")])
    for path in ("", "atlas/style.css", "atlas/page.js", "config", "nosuch", "atlas/report/x", "gradio_api/startup-events", "theme.css"):
        headers = httpx.get(url + path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] in ("same-origin", "no-referrer"), path
        assert headers["x-frame-options"] == ("SAMEORIGIN" if path.startswith("atlas/") else "DENY"), path
    page = httpx.get(url).headers["content-security-policy"]
    assert "frame-src 'self'" in page and "frame-ancestors 'none'" in page


def test_pages_of_ours_are_sent_as_they_are_and_may_run_nothing(bare: Callable[..., str]) -> None:
    answer = httpx.get(f"{bare(routes=[other('/atlas/report/{run}')])}atlas/report/x")
    assert answer.text == "<h1>Report</h1><script>1</script>"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "script-src" not in policy and "frame-ancestors 'self'" in policy


def test_further_styles_come_after_our_own(bare: Callable[..., str]) -> None:
    url = bare(styles="#page-guide { color: green; }")
    first = httpx.get(f"{url}atlas/style.css")
    assert first.text.endswith("#page-guide { color: green; }") and "--paper" in first.text
    assert httpx.get(f"{url}atlas/style.css", headers={"if-none-match": first.headers["etag"]}).status_code == 304


def test_a_file_that_is_too_large_is_refused(bare: Callable[..., str]) -> None:
    url = bare(guard=Guard(upload_mb=0.5))
    small = httpx.post(f"{url}gradio_api/upload", files={"files": ("a.txt", b"x" * 1000)})
    large = httpx.post(f"{url}gradio_api/upload", files={"files": ("b.txt", b"x" * 600_000)})
    assert small.status_code == 200 and large.status_code == 413


def test_nothing_of_a_page_with_a_login_is_reached_without_one(bare: Callable[..., str], tmp_path: Path) -> None:
    users.add(tmp_path / "users.txt", "anna", "correct horse")
    url = bare(guard=Guard(users=Users(tmp_path / "users.txt")), routes=[other("/atlas/report/{run}")])
    for path in (
        "config",
        "atlas/report/x",
        "atlas/style.css",
        "gradio_api/heartbeat/x",
        "assets/x.js",
        "gradio_api/upload_progress?upload_id=x",
    ):
        assert httpx.get(url + path).status_code == 401, path
    assert httpx.post(f"{url}gradio_api/upload", files={"files": ("a.txt", b"x")}).status_code == 401
    with httpx.Client(base_url=url, follow_redirects=True) as client:
        assert "Log in" in client.get("/").text
        assert client.post("/atlas/login", data={"name": "anna", "password": "wrong"}).status_code == 401
        assert "gradio" in client.post("/atlas/login", data={"name": "anna", "password": "correct horse"}).text
        assert client.get("/atlas/report/x").status_code == 200
        assert client.get("/gradio_api/user").json() == "anna"


def test_a_name_that_leads_here_from_elsewhere_is_not_answered(bare: Callable[..., str]) -> None:
    url = bare()
    assert httpx.get(url, headers={"host": "rebound.example"}).status_code == 421
    assert httpx.post(f"{url}gradio_api/queue/join", json={}, headers={"origin": "http://evil.example"}).status_code == 403
