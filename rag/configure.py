"""Reading the settings: all sources merged and checked as a whole, before anything loads.

Precedence: command line > environment > file > profile > default.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rag.errors import SettingsError
from rag.settings import PROFILES, Settings, fields

PREFIX = "ATLAS_"
FILE = "atlas.toml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each dotted key that is not the default, where its value came from."""

    settings: Settings
    origins: Mapping[str, str]

    def origin(self, key: str) -> str:
        return self.origins.get(key, "default")


def load(*, file: Path | None = None, overrides: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read, merge and check all sources.

    `file`: the settings file; None = atlas.toml in the working folder, if it is there. `overrides`: dotted key -> text,
    from the command line. `environ`: ATLAS_<SECTION>__<KEY> (or ATLAS_<KEY> for a top-level key); None = os.environ.
    Raises SettingsError with every problem of every source at once.
    """
    problems: list[str] = []
    layers = [
        ("command line", _nested(overrides or {}, "command line", problems)),
        ("environment", _from_environment(os.environ if environ is None else environ, problems)),
        (str(file or FILE), _from_file(file, problems)),
    ]
    profile = next((layer["profile"] for _, layer in layers if "profile" in layer), "default")
    layers.append((f"profile {profile}", PROFILES.get(str(profile), {})))
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, layer in reversed(layers):
        _merge(merged, layer, origins, name)
    problems += _unknown(merged, origins)
    settings: Settings | None = None
    try:
        settings = Settings(**_known(merged))
    except ValidationError as exc:
        for error in exc.errors():
            key = ".".join(str(part) for part in error["loc"] if not isinstance(part, int))
            problems.append(f"{origins.get(key, 'settings')}: {key} = {error['input']!r}: {error['msg']}.")
    if problems or settings is None:
        raise SettingsError(problems)
    return Loaded(settings, origins)


def _from_file(file: Path | None, problems: list[str]) -> dict[str, Any]:
    path = file or Path(FILE)
    if not path.is_file():
        if file is not None:
            problems.append(f"{path}: no such settings file.")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as exc:
        problems.append(f"{path}: {exc}.")
        return {}


RESERVED = ("CONFIG", "TEST_HOME", "PROGRESS_FILE")
"""ATLAS_CONFIG names the settings file, ATLAS_TEST_HOME the folder whose models the tests use, ATLAS_PROGRESS_FILE the file that
progress is written to: none is a setting."""


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    known = fields()
    names = {PREFIX + key.upper().replace(".", "__"): key for key in known}
    flat = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable[len(PREFIX) :] in RESERVED:
            continue
        if variable not in names:
            close = get_close_matches(variable, names, n=1)
            problems.append(f"environment: {variable} is not a setting." + (f" Did you mean {close[0]}?" if close else ""))
            continue
        flat[names[variable]] = value
    return _nested(flat, "environment", problems)


def _nested(flat: Mapping[str, str], origin: str, problems: list[str]) -> dict[str, Any]:
    """Dotted keys with text values -> nested dict. A list is JSON (`["a", "b"]`) or split at commas (`a, b`)."""
    known = fields()
    nested: dict[str, Any] = {}
    for key, text in flat.items():
        value: Any = text
        if isinstance(known.get(key, ("", ""))[0], tuple):
            try:
                value = json.loads(text) if text.lstrip().startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
            except ValueError as exc:
                problems.append(f"{origin}: {key} = {text!r} is not a list: {exc}.")
                continue
        section, dot, name = key.partition(".")
        if dot:
            nested.setdefault(section, {})[name] = value
        else:
            nested[section] = value
    return nested


def _merge(into: dict[str, Any], layer: Mapping[str, Any], origins: dict[str, str], name: str) -> None:
    for key, value in layer.items():
        if isinstance(value, Mapping):
            section = into.setdefault(key, {})
            for inner, inner_value in value.items():
                if isinstance(section, dict):
                    section[inner] = inner_value
                origins[f"{key}.{inner}"] = name
        else:
            into[key] = value
            origins[key] = name


def _unknown(merged: Mapping[str, Any], origins: Mapping[str, str]) -> list[str]:
    known = fields()
    sections = {key.split(".")[0] for key in known}
    problems = []
    for key, value in merged.items():
        for full in [f"{key}.{inner}" for inner in value] if isinstance(value, Mapping) else [key]:
            if full in known or (full in sections and not isinstance(value, Mapping)):
                continue
            close = get_close_matches(full, known, n=1, cutoff=0.5)
            hint = f" Did you mean '{close[0]}'?" if close else " `atlas config` lists the keys."
            problems.append(f"{origins.get(full, 'settings')}: unknown key '{full}'.{hint}")
    return problems


def _known(merged: Mapping[str, Any]) -> dict[str, Any]:
    """Only the keys that exist, so that an unknown key is reported once, by `_unknown`, with a suggestion."""
    known = fields()
    kept: dict[str, Any] = {}
    for key, value in merged.items():
        if isinstance(value, Mapping):
            inside = {inner: v for inner, v in value.items() if f"{key}.{inner}" in known}
            if any(k.startswith(f"{key}.") for k in known):
                kept[key] = inside
        elif key in Settings.model_fields:
            kept[key] = value
    return kept
