// Every documented call by openapi-fetch, on the types that openapi-typescript generates.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import { allWalked, baseUrl, csv, documented, key, ok, refused, until } from "./expect.js";
import type { components, paths } from "./schema.js";

type Customer = components["schemas"]["Customer"];
type CustomerCreate = components["schemas"]["CustomerCreate"];

const CUSTOMERS = "/api/crm/customer";
const CUSTOMER = "/api/crm/customer/{id}";
const ROWS = "/api/crm/supplier-number-at-customer";
const ROW = "/api/crm/supplier-number-at-customer/{id}";
const ORDER = "/api/crm/supplier-number-at-customer/reorder";

const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
const walked = new Set<string>();
api.use({
  onRequest({ request, schemaPath }) {
    walked.add(`${request.method} ${schemaPath}`);
  },
});

// Nothing but the name must be sent, and whatever is read can be.
const least: CustomerCreate = { customer_name: "Fetch Ltd" };

async function customers(): Promise<void> {
  const made: Customer = await ok(
    api.POST(CUSTOMERS, { body: least, params: { header: { "Idempotency-Key": "fetch-1" } } }),
    201,
  );
  assert.deepEqual([made.customer_name, made.customer_type, made.gender], ["Fetch Ltd", "Company", null]);
  const path = { id: made.id };
  const read = await api.GET(CUSTOMER, { params: { path } });
  assert.deepEqual(read.data, made);
  const etag = read.response.headers.get("ETag") ?? "";
  const unchanged = await api.GET(CUSTOMER, { params: { path, header: { "If-None-Match": etag } } });
  assert.equal(unchanged.response.status, 304);
  const same = await ok(api.PATCH(CUSTOMER, { params: { path }, body: made }));
  assert.equal(same.updated_at, made.updated_at);
  const changed = await ok(
    api.PATCH(CUSTOMER, { params: { path, header: { "If-Match": etag } }, body: { gender: "diverse" } }),
  );
  assert.equal(changed.gender, "diverse");
  const stale = api.PATCH(CUSTOMER, { params: { path, header: { "If-Match": etag } }, body: { gender: null } });
  assert.equal((await refused(stale, 412)).code, "precondition_failed");

  await rows(made.id);
  await lists(made.id);

  assert.deepEqual(await ok(api.DELETE(CUSTOMER, { params: { path } })), { id: made.id, deleted: true });
  assert.equal((await refused(api.GET(CUSTOMER, { params: { path } }), 404)).code, "resource_missing");
}

async function rows(customer_id: string): Promise<void> {
  const first = await ok(api.POST(ROWS, { body: { customer_id, supplier_number: "1" } }), 201);
  const second = await ok(api.POST(ROWS, { body: { parent_id: customer_id, company: "Acme", idx: 1 } }), 201);
  const path = { id: first.id };
  assert.equal((await ok(api.GET(ROW, { params: { path } }))).idx, 2);
  const moved = await ok(api.PATCH(ROW, { params: { path }, body: { idx: 1, company: "Acme" } }));
  assert.deepEqual(moved, { ...first, idx: 1, company: "Acme" });
  const listed = await ok(api.GET(ROWS, { params: { query: { parent_id: customer_id } } }));
  assert.deepEqual([listed.data.map((row) => row.id), listed.total], [[first.id, second.id], 2]);
  const forwards = { parent_id: customer_id, ordered_ids: [first.id, second.id] };
  const backwards = { customer_id, ordered_ids: [second.id, first.id] };
  for (const [reorder, body] of [
    [() => api.POST(ORDER, { body: backwards }), backwards],
    [() => api.PUT(ORDER, { body: forwards }), forwards],
    [() => api.PATCH(ORDER, { body: backwards }), backwards],
  ] as const) {
    const ordered = await ok(reorder());
    assert.deepEqual(ordered.data.map((row) => row.id), body.ordered_ids);
  }
  const short = { customer_id, ordered_ids: [first.id] };
  assert.equal((await refused(api.POST(ORDER, { body: short }), 400)).code, "reorder_incomplete");
  assert.deepEqual(await ok(api.DELETE(ROW, { params: { path: { id: second.id } } })), {
    id: second.id,
    deleted: true,
  });
}

async function lists(id: string): Promise<void> {
  const list = async (query: NonNullable<paths[typeof CUSTOMERS]["get"]["parameters"]["query"]>) =>
    ok(api.GET(CUSTOMERS, { params: { query } }));
  const other = await ok(api.POST(CUSTOMERS, { body: { customer_name: "Fetch, Other", disabled: true } }), 201);
  const both = `${id},${other.id}`;
  const all = await list({ "id[in]": both, order_by: "customer_name" });
  assert.deepEqual([all.data.map((one) => one.id), all.total, all.has_more], [[id, other.id], 2, false]);
  const expanded = await list({ id, "expand[]": ["supplier_numbers"] });
  assert.equal(expanded.data[0]?.supplier_numbers?.[0]?.supplier_number, "1");
  const narrowed = await list({ id, fields: "customer_name,territory" });
  assert.deepEqual(narrowed.data, [{ id, customer_name: "Fetch Ltd", territory: null }]);
  const query = { fields: "gender", "expand[]": ["supplier_numbers" as const] };
  const one = await ok(api.GET(CUSTOMER, { params: { path: { id }, query } }));
  assert.deepEqual([one.gender, one.supplier_numbers?.length, one.customer_name], ["diverse", 1, undefined]);
  const page = await list({ "id[in]": both, limit: 1 });
  assert.deepEqual([page.data.length, page.has_more, page.total], [1, true, 2]);
  const next = await list({ "id[in]": both, limit: 1, starting_after: page.data[0]?.id ?? "" });
  const back = await list({ "id[in]": both, limit: 1, ending_before: next.data[0]?.id ?? "" });
  assert.deepEqual(back.data, page.data);
  assert.deepEqual((await list({ "id[in]": both, offset: 1 })).data, next.data);
  // A day is as good as a moment, and a list may have both.
  for (const since of ["2024-01-15T09:30:00Z", "2024-01-15T09:30:00+00:00", "2024-01-15"]) {
    const found = { q: "fetch", disabled: true, "created_at[gte]": since, "tax_id[is_null]": true };
    assert.deepEqual((await list(found)).data, [other]);
    const body = { q: "fetch", disabled: true, "created_at[gte]": since };
    assert.deepEqual((await ok(api.POST("/api/crm/customer/search", { body }))).data, [other]);
  }
  const days = `${other.created_at?.slice(0, 10)},2020-01-31`;
  assert.equal((await list({ "id[in]": both, "created_at[in]": days })).total, 2);
  const asked = { "id[in]": [id, other.id], order_by: "customer_name" as const };
  assert.deepEqual((await ok(api.POST("/api/crm/customer/search", { body: asked }))).data, all.data);
  const wrong = await refused(api.GET(CUSTOMERS, { params: { query: { limit: 0 } } }), 400);
  assert.deepEqual([wrong.code, wrong.param, wrong.errors.length], ["parameter_invalid_range", "limit", 1]);
}

async function together(): Promise<void> {
  const body = { customer_name: "Together", supplier_numbers: [{ supplier_number: "1" }, { company: "Acme" }] };
  const made = await ok(api.POST(CUSTOMERS, { body }), 201);
  assert.deepEqual(made.supplier_numbers?.map((row) => row.supplier_number), ["1", null]);
  // What was answered can be sent back: here in another order, with a new row between.
  const [first, second] = made.supplier_numbers ?? [];
  assert.ok(first && second);
  const supplier_numbers = [second, { supplier_number: "2" }, first];
  const changed = await ok(api.PATCH(CUSTOMER, { params: { path: { id: made.id } }, body: { supplier_numbers } }));
  assert.deepEqual(changed.supplier_numbers?.map((row) => row.supplier_number), [null, "2", "1"]);
}

async function merging(): Promise<void> {
  const kept = await ok(api.POST(CUSTOMERS, { body: { customer_name: "Kept" } }), 201);
  const other = await ok(api.POST(CUSTOMERS, { body: { customer_name: "Other", tax_id: "fetch-merged" } }), 201);
  const path = { id: kept.id };
  const values = { tax_id: "fetch-merged" };
  const merged = await ok(api.POST(`${CUSTOMER}/merge`, { params: { path }, body: { from: [other.id], values } }));
  assert.equal(merged.tax_id, "fetch-merged");
  const gone = await refused(api.GET(CUSTOMER, { params: { path: { id: other.id } } }), 404);
  assert.deepEqual([gone.code, gone.merged_into], ["resource_merged", kept.id]);
  const back = await ok(api.POST(`${CUSTOMER}/unmerge`, { params: { path }, body: { restore: [other.id] } }));
  assert.deepEqual([back.id, back.restored, back.kept], [kept.id, [other], []]);
}

async function batches(): Promise<void> {
  const batch = `${CUSTOMERS}/batch` as const;
  const { data } = await ok(
    api.POST(batch, {
      body: {
        operations: [
          { op: "create", data: { customer_name: "Batched" } },
          { op: "upsert", match_on: "tax_id", data: { customer_name: "Upserted", tax_id: "fetch-tax" } },
        ],
      },
    }),
  );
  const [id, other] = data.map((outcome) => outcome.object?.id ?? "");
  assert.ok(id && other);
  const mixed = await ok(
    api.POST(batch, {
      body: {
        operations: [
          { op: "retrieve", id },
          { op: "update", id, if_match: data[0]?.etag, data: { territory: "North" } },
          { op: "delete", id: other, if_match: '"7"' },
          { op: "delete", id: other },
          { op: "delete", id: "nobody" },
        ],
        atomic: false,
      },
    }),
    207,
  );
  const [read, updated, changed, deleted, missing] = mixed.data;
  assert.deepEqual([read?.object?.id, read?.etag, updated?.etag], [id, '"1"', '"2"']);
  assert.deepEqual([changed?.status, changed?.error?.code], [412, "precondition_failed"]);
  assert.equal(updated?.object?.territory, "North");
  assert.deepEqual([deleted?.object?.id, deleted?.object?.deleted], [other, true]);
  assert.deepEqual([missing?.status, missing?.error?.code], [404, "resource_missing"]);
}

async function events(): Promise<void> {
  const exported = api.GET(`${CUSTOMERS}/export`, { params: { query: { q: "fetch" } }, parseAs: "text" });
  const end = JSON.parse((await ok(exported)).trim().split("\n").at(-1) ?? "") as { next_cursor: string };
  await ok(api.POST(CUSTOMERS, { body: { customer_name: "Later" } }), 201);
  const { data } = await ok(api.GET("/api/crm/event", { params: { query: { after: end.next_cursor } } }));
  const [event] = data;
  assert.ok(event?.type === "customer.created" && event.data.object.customer_name === "Later");
  const found = await ok(api.GET("/api/crm/event/{id}", { params: { path: { id: event.id } } }));
  assert.deepEqual(found, event);
  const query = { types: "customer.updated,customer.deleted", limit: 2 };
  const chosen = await ok(api.GET("/api/crm/event", { params: { query } }));
  for (const event of chosen.data) {
    // Typed: an updated customer has old values, a deleted one is said to be so.
    if (event.type === "customer.updated") assert.equal(event.data.previous_attributes.customer_name, undefined);
    else assert.ok(event.type === "customer.deleted" && event.data.object.deleted);
  }
  const lost = api.GET("/api/crm/event", { params: { query: { after: "nowhere" } } });
  assert.equal((await refused(lost, 400)).code, "cursor_invalid");
}

async function imports(): Promise<void> {
  // The types say `string` of a file; this client sends what it is given unchanged if it is told so.
  const query = { file_name: "fetch.csv", dry_run: true };
  const file = { body: csv("fetch"), bodySerializer: (text: unknown) => text };
  const headers = { "Content-Type": "text/csv" };
  const begun = await ok(api.POST("/api/crm/import", { ...file, headers, params: { query } }), 202);
  const path = { id: begun.id };
  const params = { path };
  const one = "/api/crm/import/{id}";
  const ended = (status: string) =>
    until(() => ok(api.GET(one, { params: { path, query: { wait: 5 } } })), (run) => run.status === status);
  assert.equal((await ended("checked")).problem_count, 1);
  const problems = await ok(api.GET(`${one}/problem`, { params }));
  assert.deepEqual(problems.data.map((problem) => [problem.row, problem.column]), [[4, "customer_name"]]);
  assert.equal((await ok(api.GET("/api/crm/import"))).data[0]?.id, begun.id);

  await ok(api.POST(`${one}/apply`, { params, body: { skip_errors: true } }), 202);
  await ended("done");
  assert.equal((await refused(api.POST(`${one}/cancel`, { params }), 409)).code, "import_state");
  assert.equal((await refused(api.POST(`${one}/resume`, { params }), 409)).code, "import_state");
  assert.match(await ok(api.GET(`${one}/refused`, { params, parseAs: "text" })), /fetch-2/);
  const results = (await ok(api.GET(`${one}/result`, { params, parseAs: "text" }))).trim().split(/\r?\n/);
  assert.deepEqual(results.slice(1).map((line) => line.split(",")[2]), ["created", "created", "refused"]);
  await duplicates(results[1]?.split(",")[1] ?? "");
  await exports();

  await ok(api.POST(`${one}/undo`, { params }), 202);
  await ended("undone");
}

async function duplicates(id: string): Promise<void> {
  const list = () => ok(api.GET("/api/crm/customer/{id}/duplicate", { params: { path: { id } } }));
  const [pair] = (await until(list, (page) => page.total > 0)).data;
  assert.ok(pair);
  assert.deepEqual([pair.level, pair.state, pair.customers.includes(id)], ["nearly_certain", "open", true]);
  const params = { path: { id: pair.id } };
  assert.equal((await ok(api.POST("/api/crm/duplicate/{id}/dismiss", { params }))).state, "dismissed");
  const dismissed = await ok(api.GET("/api/crm/duplicate", { params: { query: { state: "dismissed" } } }));
  assert.equal(dismissed.data[0]?.id, pair.id);
  assert.equal((await ok(api.POST("/api/crm/duplicate/{id}/reopen", { params }))).state, "open");
}

async function exports(): Promise<void> {
  const body = { format: "csv" as const, "customer_name[prefix]": "fetch &" };
  const path = { id: (await ok(api.POST("/api/crm/export", { body }), 202)).id };
  const one = () => ok(api.GET("/api/crm/export/{id}", { params: { path, query: { wait: 5 } } }));
  assert.equal((await until(one, ({ status }) => status === "done")).customers, 2);
  const file = await ok(api.GET("/api/crm/export/{id}/file", { params: { path }, parseAs: "text" }));
  assert.match(file, /fetch & Sons/);
}

async function webhooks(): Promise<void> {
  const endpoints = "/api/crm/webhook-endpoint";
  const endpoint = "/api/crm/webhook-endpoint/{id}";
  const delivery = "/api/crm/webhook-endpoint/{id}/delivery/{delivery_id}";
  const least = { url: "https://example.com/fetch" };
  const { secret, ...made } = await ok(api.POST(endpoints, { body: least }), 201);
  assert.ok(secret.startsWith("whsec_"));
  const path = { id: made.id };
  assert.equal((await ok(api.GET(endpoint, { params: { path } }))).url, least.url);
  assert.deepEqual((await ok(api.GET(endpoints))).data.map((one) => one.id), [made.id]);
  const same = await ok(api.PATCH(endpoint, { params: { path }, body: { ...made, event_types: [] } }));
  assert.equal(same.updated_at, made.updated_at);
  const rolled = await ok(api.POST(`${endpoint}/roll-secret`, { params: { path } }));
  assert.notEqual(rolled.secret, secret);
  const ping = await ok(api.POST(`${endpoint}/ping`, { params: { path } }), 201);
  const one = { path: { ...path, delivery_id: ping.id } };
  assert.deepEqual((await ok(api.GET(delivery, { params: one }))).attempt_log, []);
  await ok(api.POST(`${delivery}/resend`, { params: one }), 201);
  const query = { status: "pending" };
  assert.equal((await ok(api.GET(`${endpoint}/delivery`, { params: { path, query } }))).total, 2);
  const body = { after: "start", event_types: ["customer.created" as const] };
  assert.ok((await ok(api.POST(`${endpoint}/replay`, { params: { path }, body }))).deliveries > 0);
  assert.deepEqual(await ok(api.DELETE(endpoint, { params: { path } })), { ...path, deleted: true });
}

await customers();
await together();
await merging();
await batches();
await imports();
await events();
await webhooks();
const anonymous = await refused(api.GET(CUSTOMERS, { headers: { Authorization: "Bearer sk_test_wrong" } }), 401);
assert.equal(anonymous.type, "authentication_error");
allWalked(walked, documented.keys());
