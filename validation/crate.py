"""Validate a run's RO-Crate with the community's validator, without a network.

    pip install roc-validator rocrate          # in an environment of its own: it is not among the project's packages
    python validation/crate.py OUTPUT_DIR [profile ...]

The validator asks the network for the JSON-LD contexts. Here they are served from the rocrate library, whose context of
RO-Crate 1.3 stands for that of 1.1 (it adds terms), and for Workflow Run RO-Crate from the one term that a run uses.
"""

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

PROFILES = ("ro-crate-1.1", "process-run-crate-0.5", "workflow-run-crate-0.5", "workflow-ro-crate-1.0")
TERMS = {"@context": {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}}


def served(contexts: Path):
    """A stand-in for the validator's HTTP requests."""
    known = json.loads(contexts.read_text(encoding="utf-8"))
    known["@context"]["ComputationalWorkflow"] = "https://bioschemas.org/ComputationalWorkflow"  # as in 1.1

    def get(self, url, *arguments, **options):
        content = TERMS if "ro/terms/workflow-run" in url else known if "/ro/crate/" in url else None
        text = json.dumps(content)
        status = 200 if content else 404
        headers = {"Content-Type": "application/ld+json"}
        return SimpleNamespace(
            status_code=status, headers=headers, text=text, json=lambda: content, content=text.encode()
        )

    return get


def main() -> int:
    root, *profiles = sys.argv[1:]
    package = importlib.util.find_spec("rocrate")

    HttpRequester.get = served(Path(package.submodule_search_locations[0], "data/ro-crate.jsonld"))
    wrong = 0
    for profile in profiles or PROFILES:
        settings = services.ValidationSettings(
            rocrate_uri=root,
            profile_identifier=profile,
            requirement_severity=models.Severity.RECOMMENDED,
            skip_availability_check=True,
        )
        result = services.validate(settings)
        found = Counter((issue.severity.name, issue.check.identifier, issue.message) for issue in result.get_issues())
        for (severity, check, message), count in sorted(found.items()):
            print(f"{profile}\t{severity}\t{check}\t{count} x\t{message}")
        required = sum(count for (severity, *_), count in found.items() if severity == "REQUIRED")
        print(f"{profile}: {required} requirements and {sum(found.values()) - required} recommendations are not met")
        wrong += required
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
