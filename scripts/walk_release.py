"""Build the wheel and the sdist, and walk each as a stranger would: from an empty folder.

python scripts/walk_release.py [--keep dist]

Each is installed into an environment of its own; then the README, as the package itself carries
it, is walked block by block, the demo is run, and what must be inside is looked for.
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from email import message_from_string
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.outputs import blocks_of  # noqa: E402 - from the tree that this script stands in

IN_WHEEL = ("vibrator/py.typed", "vibrator/encoders/embedded_model/model.safetensors")
IN_SDIST = ("README.md", "LICENSE", "NOTICE", "tests/test_readme.py", "docs/index.md", "Makefile")


def run(*command, folder):
    """In a folder, without anything of this environment."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    print("$", *(str(word).splitlines()[0][:80] for word in command), flush=True)
    subprocess.run([str(word) for word in command], cwd=folder, env=clean, check=True)


def build(folder):
    """The wheel and the sdist."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, folder=folder)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


def check_contents(wheel, sdist):
    """What must be inside is, and the tests are not in the wheel."""
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = [name for name in IN_WHEEL if name not in names]
    strays = [name for name in names if name.split("/")[0] not in ("vibrator",) and "-" not in name]
    with tarfile.open(sdist) as archive:
        held = {name.split("/", 1)[-1] for name in archive.getnames()}
    missing += [name for name in IN_SDIST if name not in held]
    if missing or strays:
        sys.exit(f"missing {missing}, strays {strays}")


def readme(wheel):
    """The description that the package index shows."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("dist-info/METADATA"))
        return message_from_string(archive.read(name).decode("utf-8")).get_payload()


def walk(package, text, folder):
    """Install, then everything that a README reader would type."""
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", package, folder=folder)
    empty = folder / "empty"
    empty.mkdir()
    pieces = [code for mark, code in blocks_of(text) if mark != "integration"]
    if not pieces:
        sys.exit("the README of the package has no blocks to walk")
    run(python, "-W", "error", "-c", "\n".join(pieces), folder=empty)
    run(environment / "bin" / "vibrator", "demo", folder=empty)
    run(python, "-m", "vibrator", "--help", folder=empty)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="a folder for what was built")
    kept = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        built = (kept or folder / "dist").resolve()
        built.mkdir(parents=True, exist_ok=True)
        wheel, sdist = build(built)
        check_contents(wheel, sdist)
        for package in (wheel, sdist):
            (folder / package.suffix[1:]).mkdir()
            walk(package, readme(wheel), folder / package.suffix[1:])
    print("both walked")


if __name__ == "__main__":
    main()
