"""Write envs/sbom.cdx.json, the software bill of materials of the locked environment, from requirements.lock."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SBOM = FOLDER / "sbom.cdx.json"
PIN = r"^([A-Za-z0-9._-]+)==([^ ;\\\n]+)(?: ; ([^\\\n]+?))? *\\?$"  # name, version, where it is needed


def components(lock: str) -> list[dict[str, Any]]:
    """The packages of the text of requirements.lock as CycloneDX components, in its order."""
    found = []
    for name, version, condition in re.findall(PIN, lock, flags=re.MULTILINE):
        purl = f"pkg:pypi/{name}@{version}"
        package = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        if condition:
            package["properties"] = [{"name": "angiolith:only-where", "value": condition}]
        found.append(package)
    return found


def sbom(lock: str, project: dict[str, Any]) -> str:
    """Text of the bill of materials (CycloneDX 1.5, JSON) from the lock's text and pyproject's table `project`.

    It holds no time and no serial number, so that the same lock gives the same bytes. The archives' hashes stand in the
    lock, whose SHA-256 is named.
    """
    name, version = project["name"], project["version"]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": f"{name}@{version}",
                "name": name,
                "version": version,
                "licenses": [{"license": {"id": project["license"]}}],
            },
            "properties": [
                {"name": "angiolith:lock-sha256", "value": hashlib.sha256(lock.encode("utf-8")).hexdigest()}
            ],
        },
        "components": components(lock),
    }
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    pyproject = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    SBOM.write_text(sbom((FOLDER / "requirements.lock").read_text(encoding="utf-8"), pyproject["project"]), "utf-8")
