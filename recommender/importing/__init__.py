"""Data in: catalogues, users and interactions from files, validated row by row."""

from recommender.importing.errors import ImportRefused
from recommender.importing.loading import Options, import_dataset
from recommender.importing.schemas import FORMATS
from recommender.importing.summary import Summary

__all__ = ["FORMATS", "ImportRefused", "Options", "Summary", "import_dataset"]
