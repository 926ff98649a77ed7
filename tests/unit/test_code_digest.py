"""The digest follows imports, ignores comments and docstrings, and sees every other change."""

import os

import pytest

from angiolith.runtime.code_digest import _parsed, code_digest, reached_sources


@pytest.fixture
def project(tmp_path):
    files = {
        "scripts/measure.py": "from angiolith.a import f\nfrom angiolith.runtime.job import run\nrun(f)\n",
        "angiolith/__init__.py": "",
        "angiolith/a.py": "def f():\n    from angiolith import b\n    return b.X\n",
        "angiolith/b.py": "import numpy\nX = 1\n",
        "angiolith/unused.py": "Y = 1\n",
        "angiolith/core/__init__.py": "",
        "angiolith/core/reproducible.py": "SEED = 0\n",
        "angiolith/runtime/__init__.py": "",
        "angiolith/runtime/job.py": "from angiolith import c\n\n\ndef run(f):\n    print('done', f())\n",
        "angiolith/c.py": "Z = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def edit(path, text):
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))


def test_reaches_imports_within_functions(project):
    reached = reached_sources(project / "scripts/measure.py", project)
    modules = {"angiolith/__init__.py", "angiolith/a.py", "angiolith/b.py", "angiolith/core/reproducible.py"}
    assert set(reached) == {"scripts/measure.py"} | modules
    assert all(path == project / name for name, path in reached.items())


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("angiolith/b.py", "import numpy\nX = 1  # a comment\n", False),
        ("angiolith/b.py", '"""A docstring."""\nimport numpy\n\n\nX = 1\n', False),
        ("angiolith/b.py", 'import numpy\n\n\nX = 1\n"""What X is."""\n', False),
        ("angiolith/b.py", "import numpy\nX = 2\n", True),
        ("angiolith/a.py", "def f():\n    from angiolith import b\n    return b.X + 1\n", True),
        ("angiolith/unused.py", "Y = 2\n", False),
        ("angiolith/runtime/job.py", "def run(f):\n    print('ended', f())\n", False),  # a message is reworded
        ("angiolith/c.py", "Z = 2\n", False),  # which the runtime alone imports
        ("angiolith/core/reproducible.py", "SEED = 1\n", True),  # which nothing here imports
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


def test_is_the_same_in_an_installation(project, tmp_path):
    """There the workflow's folder lies in the package."""
    import shutil

    package = tmp_path / "site-packages/angiolith"
    shutil.copytree(project / "angiolith", package)
    shutil.copytree(project / "scripts", package / "workflow/scripts")
    installed = code_digest(package / "workflow/scripts/measure.py", package / "workflow")
    assert installed == code_digest(project / "scripts/measure.py", project)
    edit(package / "b.py", "import numpy\nX = 2\n")
    assert code_digest(package / "workflow/scripts/measure.py", package / "workflow") != installed


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
