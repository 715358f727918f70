"""Words that mean the same, as a merchandiser says."""

from typing import ClassVar

from django.db import models


class Synonym(models.Model):
    """A word or phrase that shoppers type, and what the catalogue calls it."""

    term = models.CharField(max_length=100, help_text="A word or phrase that shoppers type, such as couch.")
    means = models.CharField(
        max_length=500,
        help_text="What it finds too: words or phrases with commas between them, such as sofa, settee.",
    )
    both_ways = models.BooleanField(
        default=True, help_text="Any of them finds all the others; off: only the term finds the rest."
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["term", "id"]

    def __str__(self) -> str:
        return f"{self.term} {'=' if self.both_ways else '→'} {self.means}"

    @property
    def meanings(self) -> list[str]:
        """What the term stands for, one by one."""
        return [text for part in self.means.split(",") if (text := " ".join(part.split()))]
