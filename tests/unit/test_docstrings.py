"""The lint of docstrings sees what a public function's docstring lacks, and its limits only fall."""

import ast
import textwrap

import pytest

from tests import docstrings


def function(source: str) -> ast.FunctionDef:
    node = ast.parse(textwrap.dedent(source)).body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


COMPLETE = '''
def scale(image, other, *rest, factor: float = 1) -> float:
    """Scale images.

    Parameters
    ----------
    image, other : ndarray, shape (i, j, k)
        Intensities: any unit.
    *rest : ndarray
        More of them.
    factor : float
        mm.

    Returns
    -------
    float
        The mean.

    Raises
    ------
    ValueError
        If the factor is 0.

    Notes
    -----
    Author 2020.
    """
    def helper():
        raise KeyError("not the function's own")
    if not factor:
        raise ValueError("0")
    return helper()
'''


def test_a_complete_docstring_lacks_nothing():
    assert docstrings.gaps(function(COMPLETE)) == []


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("image, other :", "image :", ["parameter other"]),
        ("    factor : float\n        mm.\n", "", ["parameter factor"]),
        ("*rest :", "rests :", ["parameter rest", "rests is no parameter"]),
        ("Returns\n    -------", "Result\n    -------", ["Returns"]),
        ("    ValueError\n        If", "    KeyError\n        If", ["Raises ValueError"]),
    ],
)
def test_what_is_missing_is_named(old, new, missing):
    assert old in COMPLETE
    assert docstrings.gaps(function(COMPLETE.replace(old, new))) == missing


def test_one_line_is_enough_without_arguments_and_errors():
    assert docstrings.gaps(function('def version() -> str:\n    """The version."""')) == []
    assert docstrings.gaps(function("def version() -> str: ...")) == ["docstring"]
    assert docstrings.gaps(function('def f() -> None:\n    """It."""\n    raise ValueError')) == ["Raises ValueError"]


def test_public_functions_and_methods():
    source = """
    def shown(): ...
    def _hidden(): ...
    class Table:
        def rows(self): ...
        @field_validator("a")
        def checked(self): ...
    class _Own:
        def rows(self): ...
    """
    names = [name for name, _ in docstrings.public(ast.parse(textwrap.dedent(source)).body)]
    assert names == ["shown", "Table.rows"]


def test_the_public_interface_is_complete():
    assert docstrings.incomplete()[docstrings.INTERFACE] == []


def test_a_room_over_its_limit_is_named_and_one_that_is_gone():
    found = {"angiolith/a": ["f", "g"], "angiolith/b": []}
    assert docstrings.complaints(found, {"angiolith/a": 2}) == []
    over, gone = docstrings.complaints(found, {"angiolith/a": 1, "angiolith/c": 1})[::-1]
    assert over.startswith("angiolith/a: 2 public functions")
    assert gone.startswith("angiolith/c")


def test_an_exception_that_the_function_catches_is_not_one_that_it_raises():
    caught = function("""
        def number(text):
            try:
                if not text:
                    raise ValueError
                return int(text)
            except (ValueError, TypeError):
                raise KeyError(text) from None
    """)
    assert docstrings.raised(caught) == {"KeyError"}
