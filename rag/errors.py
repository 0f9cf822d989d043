"""The errors of Atlas, in one tree.

AtlasError
|-- UserError              something the user can mend: one line, no traceback, exit code 2
|   |-- SettingsError      a wrong key or value in atlas.toml, the environment or the command line
|   |-- InputError         a folder, file or QA pair that cannot be used
|   |-- ModelError         a model that is not there, does not verify, or does not fit
|   |-- IndexError_        an index that is missing, busy, or was made with other parts
|   `-- ServerError        the model server is not there, died, or refused the request; TooSlow: it did not answer in time
`-- RunError               a defect or a broken environment: keeps its traceback

Foreign exceptions are converted once, where the foreign library is called, with ``from exc``.
"""

from __future__ import annotations


class AtlasError(Exception):
    """Anything that Atlas raises on purpose."""


class UserError(AtlasError):
    """One line for the user: what happened (with the value), and what to do next."""

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what if not do else f"{what} {do}")
        self.what = what
        self.do = do


class SettingsError(UserError):
    """Settings that cannot be used; `problems` lists every one of them, not just the first."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class InputError(UserError):
    """A document, folder or QA file that cannot be used."""


class ModelError(UserError):
    """A model that cannot be found, fetched, verified or loaded."""


class IndexError_(UserError):  # the trailing underscore keeps Python's own IndexError visible
    """An index that cannot be opened, built or changed."""


class ServerError(UserError):
    """The model server cannot be started or reached, or it refused a request."""


class TooSlow(ServerError):
    """No new token for generate.timeout seconds: the server hangs, or works on too many requests at once."""


class RunError(AtlasError):
    """Something that should not happen; its traceback is wanted."""
