"""People who may log in: a text file with one `name:bcrypt hash` a line, as `htpasswd -B` writes it, too."""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rag.errors import InputError

NAME = re.compile(r"[\w.@+-]{1,64}")
HASH = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
SHORTEST = 8
LONGEST = 72
"""bcrypt reads so many bytes of a password and no more."""
ROUNDS = 12


@dataclass(slots=True)
class Users:
    """The users of a file; it is read again when it changes, so that somebody removed is out at once."""

    file: Path
    _known: Mapping[str, str] = field(default_factory=dict)
    _read_at: tuple[int, int] | None = None

    def all(self) -> Mapping[str, str]:
        """Name -> hash. Raises InputError when the file is not there or damaged."""
        try:
            stat = self.file.stat()
        except OSError as exc:
            raise InputError(f"The users file {self.file} cannot be read ({exc.strerror}).", "Make it: atlas users add NAME") from exc
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp != self._read_at:
            self._known, self._read_at = read(self.file), stamp
        return self._known

    def admits(self, name: str, password: str) -> bool:
        """Whether that is the person's password. Slow on purpose, and as slow for a name that is not there."""
        import bcrypt

        users = self.all()
        key = unicodedata.normalize("NFC", name)
        stored = users.get(key) or next(iter(users.values()), "") or _decoy()
        given = _bytes(password)
        right = bcrypt.checkpw(given[:LONGEST], stored.encode())  # compares in constant time
        return right and key in users and len(given) <= LONGEST


def read(file: Path) -> dict[str, str]:
    """Raises InputError naming every line that is not a user."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"The users file {file} cannot be read ({exc}).", "Make it: atlas users add NAME") from exc
    users: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(lines, start=1):
        name, _, hashed = line.strip().partition(":")
        if not line.strip() or line.startswith("#"):
            continue
        if not NAME.fullmatch(name) or not HASH.fullmatch(hashed) or name in users:
            wrong.append(str(number))
        else:
            users[name] = hashed
    if wrong:
        what = f"{file}: {'lines' if len(wrong) > 1 else 'line'} {', '.join(wrong)}: not `name:bcrypt hash`, or there twice."
        raise InputError(what, "Take the line out, and add the person: atlas users add NAME")
    return users


def add(file: Path, name: str, password: str) -> None:
    """Add somebody, or change the password. Raises InputError for a name or a password that cannot be used."""
    import bcrypt

    check_name(name)
    given = _bytes(password)
    if len(password) < SHORTEST:
        raise InputError(f"The password has {len(password)} characters.", f"At least {SHORTEST} are wanted.")
    if len(given) > LONGEST:
        raise InputError(f"The password has {len(given)} bytes.", f"bcrypt reads no more than {LONGEST}: choose a shorter one.")
    users = read(file) if file.exists() else {}
    users[unicodedata.normalize("NFC", name)] = bcrypt.hashpw(given, bcrypt.gensalt(ROUNDS)).decode()
    _write(file, users)


def remove(file: Path, name: str) -> None:
    """Raises InputError when there is nobody of that name."""
    users = read(file)
    if users.pop(unicodedata.normalize("NFC", name), None) is None:
        raise InputError(f"There is no user '{name}' in {file}.", "Who there is: atlas users list")
    _write(file, users)


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InputError(f"'{name}' cannot be a user's name.", "Up to 64 letters, digits, dots, @, +, - and _ are.")


def _bytes(password: str) -> bytes:
    """One spelling for letters that have two, and no zero byte, where older bcrypts stop reading."""
    return unicodedata.normalize("NFC", password).replace("\0", "").encode("utf-8", "replace")


def _decoy() -> str:
    """What a password is compared with while the file is empty."""
    import bcrypt

    return bcrypt.hashpw(b"nobody", bcrypt.gensalt(ROUNDS)).decode()


def _write(file: Path, users: Mapping[str, str]) -> None:
    """Whole or not at all, readable by its owner only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # made with mode 600
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.writelines(f"{name}:{hashed}\n" for name, hashed in sorted(users.items()))
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, file)
