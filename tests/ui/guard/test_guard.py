"""The guard around an application, over ASGI: where requests come from, who is logged in, how much is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag.errors import InputError, SettingsError
from rag.settings import Settings
from ui.guard import users
from ui.guard.guard import Guard, guard_of
from ui.guard.login import LOGIN, LOGOUT
from ui.guard.text import EN, RU
from ui.guard.users import Users

PASSWORD = "correct horse"
HOME = "http://127.0.0.1:7860"


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(users, "ROUNDS", 4)
    users.add(tmp_path / "users.txt", "anna", PASSWORD)
    return tmp_path / "users.txt"


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """What the guard stands before: says who asks."""
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    body = f"inside as {scope.get('atlas.user')}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


def visiting(guard: Guard, visit: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(guard.around(behind), client=("10.0.0.1", 5000))
        async with httpx.AsyncClient(transport=transport, base_url=HOME) as client:
            await visit(client)

    asyncio.run(run())


def test_only_this_machines_own_names_are_answered_for_on_loopback() -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        for host in ("127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860", "127.0.0.1:9999"):
            assert (await client.get("/", headers={"host": host})).status_code == 200, host
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7860", "", "[::1", "192.168.1.5"):
            assert (await client.get("/", headers={"host": host})).status_code == 421, host

    visiting(Guard(), visit)


def test_another_host_that_the_page_is_bound_to_is_answered_for() -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        assert (await client.get("/", headers={"host": "atlas.example.org"})).status_code == 200

    visiting(Guard(host="0.0.0.0"), visit)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": HOME}, 200),
        ({"origin": HOME, "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": "http://localhost:7860"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://[::1"}, 403),
    ],
)
def test_another_sites_page_cannot_post_here(headers: dict[str, str], status: int) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        assert (await client.post("/gradio_api/queue/join", headers=headers)).status_code == status

    visiting(Guard(), visit)


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not() -> None:
    async def pieces() -> Any:
        for _ in range(12):
            yield b"x" * 1_000_000

    async def visit(client: httpx.AsyncClient) -> None:
        assert (await client.post("/gradio_api/run/predict", content=b"x" * 9_000_000)).status_code == 413
        assert (await client.post("/gradio_api/run/predict", content=pieces())).status_code == 413
        assert (await client.post("/gradio_api/upload", content=b"x" * 9_000_000)).status_code == 200
        assert (await client.post("/gradio_api/upload", content=pieces())).status_code == 413

    visiting(Guard(upload_mb=1), visit)


@pytest.mark.parametrize("path", ["/gradio_api/proxy=http://evil.example/", "/gradio_api/vibe-edit", "/monitoring", "/gradio_api/stream/x"])
def test_doors_that_nobody_needs_are_closed(path: str) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        assert (await client.get(path)).status_code == 404
        assert (await client.post(path)).status_code == 404

    visiting(Guard(), visit)


def test_without_a_login_nothing_inside_is_reached(people: Path) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        first = await client.get("/")
        assert (first.status_code, first.headers["location"]) == (303, LOGIN)
        for path in (
            "/config",
            "/atlas/report/x",
            "/atlas/style.css",
            "/gradio_api/queue/data",
            "/gradio_api/heartbeat/x",
            "/nosuch",
        ):
            answer = await client.get(path)
            assert answer.status_code == 401 and "inside" not in answer.text, path
        assert (await client.post("/gradio_api/queue/join")).status_code == 401
        page = await client.get(LOGIN)
        assert page.status_code == 200 and EN.title in page.text and 'type="password"' in page.text

    visiting(Guard(users=Users(people)), visit)


async def enter(client: httpx.AsyncClient, name: str = "anna", password: str = PASSWORD) -> httpx.Response:
    return await client.post(LOGIN, data={"name": name, "password": password}, headers={"origin": HOME})


def test_the_right_password_lets_in_until_log_out(people: Path) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        answer = await enter(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].casefold()
        assert "httponly" in cookie and "samesite=lax" in cookie and PASSWORD not in cookie
        assert (await client.get("/atlas/report/x")).text == "inside as anna"
        assert "anna" in (await client.get(LOGOUT)).text
        kept = dict(client.cookies)
        assert (await client.post(LOGOUT)).status_code == 303
        client.cookies.update(kept)  # the cookie alone is worth nothing now
        assert (await client.get("/config")).status_code == 401

    visiting(Guard(users=Users(people)), visit)


def test_wrong_passwords_are_said_and_then_have_to_wait(people: Path) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        first = await enter(client, password="<script>wrong</script>")
        assert first.status_code == 401 and EN.wrong in first.text and "<script>" not in first.text
        statuses = [(await enter(client, password="wrong again")).status_code for _ in range(8)]
        assert statuses[-1] == 429
        last = await enter(client)
        assert last.status_code == 429 and int(last.headers["retry-after"]) >= 1  # even the right one, now

    visiting(Guard(users=Users(people)), visit)


def test_whoever_is_removed_or_changes_the_password_is_out_at_once(people: Path) -> None:
    users.add(people, "boris", "another password")

    async def visit(client: httpx.AsyncClient) -> None:
        await enter(client, "boris", "another password")
        assert (await client.get("/config")).status_code == 200
        users.add(people, "boris", "a third password")
        assert (await client.get("/config")).status_code == 401
        await enter(client, "boris", "a third password")
        people.unlink()
        assert (await client.get("/config")).status_code == 401

    visiting(Guard(users=Users(people)), visit)


@pytest.mark.parametrize(("header", "words"), [("ru-RU,ru;q=0.9,en;q=0.8", RU), ("en-GB", EN), ("fr", EN)])
def test_the_login_page_speaks_the_browsers_language_and_loads_nothing_from_elsewhere(people: Path, header: str, words: Any) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        page = await client.get(LOGIN, headers={"accept-language": header})
        assert f'<html lang="{words.code}">' in page.text and words.enter in page.text
        assert "http://" not in page.text and "https://" not in page.text and "<script" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert (await client.get("/atlas/login.css")).status_code == 200

    visiting(Guard(users=Users(people)), visit)


def test_ten_tabs_that_chat_and_look_once_a_second_are_never_turned_away_but_a_flood_is() -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        for _ in range(10 * 12):  # a question every five seconds in each tab, for a minute
            assert (await client.post("/gradio_api/queue/join")).status_code == 200
        for _ in range(10 * 60 * 3):  # three looks a second in each
            assert (await client.post("/gradio_api/run/predict")).status_code == 200
        for _ in range(200):
            assert (await client.get("/gradio_api/heartbeat/x")).status_code == 200
        flood = [await client.post("/gradio_api/queue/join") for _ in range(300)]
        assert flood[-1].status_code == 429 and "Wait" in flood[-1].text and int(flood[-1].headers["retry-after"]) >= 1
        assert (await client.get("/")).status_code == 200

    visiting(Guard(requests_per_minute=240), visit)


def settings_of(**ui: Any) -> Settings:
    return Settings.model_validate({"ui": ui})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_the_page_is_not_opened_to_other_machines_without_a_login_unless_that_is_wanted(host: str, people: Path) -> None:
    with pytest.raises(SettingsError, match=r"ui\.allow_anonymous"):
        guard_of(settings_of(host=host))
    assert guard_of(settings_of(host=host, allow_anonymous=True)).users is None
    assert guard_of(settings_of(host=host, users=str(people))).users is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.53"])
def test_this_machine_alone_needs_no_login(host: str) -> None:
    assert guard_of(settings_of(host=host)).users is None


def test_a_users_file_that_is_missing_or_empty_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="atlas users add"):
        guard_of(settings_of(users=str(tmp_path / "none.txt")))
    (tmp_path / "empty.txt").write_text("# nobody yet\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="nobody"):
        guard_of(settings_of(users=str(tmp_path / "empty.txt")))
