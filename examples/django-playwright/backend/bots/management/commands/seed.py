"""Create the users, integrations, bots and the picture that the tests start from: `manage.py seed`."""

import base64

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand
from django.db import transaction

from bots.models import ActivityLog, BotIntegration, BotTopic, Integration, Picture

LOGO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TITLES = ("Support", "Billing", "Onboarding")


class Command(BaseCommand):
    """Fill an empty database."""

    @transaction.atomic
    def handle(self, *_args, **_options):
        """Create two users, two integrations, three bots and a picture, unless there are bots already."""
        if BotTopic.objects.exists():
            return
        owners = [User.objects.create(username=name) for name in ("ada", "grace")]
        used = [
            Integration.objects.create(name=name, kind=kind) for name, kind in (("Team", "slack"), ("Ops", "email"))
        ]
        for number, title in enumerate(TITLES):
            bot = BotTopic.objects.create(title=title, prompt=f"You answer about {title}.", owner=owners[number % 2])
            BotIntegration.objects.create(bot=bot, integration=used[number % 2])
            ActivityLog.objects.create(bot=bot, text="created")
        Picture.objects.create(title="Logo", file=ContentFile(LOGO, name="logo.png"))
