"""Webhooks for administrators: endpoints with their health and their deliveries. Importing it registers the list."""

from overplane.backoffice.admin.webhooks import endpoints

__all__ = ["endpoints"]
