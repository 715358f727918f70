"""Django's PostgreSQL backend, which starts the embedded server before its first connection."""

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from shop import embedded


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        server = embedded.start_postgres(settings.DATA_DIR)
        self.settings_dict.update(HOST=server["HOST"], USER=server["USER"])
        return super().get_connection_params()
