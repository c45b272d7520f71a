"""Every documented call by the client that openapi-python-client generates. `run` copies this file beside the client."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

from calling import client, connected, ok, refused, sent
from overplane_client.api.customers import (
    batch_customers,
    create_customer,
    delete_customer,
    export_customers,
    list_customers,
    merge_customers,
    retrieve_customer,
    search_customers,
    unmerge_customers,
    update_customer,
)
from overplane_client.api.events import list_events, retrieve_event
from overplane_client.api.supplier_numbers_at_customer import (
    create_supplier_number_at_customer,
    delete_supplier_number_at_customer,
    list_supplier_numbers_at_customer,
    patch_order_of_supplier_numbers_at_customer,
    put_order_of_supplier_numbers_at_customer,
    reorder_supplier_numbers_at_customer,
    retrieve_supplier_number_at_customer,
    update_supplier_number_at_customer,
)
from overplane_client.api.webhook_endpoints import (
    create_webhook_endpoint,
    delete_webhook_endpoint,
    list_webhook_deliveries,
    list_webhook_endpoints,
    ping_webhook_endpoint,
    replay_webhook_events,
    resend_webhook_delivery,
    retrieve_webhook_delivery,
    retrieve_webhook_endpoint,
    roll_webhook_secret,
    update_webhook_endpoint,
)
from overplane_client.models import (
    Batch,
    BatchAnswer,
    BatchCreate,
    BatchDelete,
    BatchRetrieve,
    BatchUpdate,
    BatchUpsert,
    BatchUpsertMatchOn,
    Customer,
    CustomerCreate,
    CustomerCreatedEvent,
    CustomerCustomerType,
    CustomerDeletedEvent,
    CustomerInBatch,
    CustomerMerge,
    CustomerPage,
    CustomerSearch,
    CustomerSearchOrderBy,
    CustomerUnmerge,
    CustomerUpdate,
    CustomerUpdatedEvent,
    CustomerValues,
    DeletedCustomer,
    DeletedSupplierNumberAtCustomer,
    DeletedWebhookEndpoint,
    ErrorCode,
    ErrorDetailsType,
    ErrorResponse,
    EventPage,
    ListCustomersExpandItem,
    ListCustomersOrderBy,
    RetrieveCustomerExpandItem,
    SupplierNumberAtCustomer,
    SupplierNumberAtCustomerCreate,
    SupplierNumberAtCustomerOrder,
    SupplierNumberAtCustomerPage,
    SupplierNumberAtCustomerUpdate,
    SupplierNumberInCustomer,
    UnmergedCustomer,
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookDeliveryWithAttempts,
    WebhookEndpoint,
    WebhookEndpointCreate,
    WebhookEndpointPage,
    WebhookEndpointUpdate,
    WebhookEndpointWithSecret,
    WebhookReplay,
    WebhookReplayed,
)
from overplane_client.types import UNSET, Unset
from walk_files import walk_imports


def walk_customers() -> None:
    new = CustomerCreate(customer_name="Python Ltd")
    answer = create_customer.sync_detailed(client=client, body=new, idempotency_key="python-1")
    made = ok(Customer, answer, 201)
    assert (made.customer_name, made.customer_type) == ("Python Ltd", CustomerCustomerType.COMPANY)
    assert (made.gender, made.disabled, made.supplier_numbers) == (None, False, UNSET)
    assert isinstance(made.created_at, dt.datetime)
    again = create_customer.sync_detailed(client=client, body=new, idempotency_key="python-1")
    assert again.headers["Idempotent-Replayed"] == "true"
    read = retrieve_customer.sync_detailed(made.id, client=client)
    assert ok(Customer, read) == made
    etag = read.headers["ETag"]
    assert retrieve_customer.sync_detailed(made.id, client=client, if_none_match=etag).status_code == 304
    # What was read can be sent back whole.
    body = CustomerUpdate.from_dict(made.to_dict())
    assert ok(Customer, update_customer.sync_detailed(made.id, client=client, body=body)).updated_at == made.updated_at
    change = CustomerUpdate(gender="diverse", default_commission_rate=2.5)
    answer = update_customer.sync_detailed(made.id, client=client, body=change, if_match=etag)
    changed = ok(Customer, answer)
    assert (changed.gender, changed.default_commission_rate) == ("diverse", 2.5)
    stale = update_customer.sync_detailed(made.id, client=client, body=change, if_match=etag)
    assert refused(stale, 412) is ErrorCode.PRECONDITION_FAILED
    walk_rows(made.id)
    walk_lists(made.id)
    assert ok(DeletedCustomer, delete_customer.sync_detailed(made.id, client=client)) == DeletedCustomer(made.id, True)
    assert refused(retrieve_customer.sync_detailed(made.id, client=client), 404) is ErrorCode.RESOURCE_MISSING


def walk_rows(customer_id: str) -> None:
    def create(body: SupplierNumberAtCustomerCreate) -> SupplierNumberAtCustomer:
        answer = create_supplier_number_at_customer.sync_detailed(client=client, body=body)
        return ok(SupplierNumberAtCustomer, answer, 201)

    first = create(SupplierNumberAtCustomerCreate(customer_id=customer_id, supplier_number="1"))
    second = create(SupplierNumberAtCustomerCreate(parent_id=customer_id, company="Acme", idx=1))
    read = retrieve_supplier_number_at_customer.sync_detailed(first.id, client=client)
    assert ok(SupplierNumberAtCustomer, read).idx == 2
    change = SupplierNumberAtCustomerUpdate(idx=1, company="Acme")
    moved = update_supplier_number_at_customer.sync_detailed(first.id, client=client, body=change)
    assert ok(SupplierNumberAtCustomer, moved).idx == 1
    listed = list_supplier_numbers_at_customer.sync_detailed(client=client, parent_id=customer_id)
    page = ok(SupplierNumberAtCustomerPage, listed)
    assert ([row.id for row in page.data], page.total) == ([first.id, second.id], 2)
    forwards, backwards = [first.id, second.id], [second.id, first.id]
    order = SupplierNumberAtCustomerOrder(backwards, parent_id=customer_id)
    ordered = reorder_supplier_numbers_at_customer.sync_detailed(client=client, body=order)
    assert [row.id for row in ok(SupplierNumberAtCustomerPage, ordered).data] == backwards
    order = SupplierNumberAtCustomerOrder(forwards, customer_id=customer_id)
    ordered = put_order_of_supplier_numbers_at_customer.sync_detailed(client=client, body=order)
    assert [row.id for row in ok(SupplierNumberAtCustomerPage, ordered).data] == forwards
    order = SupplierNumberAtCustomerOrder(backwards, customer_id=customer_id)
    ordered = patch_order_of_supplier_numbers_at_customer.sync_detailed(client=client, body=order)
    assert [row.id for row in ok(SupplierNumberAtCustomerPage, ordered).data] == backwards
    short = SupplierNumberAtCustomerOrder([first.id], customer_id=customer_id)
    failed = reorder_supplier_numbers_at_customer.sync_detailed(client=client, body=short)
    assert refused(failed, 400) is ErrorCode.REORDER_INCOMPLETE
    deleted = delete_supplier_number_at_customer.sync_detailed(second.id, client=client)
    assert ok(DeletedSupplierNumberAtCustomer, deleted).id == second.id


def walk_lists(customer_id: str) -> None:
    def listed(**query: Any) -> CustomerPage:
        return ok(CustomerPage, list_customers.sync_detailed(client=client, **query))

    new = CustomerCreate(customer_name="Python, Other", disabled=True)
    other = ok(Customer, create_customer.sync_detailed(client=client, body=new), 201)
    both = f"{customer_id},{other.id}"
    everything = listed(idin=both, order_by=ListCustomersOrderBy.CUSTOMER_NAME_UP)
    assert [one.id for one in everything.data] == [customer_id, other.id]
    assert (everything.total, everything.has_more) == (2, False)
    search = CustomerSearch(idin=[customer_id, other.id], order_by=CustomerSearchOrderBy.CUSTOMER_NAME_UP)
    found = ok(CustomerPage, search_customers.sync_detailed(client=client, body=search))
    assert found == everything
    (expanded,) = listed(id=customer_id, expand=[ListCustomersExpandItem.SUPPLIER_NUMBERS]).data
    assert not isinstance(expanded.supplier_numbers, Unset)
    assert [row.supplier_number for row in expanded.supplier_numbers] == ["1"]
    (narrowed,) = listed(id=customer_id, fields="customer_name,territory").data
    assert narrowed == Customer(customer_id, customer_name="Python Ltd", territory=None)
    expand = [RetrieveCustomerExpandItem.SUPPLIER_NUMBERS]
    one = ok(Customer, retrieve_customer.sync_detailed(customer_id, client=client, fields="gender", expand=expand))
    assert (one.gender, one.customer_name) == ("diverse", UNSET)
    assert one.supplier_numbers == expanded.supplier_numbers
    page = listed(idin=both, limit=1)
    assert (len(page.data), page.has_more, page.total) == (1, True, 2)
    following = listed(idin=both, limit=1, starting_after=page.data[0].id)
    assert listed(idin=both, limit=1, ending_before=following.data[0].id).data == page.data
    assert listed(idin=both, offset=1).data == following.data
    # A day is as good as a moment, and a list may have both.
    for since in (dt.datetime(2024, 1, 15, 9, 30, tzinfo=dt.UTC).isoformat(), "2024-01-15T09:30:00Z", "2024-01-15"):
        assert listed(q="python", disabled=True, created_atgte=since, tax_idis_null=True).data == [other]
        search = CustomerSearch(q="python", disabled=True, created_atgte=since)
        assert ok(CustomerPage, search_customers.sync_detailed(client=client, body=search)).data == [other]
    assert isinstance(other.created_at, dt.datetime)
    days = f"{other.created_at.date()},2020-01-31"
    assert listed(idin=both, created_atin=days).total == 2
    wrong = ok(ErrorResponse, list_customers.sync_detailed(client=client, limit=0), 400)
    assert (wrong.error.code, wrong.error.param) == (ErrorCode.PARAMETER_INVALID_RANGE, "limit")


def walk_together() -> None:
    rows = [SupplierNumberInCustomer(supplier_number="1"), SupplierNumberInCustomer(company="Acme")]
    new = CustomerCreate(customer_name="Together", supplier_numbers=rows)
    made = ok(Customer, create_customer.sync_detailed(client=client, body=new), 201)
    assert not isinstance(made.supplier_numbers, Unset)
    first, second = made.supplier_numbers
    assert (first.supplier_number, second.company) == ("1", "Acme")
    # What was answered can be sent back: here in another order, with a new row between.
    rows = [
        SupplierNumberInCustomer.from_dict(second.to_dict()),
        SupplierNumberInCustomer(supplier_number="2"),
        SupplierNumberInCustomer.from_dict(first.to_dict()),
    ]
    change = CustomerUpdate(supplier_numbers=rows)
    changed = ok(Customer, update_customer.sync_detailed(made.id, client=client, body=change))
    assert not isinstance(changed.supplier_numbers, Unset)
    assert [row.supplier_number for row in changed.supplier_numbers] == [None, "2", "1"]


def walk_merging() -> None:
    new = [CustomerCreate(customer_name=name, tax_id=f"python-{name}") for name in ("Kept", "Other")]
    kept, other = (ok(Customer, create_customer.sync_detailed(client=client, body=one), 201) for one in new)
    body = CustomerMerge(from_=[other.id], values=CustomerValues(tax_id="python-Other"))
    merged = ok(Customer, merge_customers.sync_detailed(kept.id, client=client, body=body))
    assert merged.tax_id == "python-Other"
    gone = ok(ErrorResponse, retrieve_customer.sync_detailed(other.id, client=client), 404).error
    assert (gone.code, gone.merged_into) == (ErrorCode.RESOURCE_MERGED, kept.id)
    restore = CustomerUnmerge(restore=[other.id])
    back = ok(UnmergedCustomer, unmerge_customers.sync_detailed(kept.id, client=client, body=restore))
    assert (back.id, back.tax_id, back.restored, back.kept) == (kept.id, "python-Kept", [other], [])


def walk_batches() -> None:
    upserted = CustomerUpdate(customer_name="Upserted", tax_id="python-tax")
    operations: list[BatchCreate | BatchDelete | BatchRetrieve | BatchUpdate | BatchUpsert] = [
        BatchCreate("create", CustomerCreate("Batched")),
        BatchUpsert("upsert", BatchUpsertMatchOn.TAX_ID, upserted),
    ]
    done = ok(BatchAnswer, batch_customers.sync_detailed(client=client, body=Batch(operations)))
    first, second = (outcome.object_ for outcome in done.data)
    assert isinstance(first, CustomerInBatch)
    assert isinstance(second, CustomerInBatch)
    assert first.to_dict() == ok(Customer, retrieve_customer.sync_detailed(first.id, client=client)).to_dict()
    operations = [
        BatchRetrieve("retrieve", first.id),
        BatchUpdate("update", first.id, CustomerUpdate(territory="North"), if_match=done.data[0].etag),
        BatchDelete("delete", second.id, if_match='"7"'),
        BatchDelete("delete", second.id),
        BatchDelete("delete", "nobody"),
    ]
    done = ok(BatchAnswer, batch_customers.sync_detailed(client=client, body=Batch(operations, atomic=False)), 207)
    read, updated, changed, deleted, missing = done.data
    assert (read.etag, updated.etag) == ('"1"', '"2"')
    assert not isinstance(changed.error, Unset)
    assert changed.error.code is ErrorCode.PRECONDITION_FAILED
    assert isinstance(updated.object_, CustomerInBatch)
    assert updated.object_.territory == "North"
    assert deleted.object_ == CustomerInBatch(second.id, deleted=True)
    assert not isinstance(missing.error, Unset)
    assert missing.error.code is ErrorCode.RESOURCE_MISSING


def walk_events() -> None:
    exported = export_customers.sync_detailed(client=client, customer_nameprefix="Python")
    end = json.loads(ok(str, exported).splitlines()[-1])
    ok(Customer, create_customer.sync_detailed(client=client, body=CustomerCreate("Later")), 201)
    page = ok(EventPage, list_events.sync_detailed(client=client, after=end["next_cursor"]))
    (event,) = page.data
    assert isinstance(event, CustomerCreatedEvent)
    assert event.data.object_.customer_name == "Later"
    assert ok(CustomerCreatedEvent, retrieve_event.sync_detailed(event.id, client=client)) == event
    found, after, has_more = set(), "start", True
    while has_more:
        page = ok(EventPage, list_events.sync_detailed(client=client, after=after, limit=5))
        found |= {type(event) for event in page.data}
        after, has_more = page.next_cursor, page.has_more
    assert len(found) == 12
    chosen = ok(EventPage, list_events.sync_detailed(client=client, types="customer.updated,customer.deleted", limit=2))
    assert all(isinstance(event, CustomerUpdatedEvent | CustomerDeletedEvent) for event in chosen.data)
    lost = list_events.sync_detailed(client=client, after="nowhere")
    assert refused(lost, 400) is ErrorCode.CURSOR_INVALID


def walk_webhooks() -> None:
    new = WebhookEndpointCreate("https://example.com/python")
    made = ok(WebhookEndpointWithSecret, create_webhook_endpoint.sync_detailed(client=client, body=new), 201)
    assert made.secret.startswith("whsec_")
    read = ok(WebhookEndpoint, retrieve_webhook_endpoint.sync_detailed(made.id, client=client))
    assert (read.url, read.description, read.event_types) == (new.url, None, [])
    listed = ok(WebhookEndpointPage, list_webhook_endpoints.sync_detailed(client=client))
    assert [one.id for one in listed.data] == [made.id]
    # What was read can be sent back whole.
    same = WebhookEndpointUpdate.from_dict(read.to_dict())
    changed = ok(WebhookEndpoint, update_webhook_endpoint.sync_detailed(made.id, client=client, body=same))
    assert changed.updated_at == read.updated_at
    rolled = roll_webhook_secret.sync_detailed(made.id, client=client)
    assert ok(WebhookEndpointWithSecret, rolled).secret != made.secret
    ping = ok(WebhookDelivery, ping_webhook_endpoint.sync_detailed(made.id, client=client), 201)
    one = ok(WebhookDeliveryWithAttempts, retrieve_webhook_delivery.sync_detailed(made.id, ping.id, client=client))
    assert (one.attempts, one.attempt_log, one.last_attempt) == (0, [], None)
    again = resend_webhook_delivery.sync_detailed(made.id, ping.id, client=client)
    assert ok(WebhookDelivery, again, 201).id != ping.id
    deliveries = list_webhook_deliveries.sync_detailed(made.id, client=client, status="pending")
    assert ok(WebhookDeliveryPage, deliveries).total == 2
    replay = WebhookReplay(created_atgte="2024-01-15")
    replayed = replay_webhook_events.sync_detailed(made.id, client=client, body=replay)
    assert ok(WebhookReplayed, replayed).deliveries > 0
    deleted = delete_webhook_endpoint.sync_detailed(made.id, client=client)
    assert ok(DeletedWebhookEndpoint, deleted) == DeletedWebhookEndpoint(made.id, True)


def walk_errors() -> None:
    anonymous = list_customers.sync_detailed(client=connected("sk_test_wrong"))
    assert ok(ErrorResponse, anonymous, 401).error.type_ is ErrorDetailsType.AUTHENTICATION_ERROR


def check_all_walked() -> None:
    described = json.loads(Path("openapi.json").read_text())["paths"]
    for path, methods in described.items():
        # An id has an underscore; `batch` and the like are no ids.
        pattern = re.compile(re.sub(r"\\{.*?\\}", "[^/]+_[^/]+", re.escape(path)))
        for method in methods:
            walked = [one for one in sent if one[0] == method.upper() and pattern.fullmatch(one[1])]
            assert walked, f"{method.upper()} {path} is not walked"


walk_customers()
walk_together()
walk_merging()
walk_batches()
walk_imports()
walk_events()
walk_webhooks()
walk_errors()
check_all_walked()
