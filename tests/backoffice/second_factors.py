"""Somebody sets up a second factor."""

import re

from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice


def code_of(device: TOTPDevice) -> str:
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    return f"{totp.token():06}"


def set_up(client: Client) -> tuple[TOTPDevice, list[str]]:
    """The device, and the recovery codes that are shown then."""
    page = client.get(reverse("second_factor"))
    assert page.status_code == 200
    picture = client.get(reverse("second_factor_qr"))
    assert (picture["Content-Type"], picture.content[:4]) == ("image/svg+xml", b"<svg")
    device = TOTPDevice.objects.get(confirmed=False)
    done = client.post(reverse("second_factor"), {"code": code_of(device)})
    TOTPDevice.objects.update(last_t=-1)  # as time does: a code works once
    return device, codes_on(done.content.decode())


def codes_on(page: str) -> list[str]:
    return re.findall(r"<code>([\d ]{19})</code>", page)
