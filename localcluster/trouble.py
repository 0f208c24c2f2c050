"""The one exception a user sees: what is wrong and how to mend it, in one line."""

from __future__ import annotations


class Trouble(Exception):
    """Something outside the program stops it. `what` names it, `mend` says what the user can do."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}; {mend}")
        self.what = what
        self.mend = mend
