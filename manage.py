#!/usr/bin/env python3
"""Django's command line for this project."""

import os
import sys

import redis
from django.core.management import execute_from_command_line

from shop import embedded


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    try:
        execute_from_command_line(sys.argv)
    except embedded.ServiceError as error:
        raise SystemExit(str(error)) from None
    except redis.ConnectionError as error:
        raise SystemExit(embedded.redis_advice(error)) from None
    except KeyboardInterrupt:
        raise SystemExit("Interrupted; run the command again to go on") from None


if __name__ == "__main__":
    main()
