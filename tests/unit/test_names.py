"""Names in the code are the field's: fraction and not share, transform and not way (tests.prose has the words)."""

import ast

from angiolith.runtime.paths import workflow_root

ROOT = workflow_root()
HOUSE_NAMES = {"told", "said", "mine", "way", "ways", "share", "shares", "brightness"}
# a JavaScript module has the same name on its side
EXEMPT = {"angiolith/report/viewer.py"}
SOURCES = sorted(
    path.relative_to(ROOT).as_posix() for folder in ("angiolith", "scripts") for path in (ROOT / folder).rglob("*.py")
)


def names(tree: ast.AST) -> set[str]:
    """Every name that a module binds, reads, takes or defines."""
    found = set()
    for node in ast.walk(tree):
        for field in ("id", "arg", "attr", "name"):
            if isinstance(name := getattr(node, field, None), str):
                found.add(name.strip("_"))
    return found


def test_no_name_is_a_house_word():
    used = {source: names(ast.parse((ROOT / source).read_text(encoding="utf-8"))) & HOUSE_NAMES for source in SOURCES}
    assert not {source: words for source, words in used.items() if words and source not in EXEMPT}
