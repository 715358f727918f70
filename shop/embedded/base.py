"""Django's PostgreSQL backend, which starts the embedded server before its first connection."""

from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from django.db.utils import OperationalError

from shop import embedded


class DatabaseUnavailableError(embedded.ServiceError, OperationalError):
    """No connection could be made; the message says to where, and the cure."""


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        if not settings.DATABASE_URL:
            self.settings_dict["HOST"] = embedded.start_postgres()
        return super().get_connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            if settings.DATABASE_URL:
                raise DatabaseUnavailableError(self._advice(error)) from error
        else:
            check_encoding(connection)
            return connection
        # The embedded server was up a moment ago; had it been killed, this starts it again.
        embedded.start_postgres()
        return super().get_new_connection(conn_params)

    def _advice(self, error: Exception) -> str:
        place = f"{self.settings_dict['HOST'] or 'localhost'}:{self.settings_dict['PORT'] or 5432}"
        reason = str(error).strip().replace("\n", " ")
        return (
            f"DATABASE_URL: no connection to PostgreSQL at {place} ({reason}). "
            "Start it, correct the URL, or unset DATABASE_URL to use the embedded one"
        )


def check_encoding(connection: psycopg.Connection[Any]) -> None:
    """Raise DatabaseUnavailableError unless the database holds every text; some servers make others."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        raise DatabaseUnavailableError(
            f"DATABASE_URL: the database {name} holds {encoding}, not UTF8. "
            f"Make it anew: createdb --encoding UTF8 --locale C.UTF-8 --template template0 {name}"
        )
