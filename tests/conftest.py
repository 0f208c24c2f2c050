"""How generated tests choose their cases: the same ones each time, so that a green tree stays green.

`HYPOTHESIS_PROFILE=exploring ./test unit` tries new ones; what it finds becomes a named case of the test.
"""

import os

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("exploring", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
