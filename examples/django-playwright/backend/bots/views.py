"""Pages to list, create, edit and delete bots and integrations."""

from django import forms
from django.db import transaction
from django.db.models import ProtectedError
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from bots.models import ActivityLog, BotTopic, Integration, Picture


class BotForm(forms.ModelForm):
    """The form of a bot."""

    class Meta:
        """The fields in their order."""

        model = BotTopic
        fields = ["title", "prompt", "owner", "integrations"]
        widgets = {
            "prompt": forms.Textarea(attrs={"rows": 4}),
            "integrations": forms.CheckboxSelectMultiple,
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["integrations"].required = False


class IntegrationForm(forms.ModelForm):
    """The form of a new integration."""

    class Meta:
        """The fields in their order."""

        model = Integration
        fields = ["name", "kind"]


class PictureForm(forms.ModelForm):
    """The form of a picture to upload."""

    class Meta:
        """The fields in their order."""

        model = Picture
        fields = ["title", "file"]


def bot_list(request):
    """Show all bots and integrations."""
    bots = BotTopic.objects.select_related("owner").prefetch_related("integrations", "activity").order_by("id")
    integrations = Integration.objects.order_by("id")
    return render(request, "bots/list.html", {"bots": bots, "integrations": integrations})


def bot_edit(request, pk=None):
    """Create or edit a bot, with a line in its log."""
    bot = get_object_or_404(BotTopic, pk=pk) if pk else None
    form = BotForm(request.POST or None, instance=bot)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            ActivityLog.objects.create(bot=saved, text="edited" if bot else "created")
        return redirect("bots")
    return render(request, "bots/form.html", {"form": form, "title": f"Edit {bot}" if bot else "New bot"})


@require_POST
def bot_delete(request, pk):
    """Delete a bot, its log, and its use of integrations."""
    get_object_or_404(BotTopic, pk=pk).delete()
    return redirect("bots")


def integration_new(request):
    """Create an integration."""
    form = IntegrationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("bots")
    return render(request, "bots/form.html", {"form": form, "title": "New integration"})


@require_POST
def integration_delete(request, pk):
    """Delete an integration that no bot uses."""
    try:
        get_object_or_404(Integration, pk=pk).delete()
    except ProtectedError:
        return render(request, "bots/refused.html", status=409)
    return redirect("bots")


def picture_list(request):
    """Show all pictures, and take one that is uploaded."""
    form = PictureForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("pictures")
    return render(request, "bots/pictures.html", {"pictures": Picture.objects.order_by("id"), "form": form})


@require_POST
def picture_delete(request, pk):
    """Delete a picture, the row and the file."""
    picture = get_object_or_404(Picture, pk=pk)
    picture.delete()
    picture.file.delete(save=False)
    return redirect("pictures")
