"""What the documentation site has beside `docs/`: pages of the root, and every public name.

`mkdocs build --strict` calls these; see `hooks` in mkdocs.yml.
"""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

from mkdocs.structure.files import File

import vibrator

ROOT = Path(__file__).parents[1]
PAGES = ("DATA_INTEGRATION.md", "CHANGELOG.md", "SECURITY.md")
OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)")
INSIDE = re.compile(r"\]\(docs/([^)#]+)")
SOURCE = "https://github.com/vibrator-sdk/vibrator/blob/main/"


def on_files(files, config):
    """Add the pages that are kept elsewhere or made here."""
    for name in PAGES:
        text = INSIDE.sub(r"](\1", (ROOT / name).read_text(encoding="utf-8"))
        text = text.replace("](README.md#", f"]({SOURCE}README.md#")
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, "reference.md", content=reference()))
    return files


def on_page_markdown(markdown, **_):
    """Links out of `docs/` lead to the page here, or else to the source."""
    return OUTSIDE.sub(
        lambda match: f"]({match[1] if match[1] in PAGES else SOURCE + match[1]}", markdown
    )


def reference():
    """A page of every public name: how it is called, and the first sentence on it."""
    parts = ["# Reference", "", "Every public name, by the module that it is imported from.", ""]
    for module in public_modules():
        parts += [f"## {module.__name__}", "", summary(module), ""]
        for name in sorted(module.__all__):
            value = getattr(module, name)
            parts += [f"### `{module.__name__}.{name}`", ""]
            if signature(value):
                parts += ["```text", f"{name}{signature(value)}", "```", ""]
            parts += [summary(value), ""]
    return "\n".join(parts)


def public_modules():
    """The front door, and every module that names what it gives."""
    found = [vibrator]
    for about in pkgutil.walk_packages(vibrator.__path__, "vibrator."):
        if about.name.startswith("vibrator.cli") or about.name.endswith("__main__"):
            continue
        module = importlib.import_module(about.name)
        if hasattr(module, "__all__"):
            found.append(module)
    return found


def signature(value):
    """How it is called, without the types that would not fit a line."""
    if not callable(value):
        return ""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (ValueError, TypeError):
        return ""
    bare = [one.replace(annotation=one.empty, default=short(one.default)) for one in parameters]
    return str(inspect.Signature(bare))


class Text(str):
    """Words that are shown as they stand."""

    __slots__ = ()
    __repr__ = str.__str__


def short(default):
    """A default that tells something; of the others, that there is one."""
    if default is inspect.Parameter.empty:
        return default
    words = repr(default)
    return Text(words if len(words) <= 40 and " at 0x" not in words else "…")


def summary(value):
    """The first paragraph of what it says of itself; of plain values, what they are."""
    if isinstance(value, str):
        return f"`{value}`"
    text = inspect.getdoc(value) or ""
    first = " ".join(text.split("\n\n")[0].split())
    return first.replace("<", "&lt;").replace("[", "\\[").replace("*", "\\*")
