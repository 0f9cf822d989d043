"""The guard at the page's door: made from the settings, put around the application."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import SettingsError
from ui.guard.door import Door, is_loopback
from ui.guard.login import Login
from ui.guard.rate import Limit
from ui.guard.users import Users

if TYPE_CHECKING:
    from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Guard:
    """`host`: what the page is bound to; `users`: None = no login; `language`: of the login page (auto, en or ru);
    `upload_mb`: the largest file."""

    host: str = "127.0.0.1"
    users: Users | None = None
    requests_per_minute: int = 0
    language: str = "auto"
    upload_mb: float = 50.0

    def around(self, app: Any) -> Any:
        """The ASGI application with everything that is asked of a request before it gets there, the cheapest first."""
        limited = Limit(app, self.requests_per_minute)
        inside = Login(limited, self.users, language=self.language) if self.users else limited
        return Door(inside, self.host, self.upload_mb)


def guard_of(settings: Settings) -> Guard:
    """Raises SettingsError when the page would be open to other machines without a login, and InputError for a damaged users file."""
    ui = settings.ui
    users = Users(Path(ui.users).expanduser()) if ui.users else None
    if users is None and not ui.allow_anonymous and not is_loopback(ui.host):
        problem = f"ui.host = {ui.host}: other machines could reach the page, and it has no login."
        raise SettingsError([f"{problem} Set ui.users (atlas users add NAME --file FILE), or ui.allow_anonymous = true."])
    if users is not None and not users.all():
        raise SettingsError([f"ui.users: there is nobody in {ui.users}. Add somebody: atlas users add NAME"])
    return Guard(ui.host, users, ui.requests_per_minute, ui.language, ui.upload_mb)
