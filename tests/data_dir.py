"""A private data folder for the run, chosen before pytest-django reads the settings.

Named by `-p` in pyproject.toml: a conftest.py is read after the settings, which is too late.
"""

import os
import tempfile
from pathlib import Path


def _choose_data_dir() -> Path | None:
    """Set DATA_DIR before the settings are imported; return the folder to remove at the end, if it is ours.

    Each xdist worker gets a folder, and so a PostgreSQL and a Redis, of its own inside the run's folder.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        os.environ["DATA_DIR"] = str(Path(os.environ["DATA_DIR"]) / worker)
        return None
    if os.environ.get("DATA_DIR"):
        return None
    folder = Path(tempfile.mkdtemp(prefix="shop-tests-"))
    # PostgreSQL started by root runs as another user, which must be able to enter.
    folder.chmod(0o711)
    os.environ["DATA_DIR"] = str(folder)
    return folder


OUR_DATA_DIR = _choose_data_dir()
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests read what a page showed right after it; those of the buffer turn it on.
os.environ.setdefault("BUFFER_IMPRESSIONS", "false")
# Two more trainings a run, which only the tests of the ranker look at.
os.environ.setdefault("RANKER_AFTER_TRAINING", "none")
# Tests read what a change did right after it, within a transaction; those of the kept lists turn it on.
os.environ.setdefault("LIST_CACHE_SECONDS", "0")
