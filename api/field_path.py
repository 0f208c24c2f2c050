"""Where in an object something is: `spec.domain.devices.disks[0].name`, as Kubernetes prints it in causes."""

from __future__ import annotations

Step = str | int


class FieldPath:
    """An immutable path. `/` goes to a field, `[]` to a list item by number or to a map value by key.

    `(FieldPath("spec") / "disks")[0] / "name"` prints as `spec.disks[0].name`.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def __truediv__(self, name: str) -> FieldPath:
        return FieldPath(f"{self._text}.{name}" if self._text else name)

    def __getitem__(self, step: Step) -> FieldPath:
        return FieldPath(f"{self._text}[{step}]")

    def parent(self) -> FieldPath:
        """The path without its last field or index; the empty path is its own parent."""
        cut = self._text.rfind("[") if self._text.endswith("]") else self._text.rfind(".")
        return FieldPath(self._text[:cut] if cut > 0 else "")

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"FieldPath({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldPath) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def render(*steps: Step) -> str:
    """`render("spec", "disks", 0, "name")` is `spec.disks[0].name`."""
    path = FieldPath()
    for step in steps:
        path = path[step] if isinstance(step, int) else path / step
    return str(path)


def pointer(*steps: Step) -> str:
    """The same place as a JSON Pointer (RFC 6901): `/spec/disks/0/name`, with `~` and `/` in names escaped."""
    return "".join(f"/{escape(step) if isinstance(step, str) else step}" for step in steps)


def escape(name: str) -> str:
    """One reference token of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")
