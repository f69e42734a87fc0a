"""What is changed in the core to see whether a test notices: one node of a module's syntax tree at a time.

Left out is what says nothing to the program or only has a form: docstrings, decorators, imports, types but for the numbers
in them, and texts for people. Such a text is a string in a function with a letter and a space in it.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,),
    ast.FloorDiv: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitAnd: (ast.BitOr,),
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
NAMES |= {"bisect_left": "bisect_right", "bisect_right": "bisect_left"}
REMOVABLE = (ast.Expr, ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)
LEFT_OUT = (ast.Import, ast.ImportFrom)


class Mutant(NamedTuple):
    """In a module, this node becomes that one."""

    module: str
    old: ast.AST
    new: ast.AST
    function: int | None
    """The first line of the function or method it is in; outside of them it takes an import to plant it."""

    @property
    def name(self) -> str:
        """Where it is and what it changes, on one line."""
        texts = (re.sub(r"\s+", " ", ast.unparse(node)) for node in (self.old, self.new))
        return f"{self.module}:{self.old.lineno}:{self.old.col_offset}: {' -> '.join(texts)}"

    def planted(self, tree: ast.Module) -> ast.Module:
        """The module with the mutant in it. The tree itself is changed."""
        for parent in ast.walk(tree):
            for field, value in ast.iter_fields(parent):
                if value is self.old:
                    setattr(parent, field, self.new)
                elif isinstance(value, list):
                    setattr(parent, field, [self.new if one is self.old else one for one in value])
        return ast.fix_missing_locations(tree)


def mutants(module: str, tree: ast.Module) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its text."""
    for old, news, function in _visit(tree, None):
        for new in news:
            yield Mutant(module, old, ast.copy_location(new, old), function)


def _visit(node: ast.AST, function: int | None) -> Iterator[tuple[ast.AST, list[ast.AST], int | None]]:
    """Each node below, with what it may become and the function it stands in."""
    for field, value in ast.iter_fields(node):
        within = function
        if within is None and isinstance(node, ast.FunctionDef) and field == "body":
            within = min(one.lineno for one in (node, *node.decorator_list))
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or field == "decorator_list" or _says_nothing(child, within):
                continue
            if field in {"annotation", "returns"} or (field == "slice" and within is None):
                numbers = (one for one in ast.walk(child) if _is_number(one))
                yield from ((one, list(_changed(one)), within) for one in numbers)
                continue
            changed = [*_changed(child), *(_shorter(child) if within is None else _without(child))]
            if field in {"test", "ifs"} and not isinstance(child, ast.Compare | ast.UnaryOp | ast.BoolOp):
                changed.append(ast.UnaryOp(ast.Not(), child))
            yield child, changed, within
            yield from _visit(child, within)


def _says_nothing(node: ast.AST, function: int | None) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    text = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
    spoken = isinstance(node, ast.Constant | ast.JoinedStr) and any(
        isinstance(one, str) and " " in one and re.search("[a-z]", one) for one in text
    )
    return isinstance(node, LEFT_OUT) or (function is not None and spoken)


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _with(node: Any, **changed: Any) -> Any:
    other = copy.copy(node)
    vars(other).update(changed)
    return other


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """What a node of any place may become."""
    match node:
        case ast.Constant():
            yield from map(ast.Constant, _other(node.value))
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for other in SWAPS[type(op)]:
                    yield _with(node, ops=[*ops[:at], other(), *ops[at + 1 :]])
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op):
            yield from (_with(node, op=other()) for other in SWAPS.get(type(op), ()))
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Name(id=name) if name in NAMES:
            yield _with(node, id=NAMES[name])
        case ast.Call(func=func, keywords=keywords) if not ast.unparse(func).rpartition(".")[2][0].isupper():
            for one in keywords:
                yield _with(node, keywords=[other for other in keywords if other is not one])


def _other(value: object) -> Iterator[Any]:
    """Other constants in place of one."""
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, value - 1)
        case str():
            yield value + "!"
        case bytes():
            yield value + b"!"


def _without(node: ast.AST) -> Iterator[ast.AST]:
    """What a statement of a function may become: nothing, or a return of nothing."""
    match node:
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.Return(value=None):
            yield ast.Pass()
        case statement if isinstance(statement, REMOVABLE):
            yield ast.Pass()


def _shorter(node: ast.AST) -> Iterator[ast.AST]:
    """What an entry or a table outside of functions may become: itself with one thing less."""
    match node:
        case ast.Dict(keys=keys, values=values):
            for at in range(len(keys)):
                yield _with(node, keys=keys[:at] + keys[at + 1 :], values=values[:at] + values[at + 1 :])
        case ast.Set(elts=elts) | ast.Tuple(elts=elts) if len(elts) > 1:
            for at in range(len(elts)):
                yield _with(node, elts=elts[:at] + elts[at + 1 :])
        case ast.Call(args=[_, *_, _] as args):
            yield _with(node, args=args[:-1])
