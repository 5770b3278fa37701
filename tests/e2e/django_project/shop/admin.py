"""The shop in Django's admin."""

from django.contrib import admin

from .models import Order, Product, Review

admin.site.register([Product, Order, Review])
