"""Python started anew, to see what it brings in."""

import os


def uncovered():
    """An environment in which coverage does not follow, as it would bring in modules of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
