"""A page of HTML taken apart: is it whole, and can it do anything but be read?"""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

# Tag -> attributes that the template writes; everything else came out of a record.
TAGS = {
    **dict.fromkeys(("html", "meta", "link", "title", "style", "head", "body", "header", "main", "footer"), ""),
    **dict.fromkeys(("h1", "p", "ul", "li", "dl", "dt", "dd", "b", "code", "summary", "caption"), ""),
    **dict.fromkeys(("h2", "h3", "thead", "tbody", "tr", "desc", "div", "table", "span", "nav", "section"), ""),
    "html": "lang",
    "meta": "charset name content http-equiv",
    "link": "rel href",
    "p": "class",
    "div": "class",
    "span": "class",
    "table": "class",
    "tr": "class",
    "ul": "class aria-label",
    "li": "class",
    "dl": "class",
    "nav": "aria-label",
    "section": "id",
    "h3": "id",
    "a": "href",
    "th": "scope class",
    "td": "class data-label",
    "details": "class open",
    "svg": "class role height width x y aria-hidden",
    "line": "class x1 x2 y1 y2",
    "path": "class d",
    "text": "x y text-anchor",
}
EMPTY = {"meta", "link", "line", "path"}


class Page(HTMLParser):
    """A page taken apart: its text, its attributes, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.found: list[tuple[str, str, str]] = []
        self.said: list[str] = []
        self.style = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [(tag, name, value or "") for name, value in attrs]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.said.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


def read_inert(text: str) -> Page:
    """The page, of which nothing but the template's own tags and attributes is left, and nothing is loaded."""
    page = Page(text)
    assert not page.open
    assert set(page.tags) <= set(TAGS), set(page.tags) - set(TAGS)
    for tag, name, value in page.found:
        assert name in TAGS[tag].split(), (tag, name, value)
        if name == "href":
            assert value == "data:," or re.fullmatch(r"#[a-z0-9-]+", value), value
    ids = [value for _, name, value in page.found if name == "id"]
    assert len(set(ids)) == len(ids)
    assert {value[1:] for tag, name, value in page.found if (tag, name) == ("a", "href")} <= set(ids)
    assert (page.tags.count("style"), page.tags.count("html")) == (1, 1)
    assert page.tags.count("title") == 1 + page.found.count(("svg", "role", "img"))  # every drawing says what it shows
    assert not re.search(r"url\s*\(|@import|expression|http", page.style)
    (policy,) = [value for tag, name, value in page.found if tag == "meta" and "default-src" in value]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text)
    return page
