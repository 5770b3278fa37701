"""A backend on SQLite. The environment sets the path and the journal mode of the database."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).parent
SECRET_KEY = "worthless outside the example"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
USE_TZ = True
ROOT_URLCONF = "urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "bots"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("BACKEND_DATABASE", BASE_DIR / "data" / "api_db_dev.sqlite3"),
        "CONN_MAX_AGE": None,  # connections stay open, as in production
    }
}
MEDIA_ROOT = Path(DATABASES["default"]["NAME"]).parent / "media"  # the pictures that are uploaded
MEDIA_URL = "/media/"
JOURNAL_MODE = os.environ.get("BACKEND_JOURNAL_MODE", "wal")
