"""From recipes to OCI archives, doing only what the cache does not have yet."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from images import bytecode, closure, debian, elf, oci, source, tree
from images.cache import Cache, digest_of
from images.guests import disk
from images.host import HostError, ensure, require_root
from images.layer import Layer, store
from images.layers import LAYERS
from images.naming import content_tag, names_of, version
from images.recipe import SUITE, ImageRecipe, LayerRecipe
from images.recipes import GUESTS, IMAGES, LATE_GUESTS
from images.tree import Entry

REPOSITORY = Path(__file__).resolve().parent.parent
PATH = "/usr/bin:/usr/sbin"
SHAPING_MODULES = (bytecode, closure, debian, elf, tree)
"""Code that decides what a layer holds: a change there rebuilds the layers."""

KEEP_SECONDS = 7 * 86_400
"""How long a layer that no image uses stays in the cache."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Built:
    """One finished image, as ``images/<name>.json`` keeps it."""

    name: str
    names: list[str]
    """Every reference that the archive answers to."""
    digest: str
    """Of the manifest."""
    archive: str
    size: int
    """Bytes of the compressed layers."""
    unpacked: int
    """Bytes of the layers as tars."""


def layer_key(name: str) -> str:
    """The key of a layer: its recipe, the code that shapes it, and the layer below."""
    recipe = LAYERS[name]
    files = {path: entry.fingerprint() for path, entry in recipe.files.items()}
    shape = [Path(str(module.__file__)).read_text() for module in SHAPING_MODULES]
    below = layer_key(recipe.parent) if recipe.parent else ""
    return digest_of([SUITE, asdict(recipe) | {"files": files}, shape, below])


class Builder:
    """One build in one cache. ``say`` gets a line for each thing done."""

    def __init__(self, cache: Cache, say: Say) -> None:
        self.cache, self.say = cache, say

    def build(self, names: Sequence[str], *, fresh: bool = False) -> list[Built]:
        """Build the named images (all but the late guests if none is named); ``fresh`` asks Debian anew."""
        wanted = tuple(names) or (*IMAGES, *GUESTS)
        unknown = sorted(set(wanted) - {*IMAGES, *GUESTS, *LATE_GUESTS})
        if unknown:
            known = ", ".join((*IMAGES, *GUESTS, *LATE_GUESTS))
            raise HostError(f"no image is called {', '.join(unknown)}; there are: {known}")
        require_root()
        ensure("mmdebstrap", "zstd")
        self.cache.sweep()
        with self.cache.lock("images"):
            components = [name for name in wanted if name in IMAGES]
            built = self._components(components, fresh) if components else []
            self._forget()
        for name in (name for name in wanted if name not in IMAGES):
            with self.cache.lock(name):
                built.append(self._guest(name, fresh))
        return built

    def _layers(self, images: Sequence[str], fresh: bool) -> dict[str, Layer]:
        """The Debian layers of ``images``, lowest first."""
        order = [name for name in LAYERS if any(name in IMAGES[image].layers for image in images)]
        missing = [name for name in order if fresh or self._known(name) is None]
        if "base" in order and not self._interpreter_root().exists():
            missing = ["base", *(name for name in missing if name != "base")]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._unpack, missing))
        layers: dict[str, Layer] = {}
        for name in order:
            known = None if name in missing else self._known(name)
            layers[name] = known or self._make_layer(name, layers)
        return layers

    def _known(self, name: str) -> Layer | None:
        record = self.cache.read_json("layers", f"{layer_key(name)}.json")
        if record is None or not self.cache.blob(record["digest"]).exists():
            return None
        return Layer(**record)

    def _interpreter_root(self) -> Path:
        """The unpacked base: it is kept, because its Python compiles podvirt's code."""
        return self._root("base")

    def _root(self, name: str) -> Path:
        return self.cache.path("roots", layer_key(name))

    def _unpack(self, name: str) -> None:
        root, recipe = self._root(name), LAYERS[name]
        below = LAYERS[recipe.parent].packages if recipe.parent else ()
        self.say(f"{name}: unpacking {len(recipe.packages)} packages of Debian {SUITE} and what they need")
        shutil.rmtree(root, ignore_errors=True)
        with self.cache.scratch() as scratch:
            debian.unpack(SUITE, (*below, *recipe.packages), scratch / "root")
            (scratch / "root").rename(root)

    def _make_layer(self, name: str, below: dict[str, Layer]) -> Layer:
        recipe, root = LAYERS[name], self._root(name)
        under = below[recipe.parent].paths if recipe.parent else {}
        with self.cache.scratch() as scratch:
            chosen = choose(root, recipe, under, self._interpreter_root())
            layer = store(self.cache, chosen, scratch)
        self.cache.write_json(layer.record(), "layers", f"{layer_key(name)}.json")
        if root != self._interpreter_root():
            shutil.rmtree(root)
        self.say(f"{name}: {megabytes(layer.unpacked)}, {megabytes(layer.size)} compressed")
        return layer

    def _image(self, name: str, layers: dict[str, Layer]) -> Built:
        recipe = IMAGES[name]
        for module in source.missing_modules(REPOSITORY, recipe):
            self.say(f"{name}: no module {module}, its command will fail")
        pile = [layers[layer] for layer in recipe.layers]
        return self._made(name, settings_of(recipe), [*pile, self._source_layer(recipe)])

    def _source_layer(self, recipe: ImageRecipe) -> Layer:
        shims = [(shim.path, shim.script().decode()) for shim in recipe.shims]
        key = digest_of(["source", source.fingerprint(REPOSITORY, recipe), shims, layer_key("base")])
        record = self.cache.read_json("layers", f"{key}.json")
        if record is not None and self.cache.blob(record["digest"]).exists():
            return Layer(**record)
        with self.cache.scratch() as scratch:
            chosen = source.tree_of(REPOSITORY, recipe, self._interpreter_root(), scratch)
            layer = store(self.cache, tree.with_parents(chosen, {}), scratch)
        self.cache.write_json(layer.record(), "layers", f"{key}.json")
        return layer

    def _forget(self) -> None:
        """Drop what no image is made of any more, a week after it was made."""
        used: set[str] = set()
        for path in self.cache.directory.glob("images/*.json"):
            used |= oci.blobs_of(self.cache, self.cache.read_json("images", path.name)["digest"])
        self.cache.forget(used, {layer_key("base")}, time.time() - KEEP_SECONDS)

    def _guest(self, name: str, fresh: bool) -> Built:
        key = disk.key(name)
        record = None if fresh else self.cache.read_json("layers", f"{key}.json")
        if record is None or not self.cache.blob(record["digest"]).exists():
            self.say(f"{name}: building the disk")
            with self.cache.scratch() as scratch:
                layer = store(self.cache, disk.tree_of(name, scratch), scratch)
            self.cache.write_json(layer.record(), "layers", f"{key}.json")
        else:
            layer = Layer(**record)
        settings = oci.Settings(environment={}, labels=labels(f"a guest disk: {name}"))
        made = self._made(name, settings, [layer])
        return self._published(made, content_tag({name: made.digest}))

    def _made(self, name: str, settings: oci.Settings, pile: Sequence[Layer]) -> Built:
        """The image is in the cache; it has no name and no archive yet."""
        manifest = oci.add_manifest(self.cache, settings, pile)
        return Built(
            name=name,
            names=[],
            digest=manifest,
            archive=str(self.cache.path("images", f"{name}.tar")),
            size=sum(layer.size for layer in pile),
            unpacked=sum(layer.unpacked for layer in pile),
        )

    def _published(self, made: Built, content: str) -> Built:
        """The image with its names and its archive, written only if something changed."""
        built = replace(made, names=names_of(made.name, made.digest, content))
        archive = Path(built.archive)
        if recorded(self.cache, built.name) == built:
            self.say(f"{built.name}: up to date")
            return built
        oci.write_archive(self.cache, built.digest, built.names, archive)
        self.cache.write_json(asdict(built), "images", f"{built.name}.json")
        self.say(f"{built.name}: {megabytes(built.unpacked)}, {megabytes(built.size)} compressed")
        return built

    def _components(self, wanted: Sequence[str], fresh: bool) -> list[Built]:
        """Build the wanted components; those built before get the new common tag too."""
        layers = self._layers(wanted, fresh)
        made = {name: self._image(name, layers) for name in wanted}
        others = {name: recorded(self.cache, name) for name in IMAGES if name not in made}
        every = made | {name: built for name, built in others.items() if built is not None}
        content = content_tag({name: built.digest for name, built in every.items()})
        published = {name: self._published(built, content) for name, built in every.items()}
        return [published[name] for name in wanted]


def recorded(cache: Cache, name: str) -> Built | None:
    """The newest build of an image, if its archive is still there."""
    record = cache.read_json("images", f"{name}.json")
    return Built(**record) if record is not None and cache.path("images", f"{name}.tar").exists() else None


def choose(root: Path, recipe: LayerRecipe, under: dict[str, str], interpreter_root: Path) -> tree.Tree:
    """The files of one layer out of an unpacked root; ``under``: paths and fingerprints of the layer below."""
    everything = tree.scan(root)
    chosen = tree.select(everything, recipe.keep, recipe.drop)
    chosen = compiled(chosen, root, interpreter_root)
    chosen = closure.with_libraries(everything, chosen, under)
    chosen |= {path: Entry(data=data) for path, data in debian.package_records(root).items()}
    chosen |= recipe.files
    return tree.without(tree.with_parents(chosen, everything), under)


def compiled(chosen: tree.Tree, root: Path, interpreter_root: Path) -> tree.Tree:
    """``chosen`` with byte code in place of every Python source."""
    sources = {path: entry for path, entry in chosen.items() if path.endswith(".py") and not entry.is_directory}
    files = [entry.source for entry in sources.values() if entry.source is not None]
    bytecode.compile_beside(interpreter_root, root, files)
    result = {path: entry for path, entry in chosen.items() if path not in sources}
    for path, entry in sources.items():
        link = None if entry.link is None else f"{entry.link}c"
        result[f"{path}c"] = Entry(mode=entry.mode, link=link, source=None if link else root / f"{path}c")
    return result


def settings_of(recipe: ImageRecipe) -> oci.Settings:
    """How a container of ``recipe`` starts."""
    user = f"{recipe.user}:{recipe.user}" if recipe.user else ""
    return oci.Settings(
        entrypoint=(f"/{recipe.entrypoint}",),
        user=user,
        environment={"PATH": PATH, **recipe.environment},
        labels=labels(recipe.title),
    )


def labels(title: str) -> dict[str, str]:
    """Labels of every image."""
    return {
        "org.opencontainers.image.title": title,
        "org.opencontainers.image.version": version(REPOSITORY),
        "org.opencontainers.image.licenses": "Apache-2.0",
    }


def megabytes(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e6:.1f} MB"
