"""The answer as one screen of text."""

from __future__ import annotations

import textwrap
from typing import Final

from virtctl.plan.why.case import Case, Link
from virtctl.plan.why.causes import Answer
from virtctl.plan.why.chain import chain

WIDTH: Final = 100
_LABEL: Final = 8
_LONGEST_QUOTE: Final = 600
_HERE: Final = "  <-- here"
_KINDS: Final = {Link.VM: "VirtualMachine", Link.VMI: "VirtualMachineInstance"}


def screen(case: Case, answer: Answer) -> str:
    """What the object waits for; the chain; the first cause and who says so; what to do."""
    cause = answer.cause
    waits = cause.waits if cause is not None else "runs, and waits for nothing"
    headline = f"{_KINDS[case.asked_for]} {case.namespace}/{case.name} {waits}."
    parts = ["\n".join(textwrap.wrap(headline, WIDTH)), _chain(case, cause.at if cause is not None else None)]
    if cause is not None:
        why = [_cut(cause.says)] if cause.says else []
        why += [f"({cause.said_by})"] if cause.said_by and cause.says else []
        parts += [_block("Why", [*why, *(f"- {line}" for line in cause.details)]), _block("Do", list(cause.do))]
    parts.append(_block("Also", list(answer.notes)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _chain(case: Case, here: Link | None) -> str:
    stations = chain(case)
    names = max(len(each.name) for each in stations)
    states = max(len(each.state) for each in stations)
    lines = []
    for each in stations:
        mark = _HERE if each.link is here else ""
        line = f"{each.link:<{_LABEL}}{each.name:<{names}}  {each.state:<{states}}  {each.more}".rstrip()
        lines.append(line + mark)
    return "\n".join(lines)


def _block(label: str, lines: list[str]) -> str:
    """Wrapped lines behind a label. Words are never broken: they are meant to be copied."""
    if not lines:
        return ""
    indent = " " * _LABEL
    wrapped = [
        textwrap.wrap(
            line, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False,
            break_on_hyphens=False,
        )
        for line in lines
    ]  # fmt: skip
    text = "\n".join(line for part in wrapped for line in part)
    return f"{label:<{_LABEL}}{text[_LABEL:]}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
