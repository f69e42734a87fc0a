"""Pages from templates. Whatever a platform or a person has written is escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import as_file, files
from typing import Any
from urllib.parse import urlencode

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from projections.dashboard.assets import url
from schemas.accounts import UNROUTED

SCREENS = (
    ("/", "Availability"),
    ("/why", "Why"),
    ("/as-of", "As of"),
    ("/oversells", "Oversells"),
    ("/channels", "Channels"),
    ("/drift", "Drift"),
    ("/letters", "Dead letters"),
)
"""The screens that lead to all others."""

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"


def units(number: int | None) -> str:
    """A number of units as people read it."""
    if number is None:
        return ""
    return f"{number:,}".replace(",", THIN).replace("-", MINUS)


def signed(number: int) -> str:
    """A difference as people read it."""
    return f"+{units(number)}" if number > 0 else units(number)


def moment(at: datetime | None, now: datetime | None = None) -> str:
    """An instant as people read it, in UTC; the day only where it is not today's."""
    if at is None:
        return ""
    at = at.astimezone(UTC)
    if now is not None and at.date() == now.astimezone(UTC).date():
        return at.strftime("%H:%M:%S")
    return at.strftime("%Y-%m-%d %H:%M:%S")


def field(at: datetime | None) -> str:
    """An instant as the field of a form has it, in UTC."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def span(seconds: float) -> str:
    """How long something took, in its largest unit."""
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= length:
            return f"{seconds / length:.1f}".removesuffix(".0") + f" {name}"
    return f"{seconds:.1f}".removesuffix(".0") + " s"


def place(name: str) -> str:
    """A place as people call it."""
    return "no place yet" if name == UNROUTED else name


def spoken(name: str) -> str:
    """A name of ours as words."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return words.replace("_", " ")


def link(path: str, **parameters: Any) -> str:
    """An address on this site; parameters that are nothing are left out."""
    said = {name: value for name, value in parameters.items() if value not in (None, "", ())}
    return f"{path}?{urlencode(said, doseq=True)}" if said else path


def pretty(value: Any) -> str:
    """A document as people read it."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


class Pages:
    """The templates."""

    def __init__(self) -> None:
        with as_file(files("projections") / "dashboard" / "templates") as folder:
            loader = FileSystemLoader(folder)
        self._templates = Environment(
            loader=loader,
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals.update(asset=url, link=link, screens=SCREENS)
        self._templates.filters.update(
            units=units,
            place=place,
            signed=signed,
            moment=moment,
            field=field,
            span=span,
            spoken=spoken,
            pretty=pretty,
        )

    def text(self, template: str, **values: Any) -> str:
        """A piece of a page."""
        return self._templates.get_template(template).render(**values)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page. A value that it needs and does not get is a mistake of ours, and raised."""
        return HTMLResponse(self.text(template, **values), status)
