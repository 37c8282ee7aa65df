"""Pictures and tables on one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from vibrator.charts.values import require_some, tidy


def table(rows: Sequence[Mapping[str, Any]], caption: str = "") -> str:
    """Rows of one shape as an HTML table; numbers align right."""
    require_some("rows", rows)
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in rows[0])
    body = "".join(f"<tr>{''.join(map(_cell, row.values()))}</tr>" for row in rows)
    words = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{words}<tr>{head}</tr>{body}</table></div>'


def page(title: str, parts: Iterable[str], lead: str = "") -> str:
    """One self-contained HTML page; `parts` are pictures, tables or other ready markup."""
    sections = "".join(f"<section>{part}</section>" for part in parts)
    words = f'<p class="lead">{escape(lead)}</p>' if lead else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{PAGE_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{words}{sections}</main></body></html>"
    )


def _cell(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f'<td class="number">{escape(tidy(value))}</td>'
    return f"<td>{escape(str(value))}</td>"


PAGE_STYLE = (
    ":root{color-scheme:light dark;--ink:#1c2330;--soft:#667085;--line:#e6e9ef;--back:#f5f6f9;"
    "--card:#fff}@media(prefers-color-scheme:dark){:root{--ink:#e8ebf1;--soft:#9aa4b5;"
    "--line:#2b3342;--back:#0b0e14;--card:#12161f}}"
    "body{margin:0;background:var(--back);color:var(--ink);"
    "font:16px/1.55 system-ui,-apple-system,'Segoe UI',sans-serif}"
    "main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem}"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em}"
    ".lead{color:var(--soft);margin:0 0 1.5rem;max-width:44rem}section{margin:1.25rem 0}"
    ".scroll{overflow-x:auto;background:var(--card);border-radius:10px;padding:.5rem 1rem}"
    ".scroll>.vb-chart{min-width:52rem}table{border-collapse:collapse;width:100%;font-size:.92rem}"
    "caption{text-align:left;font-weight:650;padding:.5rem 0}"
    "th{text-align:left;color:var(--soft);font-weight:500}"
    "td,th{padding:.45rem .8rem .45rem 0;border-bottom:1px solid var(--line)}"
    "tr:last-child td{border-bottom:0}.number{font-variant-numeric:tabular-nums}"
)
