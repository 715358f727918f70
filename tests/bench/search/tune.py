"""Fit the weights of the search to one part of the judged queries, and report on the other.

`python -m tests.bench.search.tune`, with DATA_DIR on a shop of `manage.py generate_dataset` whose products
have vectors. Prints the weights, to be written into recommender/search/fusion.py and ranking.py, and what
they give on queries that they have not seen; LightGBM over the same features stands beside them.
"""

import os

import django


def main() -> None:
    """Fit, and print what came of it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    django.setup()
    from tests.bench.search.fitting import fit_and_report  # needs Django's models

    fit_and_report()


if __name__ == "__main__":
    main()
