"""What earlier versions saved is read by this one, and says what it said."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

import vibrator
from vibrator.errors import ArtefactError

ROOT = Path(__file__).parents[1]
VERSIONS = sorted((ROOT / "fixtures" / "artefacts").iterdir())
ROOM = 1e-5  # of a probability: less than any drift that a user could see


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ARTEFACTS = script("write_artefacts")


def leaves(answers, name=""):
    if isinstance(answers, dict):
        return {
            k: v for key, one in answers.items() for k, v in leaves(one, f"{name}.{key}").items()
        }
    if isinstance(answers, list):
        return {
            k: v for n, one in enumerate(answers) for k, v in leaves(one, f"{name}.{n}").items()
        }
    return {name: answers}


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
@pytest.mark.parametrize(
    "part",
    [
        pytest.param(part, marks=[pytest.mark.integration] * (part == "postgres"))
        for part in ARTEFACTS.PARTS
    ],
)
def test_an_artefact_says_what_it_said(folder, part):
    said = json.loads((folder / "answers.json").read_text(encoding="utf-8"))[part]
    _, read = ARTEFACTS.PARTS[part]
    assert leaves(read(folder)) == pytest.approx(leaves(said), abs=ROOM)


def test_this_version_has_artefacts():
    assert vibrator.__version__ in {folder.name for folder in VERSIONS}


def test_a_released_artefact_is_not_written_again():
    with pytest.raises(SystemExit, match="has been written"):
        ARTEFACTS.main()


def test_an_altered_artefact_is_refused(tmp_path):
    shutil.copytree(VERSIONS[0], tmp_path / "altered")
    file = tmp_path / "altered" / "calibrator-platt.json"
    file.write_text(file.read_text("utf-8").replace("platt", "plato"), encoding="utf-8")
    with pytest.raises(ArtefactError, match="checksum"):
        ARTEFACTS.read_calibrators(tmp_path / "altered")
