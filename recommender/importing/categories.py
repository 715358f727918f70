"""The category tree as an import sees it: found by names, grown where it must."""

import hashlib

from django.utils.text import slugify

from shop.models import Category


class CategoryTree:
    """Every category by path, read once."""

    def __init__(self) -> None:
        self._by_path = {category.path: category for category in Category.objects.all()}
        self.created = 0

    def grow(self, levels: tuple[str, ...]) -> Category:
        """Return the category of the names from the root, created with its parents where missing."""
        parent: Category | None = None
        for name in levels:
            slug = _slug(name)
            path = f"{parent.path}/{slug}" if parent else slug
            if path not in self._by_path:
                depth = parent.depth + 1 if parent else 0
                self._by_path[path] = Category.objects.create(
                    name=name, slug=slug, parent=parent, path=path, depth=depth
                )
                self.created += 1
            parent = self._by_path[path]
        assert parent is not None, "a category path has at least one level"
        return parent

    def find(self, levels: tuple[str, ...]) -> Category | None:
        """Return the category of the names from the root, or the only one anywhere of the last name."""
        slugs = [_slug(name) for name in levels]
        if found := self._by_path.get("/".join(slugs)):
            return found
        named = [category for category in self._by_path.values() if category.slug == slugs[-1]]
        return named[0] if len(named) == 1 else None


def _slug(name: str) -> str:
    """Return the name for an address; a name without Latin letters gets a hash, so that it stays its own."""
    return slugify(name.replace("&", " and "))[:50] or hashlib.sha256(name.encode()).hexdigest()[:12]
