"""Sessions in the database that know whose they are, so that a person's can be ended without reading all of them."""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from overplane.people.models import Session


class SessionStore(DatabaseStore):
    """Named in the settings (SESSION_ENGINE)."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        session: Any = super().create_model_instance(data)
        session.user_id = data.get(SESSION_KEY)
        return session


def end(user: Any, *, except_for: str | None = None) -> None:
    """All sessions of this person, but for the one that does it. A request on its way in one of them cannot bring it back."""
    Session.objects.filter(user_id=user.pk).exclude(session_key=except_for or "").delete()
