"""What a web process starts loading at once, so that no page waits for it."""

from django.conf import settings
from django.utils.module_loading import import_string


def warm_up() -> None:
    """Call every function that settings.WARM_UP names; each returns at once and loads in the background."""
    for path in settings.WARM_UP:
        import_string(path)()
