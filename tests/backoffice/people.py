"""Members of a group, logged in."""

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group
from django.test import Client

from overplane.people.sessions import SessionStore

User = get_user_model()
PASSWORD = "a password that is long"


def person(name: str) -> AbstractBaseUser:
    return User.objects.get_or_create(username=name)[0]


def member(role: str, name: str = "anna") -> Client:
    user = person(name)
    user.set_password(PASSWORD)
    user.is_staff = True
    user.save()
    user.groups.add(Group.objects.get(name=role))
    return signed_in(user)


def signed_in(user: AbstractBaseUser) -> Client:
    """As `force_login` does it, without what is counted and written of a login: that takes longer than most pages."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client
