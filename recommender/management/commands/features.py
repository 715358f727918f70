"""manage.py features apply | materialize | show USER_ID | env: the feature store from the command line."""

import json
import shlex
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recommender import feature_settings, features


class Command(BaseCommand):
    help = "Apply the feature definitions, copy features to Redis, or show what the store knows of a user."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("apply", help="Write the definitions of feature_repo into the registry.")
        actions.add_parser("materialize", help="Copy the latest features to Redis.")
        show = actions.add_parser("show", help="Print a user's online features and precomputed list.")
        show.add_argument("user_id", type=int)
        actions.add_parser("env", help="Print the variables that `feast -c feature_repo` needs.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "apply":
            self.apply()
        elif options["action"] == "materialize":
            until = features.materialize()
            self.stdout.write(f"Features until {until:%Y-%m-%d %H:%M:%S} UTC are in Redis.")
        elif options["action"] == "show":
            self.show(options["user_id"])
        else:
            self.env()

    def apply(self) -> None:
        changed = features.apply()
        self.stdout.write(
            "Feature definitions applied." if changed else "Feature definitions are up to date."
        )

    def show(self, user_id: int) -> None:
        features.open_store()
        rows = features.online_user_features([user_id])
        if rows is None:
            raise CommandError("The online store does not answer: check REDIS_URL.")
        if not rows[0]:
            raise CommandError(
                f"Nothing of user {user_id} in Redis yet: run `manage.py features materialize`."
            )
        self.stdout.write(json.dumps(rows[0], indent=2, ensure_ascii=False))
        ranked = features.online_top_k(user_id)
        if ranked is None:
            self.stdout.write("No precomputed list: train a model first.")
        else:
            self.stdout.write(f"Version {ranked.version_id} recommends {list(ranked.product_ids)}")

    def env(self) -> None:
        for name, value in feature_settings.connection_values().items():
            self.stdout.write(f"export {name}={shlex.quote(value)}")
