from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from overplane.people import second_factor


class Command(BaseCommand):
    help = "Takes a user's second factor away, for when the phone is lost and no other Administrator is there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *, username: str, **options: Any) -> None:
        user = get_user_model().objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        self.stdout.write(f"{username}: {second_factor.reset(user)} device(s) removed.")
