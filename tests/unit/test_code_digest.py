"""The digest follows imports, ignores comments and docstrings, and sees every other change."""

import os

import pytest

from angiolith.runtime.code_digest import _parsed, code_digest, reached_modules


@pytest.fixture
def project(tmp_path):
    files = {
        "scripts/measure.py": "from angiolith.a import f\nprint(f())\n",
        "angiolith/__init__.py": "",
        "angiolith/a.py": "def f():\n    from angiolith import b\n    return b.X\n",
        "angiolith/b.py": "import numpy\nX = 1\n",
        "angiolith/unused.py": "Y = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def edit(path, text):
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))


def test_reaches_imports_within_functions(project):
    names = {path.name for path in reached_modules(project / "scripts/measure.py", project)}
    assert names == {"measure.py", "__init__.py", "a.py", "b.py"}


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("angiolith/b.py", "import numpy\nX = 1  # a comment\n", False),
        ("angiolith/b.py", '"""A docstring."""\nimport numpy\n\n\nX = 1\n', False),
        ("angiolith/b.py", "import numpy\nX = 2\n", True),
        ("angiolith/a.py", "def f():\n    from angiolith import b\n    return b.X + 1\n", True),
        ("angiolith/unused.py", "Y = 2\n", False),
    ],
)
def test_changes_only_with_code_it_depends_on(project, file, text, changes):
    before = code_digest(project / "scripts/measure.py", project)
    edit(project / file, text)
    assert (code_digest(project / "scripts/measure.py", project) != before) is changes


def test_does_not_depend_on_where_the_project_lies(project, tmp_path_factory):
    import shutil

    other = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(project, other)
    assert code_digest(other / "scripts/measure.py", other) == code_digest(project / "scripts/measure.py", project)


def test_what_is_remembered_of_a_module_is_believed_only_for_its_content(project):
    script, module = project / "scripts/measure.py", project / "angiolith/b.py"
    first, before = code_digest(script, project), module.stat()
    memory = project / "angiolith/__pycache__/b.normalised"
    assert memory.is_file()
    _parsed.cache_clear()
    assert code_digest(script, project) == first
    module.write_text("import numpy\nX = 2\n")
    os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))
    _parsed.cache_clear()
    assert code_digest(script, project) != first
    memory.write_text("broken")
    _parsed.cache_clear()
    assert code_digest(script, project) != first
