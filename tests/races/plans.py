"""How a database says that it will run a statement."""

import contextlib
from collections.abc import Iterator
from typing import Any

Statement = tuple[str, Any]


@contextlib.contextmanager
def recorded(connection: Any) -> Iterator[list[Statement]]:
    """Collect the statements that a connection executes."""
    seen: list[Statement] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().split()[0] in ("SELECT", "UPDATE", "DELETE"):
            seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield seen


def plan(connection: Any, statement: Statement) -> str:
    """Return the plan, a line for each step."""
    sql, params = statement
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    with connection.cursor() as cursor:
        cursor.execute(explain + sql, params)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if connection.vendor == "sqlite":
        return "\n".join(row["detail"] for row in rows)
    if connection.vendor == "postgresql":
        return "\n".join(row["QUERY PLAN"] for row in rows)
    return "\n".join(f"{row['table']} {row['type']} {row['key']} {row['Extra']}" for row in rows)
