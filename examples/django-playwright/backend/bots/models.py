"""Bots of users, the services that they use, and a log of their changes."""

from django.conf import settings
from django.db import models


class Integration(models.Model):
    """A service that bots can use."""

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=20, choices=[("slack", "Slack"), ("webhook", "Webhook"), ("email", "E-mail")])

    def __str__(self):
        return self.name


class BotTopic(models.Model):
    """A bot for one topic. It belongs to a user and may use several integrations."""

    title = models.CharField(max_length=120)
    prompt = models.TextField(blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="bots")
    integrations = models.ManyToManyField(Integration, through="BotIntegration", related_name="bots")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.title


class BotIntegration(models.Model):
    """A bot's use of an integration."""

    bot = models.ForeignKey(BotTopic, on_delete=models.CASCADE)
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        """Allow one row for each bot and integration."""

        constraints = [models.UniqueConstraint(fields=["bot", "integration"], name="once_for_a_bot")]


class ActivityLog(models.Model):
    """A line of a bot's log. It is deleted with the bot."""

    bot = models.ForeignKey(BotTopic, on_delete=models.CASCADE, related_name="activity")
    text = models.CharField(max_length=200)
    at = models.DateTimeField(auto_now_add=True)


class Picture(models.Model):
    """A picture that was uploaded: the row here, and the file in a folder beside the database."""

    title = models.CharField(max_length=80)
    file = models.FileField(upload_to="pictures")

    def __str__(self):
        return self.title
