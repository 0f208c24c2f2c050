"""``python3 -m images build|load|push|list``: podvirt's container images, without Docker and without a registry."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence

from images.build import REPOSITORY, Builder, Built
from images.cache import Cache, default_directory
from images.closure import MissingLibraries
from images.host import HostError
from images.registry import push
from images.report import as_json, everything, table
from images.source import MissingSource


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python3 -m images", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build images (all but guest-debian, if none is named)")
    build.add_argument("names", nargs="*", metavar="NAME")
    build.add_argument("--fresh", action="store_true", help="ask Debian for its packages anew")
    load = commands.add_parser("load", help="load built images into a local cluster")
    load.add_argument("names", nargs="*", metavar="NAME")
    load.add_argument("--name", default="podvirt", help="name of the local cluster (default: %(default)s)")
    upload = commands.add_parser("push", help="copy built images to a registry")
    upload.add_argument("registry", metavar="REGISTRY", help="for example registry.example.com/team")
    upload.add_argument("names", nargs="*", metavar="NAME")
    upload.add_argument(
        "--dest-tls-verify",
        choices=("true", "false"),
        default="true",
        help="false for a registry without a known certificate",
    )
    upload.add_argument("--authfile", help="credentials, as `skopeo login --authfile` writes them")
    listing = commands.add_parser("list", help="show what is built")
    listing.add_argument("--json", action="store_true")
    listing.add_argument("--record", action="store_true", help="write the sizes to images/sizes.json")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = parser().parse_args(argv)
    cache = Cache(default_directory())
    try:
        return int({"build": _build, "load": _load, "push": _push, "list": _list}[options.command](options, cache))
    except (HostError, MissingSource, MissingLibraries) as problem:
        print(f"images: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("images: interrupted; what is finished stays, run it again to go on", file=sys.stderr)
        return 130


def _build(options: argparse.Namespace, cache: Cache) -> int:
    began = time.monotonic()
    built = Builder(cache, lambda line: print(f"images: {line}", flush=True)).build(options.names, fresh=options.fresh)
    print(table(built))
    print(f"images: {len(built)} images in {time.monotonic() - began:.1f} s, archives in {cache.directory / 'images'}")
    return 0


def _load(options: argparse.Namespace, cache: Cache) -> int:
    archives = [image.archive for image in _chosen(options.names, cache)]
    loader = [sys.executable, "-m", "localcluster", "load", "--name", options.name, *archives]
    return subprocess.run(loader, cwd=REPOSITORY, check=False).returncode


def _push(options: argparse.Namespace, cache: Cache) -> int:
    for image in _chosen(options.names, cache):
        for target in push(
            image, options.registry, verify=options.dest_tls_verify == "true", authfile=options.authfile
        ):
            print(target, flush=True)
    return 0


def _list(options: argparse.Namespace, cache: Cache) -> int:
    images = everything(cache)
    if options.record:
        (REPOSITORY / "images" / "sizes.json").write_text(
            json.dumps(
                {image.name: {"compressed": image.size, "unpacked": image.unpacked} for image in images}, indent=1
            )
            + "\n"
        )
    print(as_json(images) if options.json else table(images))
    return 0


def _chosen(names: Sequence[str], cache: Cache) -> list[Built]:
    """The built images with these names, all if there are none."""
    built = {image.name: image for image in everything(cache)}
    missing = [name for name in names if name not in built]
    if missing or not built:
        raise HostError(f"not built: {', '.join(missing) or 'anything'}; run `python3 -m images build` first")
    return [built[name] for name in names or built]
