"""The stored words of products, for full-text search."""

import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recommender", "0003_initial"), ("shop", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="SearchDocument",
            fields=[
                (
                    "product",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_document",
                        serialize=False,
                        to="shop.product",
                    ),
                ),
                ("content_hash", models.CharField(max_length=32)),
                ("vector", django.contrib.postgres.search.SearchVectorField()),
            ],
        )
    ]
