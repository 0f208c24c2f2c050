"""`python3 -m virtctl`."""

from __future__ import annotations

import sys

from virtctl.main import main

sys.exit(main())
