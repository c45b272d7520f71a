"""Nothing typed is lost: by an ended session, a stale token, a deleted customer, a form that is sent twice."""

import re
from html import unescape
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from crm import services
from crm.models import Customer, SupplierNumberAtCustomer
from tests.backoffice.people import PASSWORD, User, member
from tests.domain.customers import ORIGIN, make
from tests.filled_forms import filled, new_form
from tests.threads import concurrently

ADD = "/admin/crm/customer/add/"
OWN = {"origin": "http://testserver", "accept": "text/html"}
TYPED = {"territory": "Nordmark", "customer_details": "First line\r\nSecond “line” with 日本"}

pytestmark = pytest.mark.django_db


def change(customer: str) -> str:
    return reverse("admin:crm_customer_change", args=[customer])


def hidden(page: HttpResponse) -> dict[str, Any]:
    return filled(page, "kept-form")


def kept_of(page: HttpResponse) -> str:
    match = re.search(r'name="kept"[^>]* value="([^"]*)"', page.content.decode())
    assert match, page.content.decode()
    return unescape(match[1])


def token_of(client: Client, url: str = ADD) -> str:
    match = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', client.get(url).content.decode())
    assert match
    return match[1]


# The form for a new customer


@pytest.mark.slow
def test_a_form_sent_twice_makes_one_customer() -> None:
    client = member("Editor")
    sent = filled(client.get(ADD)) | new_form({"company": "Acme", "supplier_number": "7"}, customer_name="Nordlicht")
    first, second = client.post(ADD, sent), client.post(ADD, sent, follow=True)
    assert first.status_code == 302
    assert Customer.objects.count() == SupplierNumberAtCustomer.objects.count() == 1
    assert second.redirect_chain == [(change(Customer.objects.get().pk), 302)]
    assert "This form was sent before" in second.content.decode()


@pytest.mark.slow
def test_a_form_sent_again_with_other_values_asks_first() -> None:
    client = member("Editor")
    sent = filled(client.get(ADD)) | {"customer_name": "Nordlicht"}
    client.post(ADD, sent)
    other = client.post(ADD, sent | {"customer_name": "Südlicht"})
    assert other.status_code == 200
    assert Customer.objects.count() == 1
    again = filled(other)
    assert again["customer_name"] == "Südlicht"
    assert "has made a customer already" in other.content.decode()
    assert client.post(ADD, again).status_code == 302
    assert set(Customer.objects.values_list("customer_name", flat=True)) == {"Nordlicht", "Südlicht"}


@pytest.mark.slow
def test_the_number_of_a_deleted_customer_is_not_used_again() -> None:
    client = member("Editor")
    sent = filled(client.get(ADD)) | {"customer_name": "Nordlicht"}
    client.post(ADD, sent)
    services.delete_customer(Customer.objects.get().pk, origin=ORIGIN)
    assert client.post(ADD, sent).status_code == 200
    assert not Customer.objects.exists()


def test_nobody_chooses_the_number_of_a_new_customer() -> None:
    client = member("Editor")
    client.post(ADD, new_form(_new_customer="customer_0000000000000000000000000a:forged"))
    assert Customer.objects.get().pk != "customer_0000000000000000000000000a"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_posts_at_once_make_one_customer() -> None:
    client = member("Editor")
    sent = filled(client.get(ADD)) | {"customer_name": "Nordlicht"}
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value

    def post(_number: int) -> int:
        one = Client()
        one.cookies[settings.SESSION_COOKIE_NAME] = cookie
        return one.post(ADD, sent).status_code

    assert concurrently(post, 2) == [302, 302]
    assert Customer.objects.count() == 1


# The session has ended


@pytest.mark.slow
def test_what_was_posted_after_the_session_ended_is_there_after_signing_in() -> None:
    client, customer = member("Editor"), make("Nordlicht")
    sent = filled(client.get(change(customer))) | TYPED
    client.session.flush()
    login = client.post(change(customer), sent, headers=OWN)
    assert login.status_code == 403
    assert "Your session has ended" in login.content.decode()
    page = client.post(reverse("admin:login"), {"username": "anna", "password": PASSWORD, "kept": kept_of(login)})
    assert "You are logged in again" in page.content.decode()
    assert "Nordmark" in page.content.decode()
    assert Customer.objects.get().territory != "Nordmark"
    form = client.post(change(customer), hidden(page))
    assert "Nothing is saved yet" in form.content.decode()
    again = filled(form)
    assert again["territory"] == "Nordmark"
    assert Customer.objects.get().territory != "Nordmark"
    assert client.post(change(customer), again).status_code == 302
    stored = Customer.objects.get()
    assert (stored.territory, stored.customer_details) == ("Nordmark", TYPED["customer_details"].replace("\r\n", "\n"))


def test_a_wrong_password_does_not_lose_it_and_no_log_keeps_it() -> None:
    client, customer = member("Editor"), make("Nordlicht")
    client.session.flush()
    typed = kept_of(client.post(change(customer), TYPED, headers=OWN))
    wrong = client.post(reverse("admin:login"), {"username": "anna", "password": "wrong", "kept": typed})
    assert kept_of(wrong) == typed
    attempt = AccessAttempt.objects.get()
    assert "Nordmark" not in attempt.post_data + attempt.get_data


def test_the_second_factor_is_asked_for_on_the_way() -> None:
    client, customer = member("Editor"), make("Nordlicht")
    device = TOTPDevice.objects.create(user=User.objects.get(username="anna"), confirmed=True)
    typed = kept_of(client.post(change(customer), TYPED, headers=OWN))  # signed in, but the code is still owed
    client.session.flush()
    assert kept_of(client.post(change(customer), TYPED, headers=OWN)) == typed
    code_page = client.post(reverse("admin:login"), {"username": "anna", "password": PASSWORD, "kept": typed})
    assert 'name="code"' in code_page.content.decode()
    assert kept_of(code_page) == typed
    assert client.get(change(customer)).status_code == 302
    wrong = client.post(reverse("second_factor_code"), {"code": "000000", "kept": typed})
    assert kept_of(wrong) == typed
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    code = f"{TOTP(device.bin_key).token():06d}"
    page = client.post(reverse("second_factor_code"), {"code": code, "kept": typed})
    assert hidden(page)["territory"] == "Nordmark"


def test_secrets_and_what_no_form_can_carry_are_not_kept() -> None:
    customer = make("Nordlicht")
    for sent in ({"old_password": "x", "territory": "North"}, {"customer_details": "x" * (6 * 1024 * 1024)}, {}):
        answer = Client().post(change(customer), sent, headers=OWN)
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("typed", ["[", '["https://evil.example/", [], false]', '["/admin/\\\\evil", [], false]', "7"])
def test_what_no_page_of_ours_has_written_is_not_followed(typed: str) -> None:
    member("Editor")
    answer = Client().post(reverse("admin:login"), {"username": "anna", "password": PASSWORD, "kept": typed})
    assert answer.status_code == 302


def test_a_script_is_told_in_its_own_words() -> None:
    answer = Client().post(
        f"{change(make('Nordlicht'))[:-7]}cell/", {"field": "territory"}, headers={"accept": "application/json"}
    )
    assert answer.json() == {"refused": "signed_out"}


# The token is stale


def checked(client: Client) -> Client:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    return strict


@pytest.mark.slow
def test_a_form_with_a_stale_token_is_shown_with_a_new_one() -> None:
    client, customer = checked(member("Editor")), make("Nordlicht")
    sent = filled(client.get(change(customer))) | TYPED | {"csrfmiddlewaretoken": "x" * 64}
    stale = client.post(change(customer), sent, headers=OWN)
    assert stale.status_code == 403
    assert "This form is no longer valid" in stale.content.decode()
    form = client.post(change(customer), hidden(stale), headers=OWN)
    assert filled(form)["territory"] == "Nordmark"
    assert client.post(change(customer), filled(form), headers=OWN).status_code == 302
    assert Customer.objects.get().territory == "Nordmark"


def test_a_stale_token_and_an_ended_session() -> None:
    client, customer = checked(Client()), make("Nordlicht")
    member("Editor")
    login = client.post(change(customer), TYPED, headers=OWN)
    assert login.status_code == 403
    signed_in = {"username": "anna", "password": PASSWORD, "kept": kept_of(login)}
    stale = client.post(reverse("admin:login"), signed_in | {"csrfmiddlewaretoken": "x" * 64}, headers=OWN)
    assert PASSWORD not in stale.content.decode()
    assert kept_of(stale) == signed_in["kept"]
    token = token_of(client, reverse("admin:login"))
    page = client.post(reverse("admin:login"), signed_in | {"csrfmiddlewaretoken": token}, headers=OWN)
    assert hidden(page)["territory"] == "Nordmark"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
        {"origin": "http://testserver", "sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize("is_member", [True, False])
def test_a_forged_post_is_refused_and_not_shown(headers: dict[str, str], is_member: bool) -> None:
    client, customer = checked(member("Editor") if is_member else Client()), make("Nordlicht")
    for url in (change(customer), ADD, reverse("admin:crm_customer_delete", args=[customer])):
        answer = client.post(
            url, new_form(customer_name="Forged", post="yes"), headers=headers | {"accept": "text/html"}
        )
        assert answer.status_code == 403
        assert "Forged" not in answer.content.decode()
        assert 'name="kept"' not in answer.content.decode()
    assert Customer.objects.get().customer_name == "Nordlicht"


# The customer was deleted


@pytest.mark.slow
def test_what_was_typed_for_a_deleted_customer_makes_a_new_one() -> None:
    client, customer = member("Editor"), make("Nordlicht", 1)
    sent = filled(client.get(change(customer))) | TYPED | {"supplier_numbers-0-supplier_number": "4711"}
    services.delete_customer(customer, origin=ORIGIN)
    page = client.post(change(customer), sent)
    assert "Somebody deleted this record" in page.content.decode()
    assert "<dt>Territory</dt><dd><bdi>Nordmark</bdi>" in page.content.decode()
    assert "<dt>Supplier number 1: Supplier number</dt><dd><bdi>4711</bdi>" in page.content.decode()
    form = client.post(ADD, hidden(page))
    assert not Customer.objects.exists()
    assert client.post(ADD, filled(form)).status_code == 302
    new_customer = Customer.objects.get()
    assert (new_customer.customer_name, new_customer.territory) == ("Nordlicht", "Nordmark")
    assert SupplierNumberAtCustomer.objects.filter(customer=new_customer).count() == 1
    viewer = member("Viewer", "bert").post(change(customer), sent)
    assert viewer.status_code == 403


def test_who_deletes_a_deleted_customer_has_typed_nothing_and_is_told_so_in_a_message() -> None:
    client, customer = member("Manager"), make("Nordlicht")
    services.delete_customer(customer, origin=ORIGIN)
    answer = client.post(reverse("admin:crm_customer_delete", args=[customer]), {"post": "yes"}, follow=True)
    assert answer.redirect_chain == [("/admin/", 302)]
    assert "Perhaps it was deleted?" in answer.content.decode()


# Conflicts


@pytest.mark.slow
def test_from_the_conflict_one_goes_back_to_the_form_as_it_was_typed() -> None:
    client, customer = member("Editor"), make("Nordlicht", territory="North")
    sent = filled(client.get(change(customer))) | {"territory": "South", "industry": "Glass"}
    services.update_customer(customer, {"territory": "West"}, origin=ORIGIN)
    conflict = client.post(change(customer), sent)
    assert "Back to my form" in conflict.content.decode()
    form = client.post(change(customer), filled(conflict, "typed-form"))
    again = filled(form)
    assert (again["territory"], again["industry"], again["initial-territory"]) == ("South", "Glass", "North")
    assert "Changed by somebody else" in client.post(change(customer), again).content.decode()


# What the browser is told


@pytest.mark.slow
def test_the_answer_says_which_draft_was_saved() -> None:
    client, customer = member("Editor"), make("Nordlicht")
    sent = filled(client.get(change(customer))) | {"_draft": "k3v9"}
    wrong = client.post(change(customer), sent | {"customer_name": ""})
    assert "saved_k3v9" not in wrong.cookies
    assert client.post(change(customer), sent).cookies["saved_k3v9"]["path"] == "/admin/"
    assert set(client.post(change(customer), sent | {"_draft": "a; b=\r\n"}).cookies) <= {"messages", "csrftoken"}


def test_logging_out_tells_the_browser_to_drop_its_drafts() -> None:
    client = member("Editor")
    assert "signed_out" not in client.get(reverse("admin:logout")).cookies
    assert client.post(reverse("admin:logout")).cookies["signed_out"].value == "1"


def test_no_field_forbids_the_browser_to_help() -> None:
    page = member("Editor").get(change(make("Nordlicht", 1))).content.decode()
    form = page[page.index('id="customer_form"') : page.index("</form>", page.index('id="customer_form"'))]
    fields = [tag for tag in re.findall(r"<(?:input|textarea|select)[^>]*>", form) if 'type="hidden"' not in tag]
    assert len(fields) > 30
    assert not [tag for tag in fields if "autocomplete=" in tag]


# Signing in again in place


SESSION = "/admin/session/"


def test_a_script_asks_who_is_signed_in_and_signs_in() -> None:
    client = checked(Client())
    member("Editor")
    session = client.get(SESSION).json()
    assert (session["user"], session["needs_code"]) == ("", False)
    sent = {"username": "anna", "password": PASSWORD}
    assert client.post(SESSION, sent).status_code == 403
    wrong = client.post(SESSION, sent | {"password": "wrong"}, headers={"x-csrftoken": session["token"]}).json()
    assert wrong["user"] == ""
    assert wrong["message"]
    right = client.post(SESSION, sent, headers={"x-csrftoken": session["token"]}).json()
    assert (right["user"], right["message"]) == ("anna", "")
    created = client.post(ADD, new_form() | {"csrfmiddlewaretoken": right["token"]})
    assert created.status_code == 302


def test_the_question_is_cheap(django_assert_max_num_queries: Any) -> None:
    client = member("Editor")
    with django_assert_max_num_queries(3) as queries:
        assert client.get(SESSION).json()["user"] == "anna"
    assert all(one["sql"].startswith("SELECT") for one in queries.captured_queries)


def test_in_place_too_the_second_factor_is_owed() -> None:
    member("Editor")
    device = TOTPDevice.objects.create(user=User.objects.get(username="anna"), confirmed=True)
    client = Client()
    session = client.post(SESSION, {"username": "anna", "password": PASSWORD}).json()
    assert (session["user"], session["needs_code"]) == ("anna", True)
    assert client.get(ADD).status_code == 302
    assert client.post(SESSION, {"code": "12"}).json()["needs_code"]
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    done = client.post(SESSION, {"code": f"{TOTP(device.bin_key).token():06d}"}).json()
    assert not done["needs_code"]
    assert client.get(ADD).status_code == 200


def test_in_place_too_wrong_passwords_lock_one_out() -> None:
    member("Editor")
    client = Client()
    for _ in range(5):
        client.post(SESSION, {"username": "anna", "password": "wrong"})
    locked = client.post(SESSION, {"username": "anna", "password": PASSWORD})
    assert locked.status_code == 429
    assert client.get(SESSION).json()["user"] == ""
    assert client.post(reverse("admin:login"), {"username": "anna", "password": PASSWORD}).status_code == 429


def test_who_is_no_staff_is_not_let_in_place() -> None:
    User.objects.create_user("carl", password=PASSWORD)
    assert Client().post(SESSION, {"username": "carl", "password": PASSWORD}).json()["user"] == ""
