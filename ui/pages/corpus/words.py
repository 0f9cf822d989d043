"""Which words the corpus page has; a word missing in one language is a type error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ui.chat.text import Language
from ui.messages.translation import translated

Part = Literal["documents", "search", "add", "health", "versions"]


@dataclass(frozen=True, slots=True)
class Words:
    """`{}` fields are filled with `str.format`."""

    code: Language
    title: str
    parts: Mapping[Part, str]
    no_index: str
    no_index_more: str
    summary: str
    built: str
    now: str
    ago: tuple[str, str, str]
    rebuild: str
    rebuild_title: str
    cancel: str
    filter: str
    filter_hint: str
    documents: str
    none_found: str
    shown: str
    before: str
    after: str
    columns: Mapping[str, str]
    choose: str
    pages: str
    chunk: str
    chunks: str
    characters: str
    legend: str
    legend_overlap: str
    part_of: str
    question: str
    question_hint: str
    find: str
    searching: str
    search_about: str
    found: str
    found_nothing: str
    repeats: str
    score: str
    meaning: str
    terms: str
    reranked: str
    rank: str
    page: str
    open: str
    whole: str
    map: str
    map_about: str
    map_variance: str
    map_sampled: str
    map_question: str
    map_hit: str
    map_table: str
    group: str
    share: str
    other_groups: str
    top_level: str
    add_head: str
    upload: str
    upload_about: str
    folder: str
    folder_hint: str
    add_folder: str
    folder_about: str
    folder_not_here: str
    sources: str
    source_corpus: str
    corpus_in: str
    corpus_out: str
    leave_out: str
    take_in: str
    uploads: str
    no_uploads: str
    added_folders: str
    remove: str
    remove_sure: str
    saved: str
    saved_as: str
    already: str
    refused: str
    refusals: Mapping[str, str]
    removed: str
    to_rebuild: str
    health: str
    no_report: str
    last_build: str
    facts: Mapping[str, str]
    problems: str
    no_problems: str
    kinds: Mapping[str, str]
    file: str
    reason: str
    copies: str
    no_copies: str
    copy_of: str
    overlap: str
    exact: str
    languages: str
    chunk_sizes: str
    document_sizes: str
    sizes_told: str
    size: str
    count: str
    as_table: str
    and_more: str
    more_rows: str
    versions: str
    version: str
    created: str
    embedder: str
    store: str
    live: str
    make_live: str
    make_live_sure: str
    delete: str
    delete_sure: str
    is_live: str
    was_deleted: str
    language_names: Mapping[str, str]
    unknown_language: str

    def number(self, value: float, digits: int = 0) -> str:
        written = f"{value:,.{digits}f}"
        return written.replace(",", "\u00a0").replace(".", ",") if self.code == "ru" else written

    def language(self, code: str) -> str:
        return self.language_names.get(code, self.unknown_language if code == "und" else code)

    def reason_of(self, why: str) -> str:
        """What the library or the system says of a file or a version, in this language."""
        return translated(why, self.code)

    def since(self, at: datetime) -> str:
        """How long ago, in the unit a person would use."""
        minutes = (datetime.now(UTC) - at).total_seconds() / 60
        if minutes < 1:
            return self.now
        amount, unit = (minutes, 0) if minutes < 90 else (minutes / 60, 1) if minutes < 2160 else (minutes / 1440, 2)
        return self.ago[unit].format(self.number(round(amount)))
