"""HTML and SVG as text in which everything that is not markup of ours is escaped; and whole pages of it."""

from __future__ import annotations

import html

from .errors import one_line

_LONGEST = 20_000
"""Letters of one text; names in models may be any length."""
_VOID = frozenset({"meta", "br", "path", "line", "rect", "circle"})
# Nothing is fetched and nothing runs, whatever a name in a model might be.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Markup(str):
    """Text that is markup already; any other text is escaped where it is put into an element."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: object) -> Markup:
    """`<name attribute="...">children</name>`.

    attributes: None leaves one out, True gives it without a value, floats have two decimals; `class_` is
    `class`, and `aria_label` is `aria-label`.
    """
    opening = "".join([name, *(_attribute(key, value) for key, value in attributes.items())])
    if name in _VOID and not children:
        return Markup(f"<{opening}/>" if name not in {"meta", "br"} else f"<{opening}>")
    return Markup(f"<{opening}>{joined(*children)}</{name}>")


def joined(*parts: str) -> Markup:
    """Parts one after the other."""
    return Markup("".join(part if isinstance(part, Markup) else escaped(part) for part in parts))


def escaped(text: object) -> Markup:
    """Text from outside; control letters, half surrogates and what turns direction round are spelled out."""
    return Markup(html.escape(one_line(text, _LONGEST)))


def whole_page(title: str, style: Markup, *body: str) -> Markup:
    """One HTML document for screens and paper: no network, no scripts."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", style),
    )
    return joined(
        Markup("<!DOCTYPE html>\n"),
        element("html", head, Markup("\n"), element("body", *body), lang="en"),
        Markup("\n"),
    )


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
    return f' {name}="{escaped(text)}"'
