"""What the options before the command say (`atlas --profile tiny ask ...`), and the settings that follow from them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import SettingsError

if TYPE_CHECKING:
    from rag.configure import Loaded


@dataclass(slots=True)
class Options:
    """Set once, by the callback in `ui.cli`."""

    config: Path | None = None
    profile: str | None = None
    home: Path | None = None
    set: tuple[str, ...] = ()
    verbose: bool = False

    def reset(self) -> None:
        """As at the start of a process."""
        self.config, self.profile, self.home, self.set, self.verbose = None, None, None, (), False

    def overrides(self) -> dict[str, str]:
        """Dotted key -> text. Raises SettingsError naming every `--set` that is not KEY=VALUE."""
        wrong = [pair for pair in self.set if "=" not in pair]
        if wrong:
            raise SettingsError([f"command line: --set {pair} is not KEY=VALUE, as in --set retrieve.top_k=5." for pair in wrong])
        flat = {key.strip(): value for key, _, value in (pair.partition("=") for pair in self.set)}
        if self.profile is not None:
            flat["profile"] = self.profile
        if self.home is not None:
            flat["home"] = str(self.home)
        return flat


options = Options()


@cache
def loaded() -> Loaded:
    """The settings of this run; read once. Raises SettingsError with every problem."""
    from rag.configure import load

    file = options.config or (Path(os.environ["ATLAS_CONFIG"]) if os.environ.get("ATLAS_CONFIG") else None)
    return load(file=file, overrides=options.overrides())
