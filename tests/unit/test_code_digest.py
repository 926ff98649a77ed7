"""The digest follows imports, ignores comments and docstrings, and sees every other change."""

import pytest

from scripts.lib.code_digest import code_digest, reached_modules


@pytest.fixture
def project(tmp_path):
    files = {
        "scripts/measure.py": "from scripts.lib.a import f\nprint(f())\n",
        "scripts/lib/__init__.py": "",
        "scripts/lib/a.py": "def f():\n    from scripts.lib import b\n    return b.X\n",
        "scripts/lib/b.py": "import numpy\nX = 1\n",
        "scripts/lib/unused.py": "Y = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def edit(path, text):
    path.write_text(text)
    import os

    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))


def test_reaches_imports_within_functions(project):
    names = {path.name for path in reached_modules(project / "scripts/measure.py", project)}
    assert names == {"measure.py", "__init__.py", "a.py", "b.py"}


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("lib/b.py", "import numpy\nX = 1  # a comment\n", False),
        ("lib/b.py", '"""A docstring."""\nimport numpy\n\n\nX = 1\n', False),
        ("lib/b.py", "import numpy\nX = 2\n", True),
        ("lib/a.py", "def f():\n    from scripts.lib import b\n    return b.X + 1\n", True),
        ("lib/unused.py", "Y = 2\n", False),
    ],
)
def test_changes_only_with_code_it_depends_on(project, file, text, changes):
    before = code_digest(project / "scripts/measure.py", project)
    edit(project / "scripts" / file, text)
    assert (code_digest(project / "scripts/measure.py", project) != before) is changes


def test_does_not_depend_on_where_the_project_lies(project, tmp_path_factory):
    import shutil

    other = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(project, other)
    assert code_digest(other / "scripts/measure.py", other) == code_digest(project / "scripts/measure.py", project)
