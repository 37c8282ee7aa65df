"""Files that were altered: a value or an error of ours, whichever reader they are given to.

The corpus holds files that are read well and files that got an answer of their own. Every run
reads them all, and a few that are altered. The long run alters more, and keeps what it learns:

VIBRATOR_FUZZ_EXAMPLES=2500 VIBRATOR_FUZZ_KEEP=1 pytest -q tests/fuzz
"""

import hashlib
import json
import os
import re
import shutil

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.readers import CORPUS, READERS
from tests.fuzz.test_fuzz import anything
from vibrator.errors import VibratorError

KEEP = bool(os.environ.get("VIBRATOR_FUZZ_KEEP"))
MOST_KEPT = 4_000  # bytes of a file that is kept
pytestmark = pytest.mark.integration
EXAMPLES = os.environ.get("VIBRATOR_FUZZ_EXAMPLES")
fuzz = settings(
    max_examples=int(EXAMPLES or 6),
    derandomize=EXAMPLES is None,  # the short run is the same everywhere; the long one looks on
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
NASTY = [
    b"", b"\x00", b"\xff\xfe", b"-1", b"1e999", b"NaN", b"null", b"{", b"]", b"\n", b'"', b",,,,",
    b"\\u0000", b"9" * 400, b"[" * 200_000, b"\xe2\x80\xa8", b"99999999999999999999", b"2026-02-30",
]  # fmt: skip
VARYING = r"\d+|'[^']*'|\"[^\"]*\"|\S*/\S+"  # in the words of an error: not what makes it another


def seeds(name):
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).iterdir())}


@st.composite
def altered(draw, contents):
    """A file of the corpus with some of it cut, doubled, replaced or put elsewhere."""
    content = draw(st.sampled_from(contents))
    for _ in range(draw(st.integers(1, 4))):
        start, stop = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        other = draw(st.sampled_from(contents))
        new = draw(
            st.sampled_from([content[start:stop] * 2, other[start:stop], *NASTY])
            | st.binary(max_size=6)
        )
        content = content[:start] + new + content[stop if draw(st.booleans()) else start :]
    return content


def places(value, path=()):
    """Where in a document there is something."""
    yield path
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, one in value.items() if isinstance(value, dict) else ():
        yield from places(one, (*path, key))


def put(document, path, new):
    if not path:
        return new
    changed = document.copy()
    changed[path[0]] = put(document[path[0]], path[1:], new)
    return changed


@st.composite
def retold(draw, contents):
    """A JSON file of the corpus in which one value is another."""
    document = draw(st.sampled_from([json.loads(one) for one in contents if is_json(one)]))
    path = draw(st.sampled_from(list(places(document))))
    return json.dumps(put(document, path, draw(anything))).encode()


def is_json(content):
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def answer(reader, folder, content):
    """What comes of a file: the kind of value, or the words of an error of ours."""
    path = folder / reader.file
    for name, text in reader.beside.items():
        (folder / name).write_text(text, encoding="utf-8")
    path.write_bytes(content)
    try:
        return type(reader.read(folder, path)).__name__
    except VibratorError as error:
        kept = getattr(error, "report", "")
        return re.sub(VARYING, "…", f"{type(error).__name__} {error} {kept}")


def remember(name, known, content, said):
    """With VIBRATOR_FUZZ_KEEP a file that got an answer of its own goes into the corpus."""
    if said not in known:
        known[said] = content
        if KEEP and len(content) <= MOST_KEPT:
            digest = hashlib.sha256(content).hexdigest()[:10]
            (CORPUS / name / digest).write_bytes(content)


@pytest.mark.parametrize("name", READERS)
def test_an_altered_file_is_read_or_refused(name, tmp_path, recwarn):
    reader, contents, known = READERS[name], list(seeds(name).values()), {}
    for content in contents:
        known[answer(reader, tmp_path, content)] = content
    strategy = altered(contents)
    if any(map(is_json, contents)):
        strategy |= retold(contents)

    @fuzz
    @given(strategy)
    def read(content):
        remember(name, known, content, answer(reader, tmp_path, content))

    read()
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_every_reader_has_a_file_that_it_reads(name, tmp_path):
    whole = [content for key, content in seeds(name).items() if key.startswith("seed")]
    assert whole
    for content in whole:
        assert " " not in answer(READERS[name], tmp_path, content)  # no words: the name of a type
