"""From the source of a module to facts about it; plain Python, no Django."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PARTS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass
class Facts:
    """What was found in one module. imports: top-level names."""

    lines: int
    functions: int = 0
    classes: int = 0
    imports: set[str] = field(default_factory=set)
    longest_function: str = ""
    longest_function_lines: int = 0


def read(source: bytes, name: str) -> Facts:
    """Return the facts of a source. Raises SyntaxError, or ValueError for null bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in old modules
        tree = ast.parse(source, name)
    facts = Facts(lines=source.count(b"\n"))
    for node in statements(tree):
        if isinstance(node, FUNCTIONS):
            facts.functions += 1
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > facts.longest_function_lines:
                facts.longest_function, facts.longest_function_lines = node.name, length
        elif isinstance(node, ast.ClassDef):
            facts.classes += 1
        elif isinstance(node, ast.Import):
            facts.imports.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            facts.imports.add(node.module.partition(".")[0])
    return facts


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Return all statements, without looking into expressions."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        for part in PARTS:
            inner = getattr(node, part, None)
            if isinstance(inner, list):
                yield from inner
                stack.extend(inner)
