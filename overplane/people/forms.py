"""The form for a code of the second factor."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code from your authenticator app"),
        max_length=10,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True}),
    )

    def __init__(self, user: Any, device: TOTPDevice, *args: Any) -> None:
        super().__init__(*args)
        self.user, self.device = user, device

    def clean_code(self) -> str:
        """Counts wrong codes: each doubles the time until the next try."""
        code = self.cleaned_data["code"].replace(" ", "")
        allowed, refusal = self.device.verify_is_allowed()
        if not allowed:
            message = _("Too many wrong codes. Wait until %(time)s, then try again.")
            until = refusal.get("locked_until") if refusal else None
            raise forms.ValidationError(message, params={"time": f"{until:%H:%M:%S} UTC" if until else "…"})
        if not code.isascii() or not code.isdigit() or not self.device.verify_token(code):
            raise forms.ValidationError(
                _(
                    "This code is not right (any more). Enter the one that the app shows now; is your phone's clock right?"
                )
            )
        return code
