"""The shop as it is when the server starts."""

# mypy: allow-subclassing-any
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            "Product",
            [
                ("id", models.BigAutoField(primary_key=True, auto_created=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, unique=True)),
            ],
        ),
        migrations.CreateModel(
            "Order",
            [
                ("id", models.BigAutoField(primary_key=True, auto_created=True, serialize=False, verbose_name="ID")),
                ("customer", models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)),
                ("products", models.ManyToManyField("shop.product")),
            ],
        ),
    ]
