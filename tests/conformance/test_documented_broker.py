"""The broker that the documentation writes, and binds to the suite in five lines, passes it."""

from typing import Any

from tests.docs.pages import ROOT, parts

_page: dict[str, Any] = {"__name__": __name__}
for part in parts(ROOT / "docs" / "how-to" / "custom-broker.md"):
    if part.kind == "python":
        exec(compile(part.text, "custom-broker.md", "exec"), _page)

TestFolderBroker = _page["TestFolderBroker"]
