"""What comes with vibrator, as a CycloneDX list; a strange licence is refused.

python scripts/sbom.py [EXTRA …] > sbom.json        out of what is installed here
"""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata

from packaging.requirements import Requirement

ALLOWED = re.compile(
    r"MIT|BSD|Apache|Python Software Foundation|PSF|ISC|Zlib|0BSD|Unlicense|Mozilla|MPL"
    r"|LGPL|Lesser General Public",  # a library that is imported, not copied
    re.IGNORECASE,
)
REFUSED = re.compile(r"(?<!L)GPL|Affero|(?<!Lesser )General Public|Proprietary", re.IGNORECASE)
NVIDIA = re.compile(r"nvidia-|cuda-|triton")  # what a build of torch for their cards brings along


def needed(name, extras=()):
    """Names of all packages that one needs, as far as they are installed."""
    names, seen, waiting = set(), set(), [(name, frozenset(extras))]
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        try:
            about = metadata.distribution(wanted[0])
        except metadata.PackageNotFoundError:
            continue
        names.add(about.metadata["Name"])
        waiting.extend(
            (line.name, frozenset(line.extras))
            for line in map(Requirement, about.requires or ())
            if any(_holds(line, extra) for extra in wanted[1] or ("",))
        )
    return names - {name}


def _holds(wanted, extra):
    return wanted.marker is None or wanted.marker.evaluate({"extra": extra})


def licence(about):
    """What a package says of its licence: an expression, or the classifiers, or a line of text."""
    facts = about.metadata
    classes = [c.split(" :: ")[-1] for c in facts.get_all("Classifier") or () if "License ::" in c]
    first = (facts.get("License") or "").strip().split("\n")[0]
    return facts.get("License-Expression") or ", ".join(classes) or first or "unknown"


def component(name):
    """One line of the list."""
    about = metadata.distribution(name)
    lower = re.sub(r"[-_.]+", "-", name).lower()
    return {
        "type": "library",
        "name": name,
        "version": about.version,
        "purl": f"pkg:pypi/{lower}@{about.version}",
        "licenses": [{"license": {"name": licence(about)}}],
    }


def bill(extras=()):
    """The whole list, in CycloneDX 1.5."""
    names = sorted(needed("vibrator", extras), key=str.lower)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {**component("vibrator"), "type": "application"}},
        "components": [component(name) for name in names],
    }


def strange(listed):
    """Packages whose licence is none of those that we may build on."""
    for one in listed["components"]:
        words = one["licenses"][0]["license"]["name"]
        if not NVIDIA.match(one["name"]) and (not ALLOWED.search(words) or REFUSED.search(words)):
            yield f"{one['name']} {one['version']}: {words}"


def main():
    listed = bill(sys.argv[1:])
    print(json.dumps(listed, indent=1))
    if found := list(strange(listed)):
        sys.exit("licences to look at:\n" + "\n".join(found))


if __name__ == "__main__":
    main()
