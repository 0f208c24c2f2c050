"""Label selectors, as text and as structure. The table was checked against apimachinery's labels package."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.label_selector import InvalidSelector, format_selector, matches, parse_selector, requirements, selects
from api.meta import LabelSelector, LabelSelectorRequirement

LABELS = {"app": "x", "tier": "db", "n": "5", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matched", "canonical"),
    [
        ("", True, ""),
        ("app=x", True, "app=x"),
        ("app==x", True, "app==x"),
        ("app!=x", False, "app!=x"),
        ("zz!=x", True, "zz!=x"),
        ("app in (y, x)", True, "app in (x,y)"),
        ("app notin (x)", False, "app notin (x)"),
        ("zz notin (x)", True, "zz notin (x)"),
        ("app", True, "app"),
        ("!app", False, "!app"),
        ("! zz", True, "!zz"),
        ("empty=", True, "empty="),
        ("n>4", True, "n>4"),
        ("n<5", False, "n<5"),
        ("app>1", False, "app>1"),
        ("tier=db,app=x", True, "app=x,tier=db"),
        ("tier=db, app=y", False, "app=y,tier=db"),
        ("empty in ()", True, "empty in ()"),
    ],
)
def test_texts(text: str, matched: bool, canonical: str) -> None:
    parsed = parse_selector(text)
    assert matches(parsed, LABELS) is matched
    assert format_selector(parsed) == canonical
    assert matches(parse_selector(canonical), LABELS) is matched


@pytest.mark.parametrize(
    "text", [",", "a,", ",a", "a b", "a=b c", "a in b", "a in (b", "-a=b", "a=-b", "a>x", "x/y/z", "a=b,,c", "A_/b"]
)
def test_what_is_no_selector(text: str) -> None:
    with pytest.raises(InvalidSelector):
        parse_selector(text)


def test_structures() -> None:
    expression = LabelSelectorRequirement(key="tier", operator="In", values=("db",))
    selector = LabelSelector(match_labels={"app": "x"}, match_expressions=(expression,))
    assert selects(selector, LABELS)
    assert not selects(selector, {"app": "x"})
    assert format_selector(requirements(selector)) == "app=x,tier in (db)"
    assert selects(LabelSelector(), {}), "the empty selector chooses everything"
    assert not selects(None, LABELS), "no selector chooses nothing"


@pytest.mark.parametrize(
    ("operator", "values"),
    [("In", ()), ("NotIn", ()), ("Exists", ("x",)), ("DoesNotExist", ("x",)), ("Gt", ("1",)), ("", ())],
)
def test_structures_that_say_nothing(operator: str, values: tuple[str, ...]) -> None:
    expression = LabelSelectorRequirement(key="a", operator=operator, values=values)
    with pytest.raises(InvalidSelector):
        requirements(LabelSelector(match_expressions=(expression,)))


@given(st.text(alphabet="ab=!<>(),in not/-._ 1", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parsed = parse_selector(text)
    except InvalidSelector:
        return
    assert parse_selector(format_selector(parsed)) == tuple(sorted(parsed, key=lambda one: one.key))
