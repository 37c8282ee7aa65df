"""What Arrow says of a file that is no parquet, or a torn one, as an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vibrator.errors import BadInput
from vibrator.optional import need


@contextmanager
def parquet_or_refused(name: object) -> Iterator[None]:
    """Whatever fails inside is the fault of the file called `name`, unless there is none."""
    arrow = need("pyarrow", extra="parquet")
    try:
        yield
    except FileNotFoundError:
        raise
    except (arrow.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        words = " ".join(str(error).split())
        raise BadInput(f"{name} must be a whole parquet file, got {words:.200}") from None
