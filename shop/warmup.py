"""What a web process starts loading at once, so that no page waits for it."""

from django.conf import settings
from django.urls import get_resolver
from django.utils.module_loading import import_string


def warm_up() -> None:
    """Import every page, and call what settings.WARM_UP names: each loads in the background."""
    get_resolver().url_patterns  # noqa: B018 - to read them imports them
    for path in settings.WARM_UP:
        import_string(path)()
