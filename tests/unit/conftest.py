"""Unit tests trust no public authority: what is read at each import of aiohttp is an empty list of them."""

import os

os.environ["SSL_CERT_FILE"] = "/dev/null"
