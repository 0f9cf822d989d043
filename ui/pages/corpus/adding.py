"""What is indexed, and what was just added, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rag.index import sources
from ui.pages.corpus import uploads
from ui.pages.corpus.markup import button, line, note, safe, section, table
from ui.plain import one_line

if TYPE_CHECKING:
    from rag.settings import Settings
    from ui.pages.corpus.text import Words


def shown(settings: Settings, words: Words) -> str:
    """The folder of the settings, the uploads and the added folders, each with what can be done with it."""
    known = sources.read(settings.home)
    pick, state = (words.leave_out, words.corpus_in) if known.corpus else (words.take_in, words.corpus_out)
    corpus = (
        f'<p class="source"><code>{line(settings.corpus)}</code> <span class="tag">{safe(state)}</span> '
        f"{button(pick, 'corpus:' + ('out' if known.corpus else 'in'), key='corpus')}</p>"
    )
    files = [_file(name, size, words) for name, size in uploads.listed(settings.home / sources.UPLOADS)]
    uploaded = table(words.uploads, [words.file, "KB", ""], files) if files else f'<p class="soft">{safe(words.no_uploads)}</p>'
    folders = [_folder(name, folder, words) for name, folder in known.added.items()]
    added = section(words.added_folders, table(words.added_folders, [words.added_folders, words.folder, ""], folders)) if folders else ""
    return section(words.source_corpus, corpus) + section(words.uploads, uploaded) + added


def _file(name: str, size: int, words: Words) -> list[str]:
    sure = words.remove_sure.format(one_line(name, 80))
    return [line(name), words.number(size / 1000, 1), button(words.remove, f"remove:{name}", sure=sure)]


def _folder(name: str, folder: str, words: Words) -> list[str]:
    sure = words.remove_sure.format(one_line(folder, 80))
    return [f"{line(name)}/", f"<code>{line(folder)}</code>", button(words.remove, f"folder:{name}", sure=sure)]


def told(taken: Sequence[uploads.Taken], words: Words) -> str:
    """What became of each file."""
    said = []
    for each in taken:
        given = one_line(each.given, 80)
        if each.why is not None:
            said.append(note(words.refused.format(given, words.refusals[each.why].format(words.reason_of(each.detail))), "bad"))
        elif each.same:
            said.append(note(words.already.format(each.saved)))
        elif each.saved == each.given:
            said.append(note(words.saved.format(each.saved), "good"))
        else:
            said.append(note(words.saved_as.format(given, each.saved), "good"))
    if any(each.saved and not each.same for each in taken):
        said.append(note(words.to_rebuild))
    return "".join(said)


def folder_of(settings: Settings) -> Path:
    return settings.home / sources.UPLOADS
