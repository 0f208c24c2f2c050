"""Copy a built image to a registry, for clusters that are not on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from images.build import Built
from images.host import ensure, run
from images.naming import tags_of


def targets(image: Built, registry: str) -> list[str]:
    """References in the registry: the image's own tags below ``registry``, digests left out."""
    return [f"{registry.rstrip('/')}/{image.name}:{tag}" for tag in tags_of(image.names)]


def push(image: Built, registry: str, *, verify: bool = True, authfile: str | None = None) -> Iterator[str]:
    """Copy the image under each of its tags; yields each reference when it is there."""
    ensure("skopeo")
    source = f"oci-archive:{image.archive}:{image.names[0]}"
    options = [f"--dest-tls-verify={str(verify).lower()}", *([f"--authfile={authfile}"] if authfile else [])]
    for target in targets(image, registry):
        run(
            ["skopeo", "copy", "--quiet", *options, source, f"docker://{target}"],
            what=f"pushing {target}",
            timeout=1800,
        )
        yield target
