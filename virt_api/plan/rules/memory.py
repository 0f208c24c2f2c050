"""How much memory: the requests and limits against each other, and against the huge pages they are made of.

`memory.guest` is compared with the limits only where changes wait for a restart (roll-out strategy `Stage`): a guest
that may grow live may also be larger than what its pod is promised (overcommit).
"""

from __future__ import annotations

from fractions import Fraction

from virt_api.plan.causes import REQUIRED
from virt_api.plan.reading import amount, find, has, text
from virt_api.plan.rule import Offences, Rule, Subject, once

_LEAST_REQUEST = Fraction(10**6)


def _memory(subject: Subject, kind: str) -> Fraction | None:
    return amount(subject.spec, "domain", "resources", kind, "memory")


def _written(subject: Subject, kind: str) -> object:
    return find(subject.spec, "domain", "resources", kind, "memory")


def _negative_request(subject: Subject) -> Offences:
    if (request := _memory(subject, "requests")) is not None and request < 0:
        yield {"value": _written(subject, "requests")}


def _negative_limit(subject: Subject) -> Offences:
    if (limit := _memory(subject, "limits")) is not None and limit < 0:
        yield {"value": _written(subject, "limits")}


def _tiny_request(subject: Subject) -> Offences:
    if (request := _memory(subject, "requests")) is not None and 0 < request < _LEAST_REQUEST:
        yield {"value": _written(subject, "requests")}


def _request_over_limit(subject: Subject) -> Offences:
    request, limit = _memory(subject, "requests"), _memory(subject, "limits")
    if request is not None and limit is not None and 0 < limit < request:
        yield {"request": _written(subject, "requests"), "limit": _written(subject, "limits")}


def _page(subject: Subject) -> Fraction | None:
    return amount(subject.spec, "domain", "memory", "hugepages", "pageSize")


def _page_text(subject: Subject) -> str:
    return text(subject.spec, "domain", "memory", "hugepages", "pageSize")


def _unreadable_page(subject: Subject) -> Offences:
    written = find(subject.spec, "domain", "memory", "hugepages", "pageSize")
    if has(subject.spec, "domain", "memory", "hugepages") and (_page(subject) or 0) <= 0:
        yield {"value": written if isinstance(written, str) else ""}


def _request_under_page(subject: Subject) -> Offences:
    page, request = _page(subject), _memory(subject, "requests")
    if page and request and 0 < request < page:
        yield {
            "page": _page_text(subject),
            "value": _written(subject, "requests"),
        }


def _request_off_page(subject: Subject) -> Offences:
    page, request = _page(subject), _memory(subject, "requests")
    if page and page > 0 and request and request >= page and request % page:
        yield {
            "page": _page_text(subject),
            "value": _written(subject, "requests"),
        }


def _guest_off_page(subject: Subject) -> Offences:
    page, guest = _page(subject), amount(subject.spec, "domain", "memory", "guest")
    told = guest == _memory(subject, "requests")
    if page and page > 0 and guest and not told and (guest < page or guest % page):
        yield {
            "page": _page_text(subject),
            "value": find(subject.spec, "domain", "memory", "guest"),
        }


def _no_guest_memory(subject: Subject) -> Offences:
    guest = amount(subject.spec, "domain", "memory", "guest")
    told = guest == _memory(subject, "requests")
    if guest is not None and guest <= 0 and not told:
        yield {"value": find(subject.spec, "domain", "memory", "guest")}


def _guest_over_limit(subject: Subject) -> Offences:
    guest, limit = amount(subject.spec, "domain", "memory", "guest"), _memory(subject, "limits")
    if subject.config.vm_rollout_strategy != "LiveUpdate" and guest is not None and limit and limit < guest:
        yield {"guest": find(subject.spec, "domain", "memory", "guest"), "limit": _written(subject, "limits")}


def _nothing_asked(subject: Subject) -> Offences:
    memory = find(subject.spec, "domain", "memory")
    return once(when=not _memory(subject, "requests") and not has(memory, "guest") and not has(memory, "hugepages"))


_REQUEST = "{at}.domain.resources.requests.memory"
_LIMIT = "{at}.domain.resources.limits.memory"
_PAGE_SIZE = "{at}.domain.memory.hugepages.pageSize"

MEMORY = (
    Rule(_negative_request, _REQUEST, _REQUEST + " '{value}': must be greater than or equal to 0."),
    Rule(_tiny_request, _REQUEST, _REQUEST + " '{value}': must be greater than or equal to 1M."),
    Rule(_negative_limit, _LIMIT, _LIMIT + " '{value}': must be greater than or equal to 0."),
    Rule(_request_over_limit, _REQUEST, _REQUEST + " '{request}' is greater than " + _LIMIT + " '{limit}'"),
    Rule(_unreadable_page, _PAGE_SIZE, _PAGE_SIZE + " '{value}' is not a positive size of a huge page"),
    Rule(
        _request_under_page,
        _REQUEST,
        _REQUEST + " '{value}' must be equal to or larger than page size " + _PAGE_SIZE + " '{page}'",
    ),
    Rule(
        _request_off_page,
        _REQUEST,
        _REQUEST + " '{value}' is not a multiple of the page size " + _PAGE_SIZE + " '{page}'",
    ),
    Rule(
        _guest_off_page,
        "{at}.domain.memory.guest",
        "{at}.domain.memory.guest '{value}' is not a multiple of the page size " + _PAGE_SIZE + " '{page}'",
    ),
    Rule(
        _no_guest_memory,
        "{at}.domain.memory.guest",
        "{at}.domain.memory.guest '{value}': must be greater than 0.",
    ),
    Rule(
        _guest_over_limit,
        "{at}.domain.memory.guest",
        "{at}.domain.memory.guest '{guest}' must be equal to or less than the memory limit " + _LIMIT + " '{limit}'",
    ),
)
MANDATORY = (
    Rule(
        _nothing_asked,
        "",
        "no memory requested, at least one of '{at}.domain.memory.guest', '{at}.domain.memory.hugepages.size'"
        " or '{at}.domain.resources.requests.memory' must be set",
        REQUIRED,
    ),
)
