"""What a page shows: its programs, and their output beside what was printed."""

import re

NUMBER = re.compile(r"[+−-]?\d+(?:[.,]\d+)*(?=(%?))")
BAR = re.compile(r"[█·]+")
ROOM = 0.05  # of a number, or five points of a percentage
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[\w-]+) -->\n)?```python\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)
LINES = re.compile(r"[━─┏┳┓┡╇┩└┴┘┃│]+")


def blocks(page):
    """The programs of a page, each with the mark that stands before it."""
    return blocks_of(page.read_text(encoding="utf-8"))


def blocks_of(text):
    return [(match["mark"], match["code"]) for match in BLOCK.finditer(text)]


def same(shown, printed):
    """Whether both say the same, but for the last digits and the width of a terminal."""
    return words(shown) == words(printed) and all(
        abs(one - other) <= room + ROOM * abs(one)
        for (one, room), (other, _) in zip(numbers(shown), numbers(printed), strict=True)
    )


def words(text):
    return NUMBER.sub("#", BAR.sub("▪", LINES.sub("", text))).split()


def numbers(text):
    found = ((m.group(), m.group(1)) for m in NUMBER.finditer(BAR.sub("", text)))
    return [
        (float(digits.replace("−", "-").replace(",", "")), 5.0 if percent else ROOM)
        for digits, percent in found
    ]
