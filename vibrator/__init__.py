"""Personalization from what people do, in words."""

__version__ = "0.1.0"
