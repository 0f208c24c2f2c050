"""Descriptions of fields, read from the source: the string below each field of a view class.

Python forgets those strings when it compiles; only this module looks at them, so that a component which merely uses the
views never pays for them. Where the source is not shipped there are no descriptions, and the schema is the same.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache

from api.view import View


def field_docs(kind: type[View]) -> Mapping[str, str]:
    """Description by attribute of a view class."""
    return _module_docs(kind.__module__).get(kind.__name__, {})


def class_doc(kind: type[View]) -> str:
    """Description of the view class itself."""
    return inspect.cleandoc(kind.__doc__ or "")


@cache
def _module_docs(module: str) -> dict[str, dict[str, str]]:
    package, _, name = module.rpartition(".")
    try:
        source = pkgutil.get_data(package, f"{name}.py")
    except OSError:
        source = None
    if source is None:
        return {}
    classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return {node.name: _class_docs(node) for node in classes}


def _class_docs(node: ast.ClassDef) -> dict[str, str]:
    docs: dict[str, str] = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _text(below):
            docs[field.target.id] = inspect.cleandoc(_text(below))
    return docs


def _text(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return ""
