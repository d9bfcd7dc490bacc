"""Sphinx: Markdown by MyST, warnings are errors (`make docs`)."""

import re
from pathlib import Path

_VERSION = Path(__file__).resolve().parent.parent / "django_convoy" / "version.py"

project = "Convoy"
copyright = "The Convoy authors"
_found = re.search(r'"(.+?)"', _VERSION.read_text().partition("VERSION")[2])
version = release = _found[1] if _found else ""

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

html_theme = "furo"
html_title = f"Convoy {version}"
html_show_sphinx = False
