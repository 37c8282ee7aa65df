"""The tiny Instructor checkpoint for tests: as a folder, and as a hub cache without a network."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "make_tiny_instructor.py"


def _script():
    spec = importlib.util.spec_from_file_location("make_tiny_instructor", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_instructor(tmp_path_factory):
    """A folder that holds a model of the Instructor architecture; needs torch."""
    return _script().make_tiny_instructor(tmp_path_factory.mktemp("tiny") / "instructor")


@pytest.fixture(scope="session")
def tiny_hub(tmp_path_factory):
    """Environment variables under which hkunlp/instructor-base is the tiny checkpoint.

    Set them before huggingface_hub is imported: for a child process, say.
    """
    folder = _script().make_tiny_hub_cache(tmp_path_factory.mktemp("hub"))
    return {"HF_HUB_CACHE": str(folder), "HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(folder)}
