"""What the shop keeps; the table of `Review` comes with the second migration."""

# mypy: allow-subclassing-any
from django.conf import settings
from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=80, unique=True)

    def __str__(self) -> str:
        return str(self.name)


class Order(models.Model):
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    products = models.ManyToManyField(Product)


class Review(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    text = models.TextField()
