#!/usr/bin/env python3
"""Django's command line for this project."""

import os
import sys

import psycopg
import redis
from django.core.management import execute_from_command_line
from django.db import OperationalError

from shop import embedded


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    try:
        execute_from_command_line(sys.argv)
    except embedded.ServiceError as error:
        raise SystemExit(str(error)) from None
    except (OperationalError, psycopg.OperationalError) as error:  # such as a disk that is full
        reason = " ".join(str(error).split())
        raise SystemExit(f"The database failed: {reason}. Mend that and run the command again") from None
    except redis.ConnectionError as error:
        raise SystemExit(embedded.redis_advice(error)) from None
    except KeyboardInterrupt:
        raise SystemExit("Interrupted; run the command again to go on") from None


if __name__ == "__main__":
    main()
