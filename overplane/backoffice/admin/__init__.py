"""The platform's own models in the back office. Importing it registers them, as Django's autodiscovery does."""

from overplane.backoffice.admin import events, jobs, keys, logins, people, webhooks

__all__ = ["events", "jobs", "keys", "logins", "people", "webhooks"]
