"""An adapter's card as it is read: what it changes, how it was made, from what, how well it did, and where it can answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ui.pages.adapters.curve import curve
from ui.pages.adapters.markup import Html, badge, code, facts, paragraph, section, spoken, values, when
from ui.pages.adapters.reading import Entry, Here
from ui.plain import one_line

if TYPE_CHECKING:
    from adapters.card import Card
    from ui.pages.adapters.text import Words

KINDS = {"loaded": "good", "older": "warn", "gone": "warn", "broken": "bad"}


def choices(entries: Sequence[Entry], words: Words) -> list[tuple[str, str]]:
    """(two lines of plain text, name): the name, then what one chooses by."""
    return [(f"{one_line(entry.name)}\n{' · '.join(_line(entry, words))}", entry.name) for entry in entries]


def _line(entry: Entry, words: Words) -> list[str]:
    told = [one_line(entry.card.method, 24), one_line(entry.card.base.model, 48)] if entry.card else []
    told.append(words.megabytes.format(words.number(entry.megabytes)))
    if entry.card and (score := _share(entry.card.evaluation.get("held_back_score"))) is not None:
        told.append(f"F1 {words.number(100 * score)}")
    return [*told, _state(entry, words), *([words.ships] if entry.shipped else [])]


def _state(entry: Entry, words: Words) -> str:
    return words.states[entry.state].format(way=entry.way)


def _share(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def card(entry: Entry, here: Here, words: Words) -> str:
    """The whole card, or why there is none."""
    state = _state(entry, words)
    icon, _, rest = state.partition(" ") if state[:1] in "✓!✗" else ("○", "", state)
    tags = [badge(KINDS.get(entry.state, "plain"), icon, rest), *([badge("plain", "◆", words.ships)] if entry.shipped else [])]
    head = f'<header><h3>{code(entry.name)}</h3><p class="tags">{"".join(tags)}</p></header>'
    if entry.card is None:
        body: str = paragraph(f"{words.unreadable}: {words.reason(entry.problem)}", "wrong")
    else:
        body = "".join(_parts(entry, entry.card, here, words))
    return spoken(words.code, f'<article class="sheet card-sheet">{head}{body}</article>')


def _parts(entry: Entry, read: Card, here: Here, words: Words) -> list[str]:
    data, size = read.data, words.megabytes.format(words.number(entry.megabytes))
    sizes = ", ".join(f"{one_line(str(kind))} {words.count(count)}" for kind, count in data.sizes.items())
    return [
        section(words.served, _served(read, here, words)),
        section(words.evaluation, _evaluation(read, words)),
        section(words.curve, curve(read.curve, words, name="card-curve")),
        section(
            words.about_base,
            facts([(words.model, code(read.base.model)), (words.revision, code(read.base.revision)), (words.size, size)]),
        ),
        section(
            words.how, _method(read, words), _values(words.options, read.options, words), _values(words.training, read.training, words)
        ),
        section(
            words.data,
            facts(
                [
                    (words.recipe, code(data.recipe) if data.recipe else ""),
                    (words.examples, f"{words.count(data.training)}{f' ({sizes})' if sizes else ''}"),
                    (words.held_back, words.count(data.validation)),
                    (words.split, words.splits.get(data.split, data.split)),
                    (words.data_hash, code(data.sha256) if data.sha256 else ""),
                ]
            ),
        ),
        section(words.again, _again(read, words)),
    ]


def _served(read: Card, here: Here, words: Words) -> str:
    ways = ", ".join(f"{route} ({words.ways.get(route, route)})" for route in read.routes)
    if here.way:
        mine = badge("good", "✓", words.can_here.format(way=words.ways.get(here.way, here.way)))
    else:
        mine = badge("bad", "✗", words.cannot_here)
    return f'<p class="tags">{mine}</p>{paragraph(words.reason(here.why))}{facts([(words.routes, ways)])}'


def _evaluation(read: Card, words: Words) -> str:
    if not read.evaluation:
        return paragraph(words.no_evaluation)
    measured = [(words.measures.get(key, key), _measured(key, value, words)) for key, value in read.evaluation.items()]
    offsets = ", ".join(words.number(value) for value in dict.fromkeys(read.bias.values()))
    return facts([*measured, *([(words.bias, offsets)] if offsets else [])])


def _measured(key: str, value: object, words: Words) -> str:
    share = _share(value) if key != "step" else None
    return words.number(100 * share) if share is not None else _plain(value, words)


def _method(read: Card, words: Words) -> str:
    known = words.methods.get(read.method, "")
    return facts([(words.method, f"{read.method}: {known}" if known else read.method), (words.parameters, words.count(read.parameters))])


def _values(title: str, given: Mapping[str, Any], words: Words) -> str:
    if not given:
        return f"<h5>{title}</h5>{paragraph(words.no_options)}"
    return values(title, ((code(key), _plain(each, words)) for key, each in given.items()))


def _again(read: Card, words: Words) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in read.versions.items())
    command = Html(f"<pre>{code(one_line(read.command))}</pre>") if read.command else ""
    return facts(
        [
            (words.seed, str(read.seed)),
            (words.template, code(read.template)),
            (words.style, read.style),
            (words.versions, versions),
            (words.made, when(read.created)),
            (words.seconds, f"{words.number(read.seconds / 60)} min" if words.code == "en" else f"{words.number(read.seconds / 60)} мин"),
            (words.weights, code(read.sha256)),
            (words.command, command),
        ]
    )


def _plain(value: object, words: Words) -> str:
    if isinstance(value, float):
        return f"{value:.4g}".replace(".", "," if words.code == "ru" else ".")
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
