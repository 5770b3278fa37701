"""Pictures, whose files lie in a folder beside the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Create the table."""

    dependencies = [("bots", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Picture",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=80)),
                ("file", models.FileField(upload_to="pictures")),
            ],
        ),
    ]
