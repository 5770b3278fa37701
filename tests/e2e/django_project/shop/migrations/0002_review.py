"""A table that comes while the server runs."""

# mypy: allow-subclassing-any
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.CreateModel(
            "Review",
            [
                ("id", models.BigAutoField(primary_key=True, auto_created=True, serialize=False, verbose_name="ID")),
                ("product", models.ForeignKey("shop.product", on_delete=models.CASCADE)),
                ("text", models.TextField()),
            ],
        )
    ]
