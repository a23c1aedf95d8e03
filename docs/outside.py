"""A hook of MkDocs: what the documentation links to outside of docs/ becomes a page of the site, too.

So a link such as `../examples/guide.sh` works on the disk, where the repository is browsed, and in the site. Markdown
is taken as it is, everything else as a block of code. README.md is the front page of the repository, and index.md that
of the site: links to the one lead to the other.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(?=[)#])")
LANGUAGES = {".py": "python", ".sh": "sh", ".yaml": "yaml"}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of what is linked, and of what that links to."""
    waiting = [file.src_uri for file in files.documentation_pages()]
    while waiting:
        uri = waiting.pop()
        for path in targets(markdown_of(uri), uri):
            if files.get_file_from_path(uri_of(path)) is None and not path.startswith("docs/"):
                files.append(File.generated(config, uri_of(path), content=page_of(path)))
                waiting.append(uri_of(path))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links lead to where the files are in the site."""
    uri = page.file.src_uri
    return LINK.sub(lambda found: moved(found[1], uri), markdown)


def moved(target: str, uri: str) -> str:
    if "://" in target:
        return target
    return posixpath.relpath(uri_of(path_behind(target, uri)), posixpath.dirname(uri) or ".")


def targets(markdown: str, uri: str) -> set[str]:
    """Paths in the repository that a page links to."""
    return {path_behind(target, uri) for target in LINK.findall(markdown) if "://" not in target}


def path_behind(target: str, uri: str) -> str:
    """The path in the repository of a link that stands in the page `uri`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path_of(uri)), target))


def path_of(uri: str) -> str:
    """Where a page of the site comes from: a path in the repository."""
    if not uri.startswith("source/"):
        return f"docs/{uri}"
    path = uri.removeprefix("source/")
    return path if (ROOT / path).exists() else path.removesuffix(".md")


def uri_of(path: str) -> str:
    """The page of the site that a path in the repository becomes."""
    if path == "README.md":
        return "index.md"
    if (ROOT / path).is_dir():
        path += "/README.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"source/{path}" if path.endswith(".md") else f"source/{path}.md"


def markdown_of(uri: str) -> str:
    path = ROOT / path_of(uri)
    return path.read_text() if path.suffix == ".md" else ""


def page_of(path: str) -> str:
    text = (ROOT / path).read_text()
    if path.endswith(".md"):
        return text
    return f"# {path}\n\n~~~~{LANGUAGES.get(Path(path).suffix, 'text')}\n{text}\n~~~~\n"
