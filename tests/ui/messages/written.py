"""What the code can say, read from its syntax trees: the texts of errors, of told lines and of stages, as templates.

A template is the text with `{0}`, `{1}`, ... where a value stands. Constants, f-strings, sums, conditional expressions, local variables,
lists that are filled, and functions of the same file are followed; everything else is a value.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PARTS = ("rag", "adapters", "eval", "ui")
HOLE = "\0"
MOST = 24
"""Variants of one text that are told apart; of more, the part that makes so many is a value with texts of its own."""
DEEPEST = 6
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """A template and where the code says it, as file:line."""

    template: str
    where: str


@dataclass(slots=True)
class Source:
    """One file. `inside`: the function that a node stands in."""

    path: Path
    tree: ast.Module
    functions: dict[str, list[Function]] = field(default_factory=dict)
    inside: dict[ast.AST, Function] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


@cache
def sources() -> tuple[Source, ...]:
    found = []
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            source = Source(path, ast.parse(path.read_text(encoding="utf-8")))
            for function in (node for node in ast.walk(source.tree) if isinstance(node, Function)):  # outer ones come first
                source.functions.setdefault(function.name, []).append(function)
                source.inside |= dict.fromkeys(ast.walk(function), function)
            found.append(source)
    return tuple(found)


def source(name: str) -> Source:
    return next(each for each in sources() if each.name == name)


@cache
def errors() -> frozenset[str]:
    """UserError and every class made of it, by name."""
    classes = [node for each in sources() for node in ast.walk(each.tree) if isinstance(node, ast.ClassDef)]
    known = {"UserError"}
    while more := {each.name for each in classes if any(named(base) in known for base in each.bases)} - known:
        known |= more
    return frozenset(known)


def named(node: ast.AST) -> str:
    """The last name of `a`, `a.b` and so on."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def calls(source: Source, names: Iterable[str]) -> Iterator[ast.Call]:
    wanted = frozenset(names)
    yield from (node for node in ast.walk(source.tree) if isinstance(node, ast.Call) and named(node.func) in wanted)


class Reading:
    """Reads templates out of one file; texts that are joined into another one are read as texts of their own."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[Said] = []

    def of(self, node: ast.expr) -> None:
        """Every text that the expression can be, or can be a list of."""
        for text in self._texts(node, 0) | self._items(node, 0):
            self._keep(text, node)

    def returned(self, function: Function) -> None:
        """Every text that a function returns, yields, puts into a list, or keeps or counts under a name."""
        for node in ast.walk(function):
            match node:
                case ast.Return(value=value) | ast.Yield(value=value) if value is not None:
                    self.of(value)
                case ast.Call(func=ast.Attribute(attr="append" | "insert"), args=[*_, value]):
                    self.of(value)
                case ast.Assign(targets=[ast.Subscript()], value=value) | ast.AugAssign(target=ast.Subscript(slice=value)):
                    self.of(value)

    def _keep(self, text: str, node: ast.AST) -> None:
        if (template := numbered(text)) is not None:
            self.found.append(Said(template, f"{self.source.name}:{getattr(node, 'lineno', 0)}"))

    def _texts(self, node: ast.expr, depth: int) -> set[str]:
        if depth > DEEPEST:
            return {HOLE}
        match node:
            case ast.Constant(value=str(value)):
                return {value}
            case ast.JoinedStr(values=parts):
                return self._product([self._texts(part, depth) for part in parts], parts)
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None) if not isinstance(value, ast.Constant):
                return self._texts(value, depth + 1) if self._speaks(value) else {HOLE}
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._product([self._texts(left, depth), self._texts(right, depth)], [left, right])
            case ast.IfExp(body=body, orelse=orelse):
                return self._texts(body, depth) | self._texts(orelse, depth)
            case ast.BoolOp(op=ast.Or(), values=values):
                return {text for value in values for text in self._texts(value, depth)}
            case ast.NamedExpr(value=value):
                return self._texts(value, depth + 1)
            case ast.Subscript(value=value, slice=ast.Slice()):
                return self._texts(value, depth)
            case ast.Name(id=name):
                values = [] if depth + 1 > DEEPEST else list(self._assigned(node, name))
                return {text for value in values for text in self._texts(value, depth + 1)} or {HOLE}
            case ast.Call():
                return self._called(node, depth)
        return {HOLE}

    def _speaks(self, value: ast.expr) -> bool:
        """Whether a value in a text is itself put together from words here."""
        return isinstance(value, ast.IfExp | ast.BoolOp | ast.JoinedStr | ast.Call | ast.BinOp) or (
            isinstance(value, ast.Name) and any(isinstance(each, ast.expr) for each in self._assigned(value, value.id, inside=True))
        )

    def _called(self, node: ast.Call, depth: int) -> set[str]:
        if named(node.func) == "join" and isinstance(node.func, ast.Attribute) and node.args:
            for text in self._items(node.args[0], depth + 1):
                self._keep(text, node)
            return {HOLE}
        if named(node.func) in ("filter", "str") and node.args:
            return self._texts(node.args[-1], depth + 1) if named(node.func) == "str" else {HOLE}
        own = self.source.functions.get(named(node.func), []) if isinstance(node.func, ast.Name) or _on_self(node.func) else []
        ends = [each for function in own for each in ast.walk(function) if isinstance(each, ast.Return)]
        return {text for end in ends if end.value is not None for text in self._texts(end.value, depth + 1)} or {HOLE}

    def _items(self, node: ast.expr, depth: int) -> set[str]:
        """The texts of a list."""
        if depth > DEEPEST:
            return set()
        match node:
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return {text for each in elements for text in self._element(each, depth)}
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element) | ast.SetComp(elt=element):
                return self._element(element, depth)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._items(left, depth) | self._items(right, depth)
            case ast.IfExp(body=body, orelse=orelse):
                return self._items(body, depth) | self._items(orelse, depth)
            case ast.Subscript(value=value, slice=ast.Slice()):
                return self._items(value, depth)
            case ast.Name(id=name):
                listed = {text for value in self._assigned(node, name) for text in self._items(value, depth + 1)}
                return listed | {text for value in self._added(node, name) for text in self._texts(value, depth + 1)}
            case ast.Call(func=func, args=args):
                if named(func) in ("filter", "sorted", "list", "tuple", "map") and args:
                    return self._items(args[-1], depth + 1)
                own = self.source.functions.get(named(func), []) if isinstance(func, ast.Name) or _on_self(func) else []
                inner = [each for function in own for each in ast.walk(function)]
                returned = {t for n in inner if isinstance(n, ast.Return) and n.value for t in self._items(n.value, depth + 1)}
                return returned | {t for n in inner if isinstance(n, ast.Yield) and n.value for t in self._texts(n.value, depth + 1)}
        return set()

    def _element(self, node: ast.expr, depth: int) -> set[str]:
        return self._items(node.value, depth) if isinstance(node, ast.Starred) else self._texts(node, depth)

    def _assigned(self, node: ast.AST, name: str, *, inside: bool = False) -> Iterator[ast.expr]:
        """What is assigned to that name in the function around, else in the file."""
        function = self.source.inside.get(node)
        scopes: list[Sequence[ast.AST]] = [list(ast.walk(function))] if function else []
        if not inside:
            scopes.append(self.source.tree.body)
        for scope in scopes:
            values = [value for each in scope for value in _values(each, name)]
            if values:
                yield from values
                return

    def _added(self, node: ast.AST, name: str) -> Iterator[ast.expr]:
        """What is appended to a list of that name: in the function around, or in one that it is handed to under the same name."""
        function = self.source.inside.get(node)
        own = self.source.functions.values()
        handed = [each for group in own for each in group if name in [argument.arg for argument in each.args.args]]
        for scope in [*([function] if function else []), *handed]:
            for call in ast.walk(scope):
                if isinstance(call, ast.Call) and named(call.func) == "append" and isinstance(call.func, ast.Attribute):
                    yield from call.args if named(call.func.value) == name else ()

    def _product(self, variants: Sequence[set[str]], nodes: Sequence[ast.expr]) -> set[str]:
        chosen = list(variants)
        while _size(chosen) > MOST:
            widest = max(range(len(chosen)), key=lambda index: len(chosen[index]))
            for text in chosen[widest]:
                self._keep(text, nodes[widest])
            chosen[widest] = {HOLE}
        return {"".join(parts) for parts in product(*chosen)}


def _size(variants: Sequence[set[str]]) -> int:
    size = 1
    for each in variants:
        size *= len(each)
    return size


def _on_self(func: ast.expr) -> bool:
    return isinstance(func, ast.Attribute) and named(func.value) == "self"


def _values(node: ast.AST, name: str) -> Iterator[ast.expr]:
    match node:
        case ast.Assign(targets=[target], value=value):
            if named(target) == name and isinstance(target, ast.Name):
                yield value
            elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
                yield from (each for one, each in zip(target.elts, value.elts, strict=True) if isinstance(one, ast.Name) and one.id == name)
            elif isinstance(target, ast.Tuple) and isinstance(value, ast.IfExp):
                for branch in (value.body, value.orelse):
                    yield from _values(ast.Assign(targets=[target], value=branch), name)
        case ast.AnnAssign(target=ast.Name(id=found), value=value) if found == name and value is not None:
            yield value
        case ast.AugAssign(target=ast.Name(id=found), value=value) if found == name:
            yield value
        case ast.NamedExpr(target=ast.Name(id=found), value=value) if found == name:
            yield value


def numbered(text: str) -> str | None:
    """The template of a text with HOLEs, values that touch as one; None when it says nothing but values."""
    pieces = re.split(f"{HOLE}+", text.strip())
    if not re.search(r"[A-Za-z]{2}", "".join(pieces)):
        return None
    escaped = [piece.replace("{", "{{").replace("}", "}}") for piece in pieces]
    return "".join(piece + (f"{{{number}}}" if number < len(pieces) - 1 else "") for number, piece in enumerate(escaped))
