"""The base of every view.

A view is what one version of us understands of a JSON object: frozen, keyword-only, decoded from the raw object by
`api.lens.view` and never written back whole (see `api.lens.edit`).

How fields are typed, everywhere in this package:

- `X | None = None`   absent means something else than zero (or the structure is optional)
- `str = ""`, `bool = False`, `int = 0`   absent and zero mean the same
- `tuple[X, ...] = ()` and `dict[str, X] = {}`   absent and empty mean the same
- no default   the schema requires the field
- `X = X()`   an optional structure that is always pleasant to have; `api.lens.encode` leaves it out when untouched

The string below a field is its description. It costs nothing at run time: Python drops it, and only the schema
generator (`api.crd`) reads it, from the source.
"""

from __future__ import annotations

import msgspec


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A frozen, keyword-only structure whose wire names are the camelCase of its attributes."""
