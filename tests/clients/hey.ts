// Every documented call by the client that @hey-api/openapi-ts generates.
import assert from "node:assert/strict";
import { allWalked, baseUrl, csv, documented, key, ok, refused, until } from "./expect.js";
import { client } from "./generated/client.gen.js";
import * as generated from "./generated/sdk.gen.js";
import type { Customer, Event } from "./generated/types.gen.js";

client.setConfig({ baseUrl, auth: key });

const walked = new Set<string>();
const sdk = new Proxy(generated, {
  get(target, name: string) {
    walked.add(name);
    return target[name as keyof typeof generated];
  },
});

async function customers(): Promise<void> {
  const made: Customer = await ok(
    sdk.createCustomer({ body: { customer_name: "Hey Ltd" }, headers: { "Idempotency-Key": "hey-1" } }),
    201,
  );
  assert.deepEqual(
    [made.customer_name, made.customer_type, made.gender, made.disabled],
    ["Hey Ltd", "Company", null, false],
  );
  const again = await sdk.createCustomer({ body: { customer_name: "Hey Ltd" }, headers: { "Idempotency-Key": "hey-1" } });
  assert.equal(again.response?.headers.get("Idempotent-Replayed"), "true");

  const path = { id: made.id };
  const read = await sdk.retrieveCustomer({ path });
  assert.deepEqual(read.data, made);
  const etag = read.response?.headers.get("ETag") ?? "";
  const unchanged = await sdk.retrieveCustomer({ path, headers: { "If-None-Match": etag } });
  assert.equal(unchanged.response?.status, 304);
  // What was read can be sent back whole.
  const same = await ok(sdk.updateCustomer({ path, body: made }));
  assert.equal(same.updated_at, made.updated_at);
  const body = { gender: "diverse", default_commission_rate: 2.5 };
  const changed = await ok(sdk.updateCustomer({ path, body, headers: { "If-Match": etag } }));
  assert.deepEqual([changed.gender, changed.default_commission_rate], ["diverse", 2.5]);
  const stale = await refused(sdk.updateCustomer({ path, body, headers: { "If-Match": etag } }), 412);
  assert.equal(stale.code, "precondition_failed");

  await rows(made.id);
  await lists(made.id);

  const gone = await ok(sdk.deleteCustomer({ path }));
  assert.deepEqual(gone, { id: made.id, deleted: true });
  assert.equal((await refused(sdk.retrieveCustomer({ path }), 404)).code, "resource_missing");
}

async function rows(customer_id: string): Promise<void> {
  const first = await ok(sdk.createSupplierNumberAtCustomer({ body: { customer_id, supplier_number: "1" } }), 201);
  const second = await ok(
    sdk.createSupplierNumberAtCustomer({ body: { parent_id: customer_id, company: "Acme", idx: 1 } }),
    201,
  );
  const path = { id: first.id };
  assert.equal((await ok(sdk.retrieveSupplierNumberAtCustomer({ path }))).idx, 2);
  const moved = await ok(sdk.updateSupplierNumberAtCustomer({ path, body: { idx: 1, company: "Acme" } }));
  assert.deepEqual(moved, { ...first, idx: 1, company: "Acme" });
  const listed = await ok(sdk.listSupplierNumbersAtCustomer({ query: { parent_id: customer_id } }));
  assert.deepEqual([listed.data.map((row) => row.id), listed.total], [[first.id, second.id], 2]);
  const forwards = { parent_id: customer_id, ordered_ids: [first.id, second.id] };
  const backwards = { customer_id, ordered_ids: [second.id, first.id] };
  for (const [reorder, body] of [
    [sdk.reorderSupplierNumbersAtCustomer, backwards],
    [sdk.putOrderOfSupplierNumbersAtCustomer, forwards],
    [sdk.patchOrderOfSupplierNumbersAtCustomer, backwards],
  ] as const) {
    const ordered = await ok(reorder({ body }));
    assert.deepEqual(ordered.data.map((row) => row.id), body.ordered_ids);
  }
  const short = { body: { customer_id, ordered_ids: [first.id] } };
  assert.equal((await refused(sdk.reorderSupplierNumbersAtCustomer(short), 400)).code, "reorder_incomplete");
  assert.deepEqual(await ok(sdk.deleteSupplierNumberAtCustomer({ path: { id: second.id } })), {
    id: second.id,
    deleted: true,
  });
}

async function lists(id: string): Promise<void> {
  const other = await ok(sdk.createCustomer({ body: { customer_name: "Hey, Other", disabled: true } }), 201);
  const both = `${id},${other.id}`;
  const all = await ok(sdk.listCustomers({ query: { "id[in]": both, order_by: "customer_name" } }));
  assert.deepEqual([all.data.map((one) => one.id), all.total, all.has_more], [[id, other.id], 2, false]);
  const expanded = await ok(sdk.listCustomers({ query: { id, "expand[]": ["supplier_numbers"] } }));
  assert.equal(expanded.data[0]?.supplier_numbers?.[0]?.supplier_number, "1");
  const narrowed = await ok(sdk.listCustomers({ query: { id, fields: "customer_name,territory" } }));
  assert.deepEqual(narrowed.data, [{ id, customer_name: "Hey Ltd", territory: null }]);
  const one = await ok(
    sdk.retrieveCustomer({ path: { id }, query: { fields: "gender", "expand[]": ["supplier_numbers"] } }),
  );
  assert.deepEqual([one.gender, one.supplier_numbers?.length, one.customer_name], ["diverse", 1, undefined]);
  const page = await ok(sdk.listCustomers({ query: { "id[in]": both, limit: 1 } }));
  assert.deepEqual([page.data.length, page.has_more, page.total], [1, true, 2]);
  const last = page.data[0]?.id ?? "";
  const next = await ok(sdk.listCustomers({ query: { "id[in]": both, limit: 1, starting_after: last } }));
  const back = await ok(
    sdk.listCustomers({ query: { "id[in]": both, limit: 1, ending_before: next.data[0]?.id ?? "" } }),
  );
  assert.deepEqual(back.data, page.data);
  const skipped = await ok(sdk.listCustomers({ query: { "id[in]": both, offset: 1 } }));
  assert.deepEqual(skipped.data, next.data);
  // A day is as good as a moment, and a list may have both.
  for (const since of ["2024-01-15T09:30:00Z", "2024-01-15T09:30:00+00:00", "2024-01-15"]) {
    const query = { q: "hey", disabled: true, "created_at[gte]": since, "tax_id[is_null]": true };
    assert.deepEqual((await ok(sdk.listCustomers({ query }))).data, [other]);
    const body = { q: "hey", disabled: true, "created_at[gte]": since };
    assert.deepEqual((await ok(sdk.searchCustomers({ body }))).data, [other]);
  }
  const days = `${other.created_at?.slice(0, 10)},2020-01-31`;
  const thatDay = await ok(sdk.listCustomers({ query: { "id[in]": both, "created_at[in]": days } }));
  assert.equal(thatDay.total, 2);
  const searched = await ok(sdk.searchCustomers({ body: { "id[in]": [id, other.id], order_by: "customer_name" } }));
  assert.deepEqual(searched.data, all.data);
  const wrong = await refused(sdk.listCustomers({ query: { limit: 0 } }), 400);
  assert.deepEqual([wrong.code, wrong.param, wrong.errors.length], ["parameter_invalid_range", "limit", 1]);
}

async function together(): Promise<void> {
  const body = { customer_name: "Together", supplier_numbers: [{ supplier_number: "1" }, { company: "Acme" }] };
  const made = await ok(sdk.createCustomer({ body }), 201);
  assert.deepEqual(made.supplier_numbers?.map((row) => row.supplier_number), ["1", null]);
  // What was answered can be sent back: here in another order, with a new row between.
  const [first, second] = made.supplier_numbers ?? [];
  assert.ok(first && second);
  const supplier_numbers = [second, { supplier_number: "2" }, first];
  const changed = await ok(sdk.updateCustomer({ path: { id: made.id }, body: { supplier_numbers } }));
  assert.deepEqual(changed.supplier_numbers?.map((row) => row.supplier_number), [null, "2", "1"]);
}

async function merging(): Promise<void> {
  const kept = await ok(sdk.createCustomer({ body: { customer_name: "Kept" } }), 201);
  const other = await ok(sdk.createCustomer({ body: { customer_name: "Other", tax_id: "hey-merged" } }), 201);
  const path = { id: kept.id };
  const merged = await ok(sdk.mergeCustomers({ path, body: { from: [other.id], values: { tax_id: "hey-merged" } } }));
  assert.equal(merged.tax_id, "hey-merged");
  const gone = await refused(sdk.retrieveCustomer({ path: { id: other.id } }), 404);
  assert.deepEqual([gone.code, gone.merged_into], ["resource_merged", kept.id]);
  await ok(sdk.updateCustomer({ path, body: { tax_id: "changed since" } }));
  const back = await ok(sdk.unmergeCustomers({ path, body: { restore: [other.id] } }));
  assert.deepEqual([back.id, back.restored, back.kept], [kept.id, [other], ["tax_id"]]);
}

async function batches(): Promise<void> {
  const { data } = await ok(
    sdk.batchCustomers({
      body: {
        operations: [
          { op: "create", data: { customer_name: "Batched" } },
          { op: "upsert", match_on: "tax_id", data: { customer_name: "Upserted", tax_id: "hey-tax" } },
        ],
      },
    }),
  );
  const [id, other] = data.map((outcome) => outcome.object?.id ?? "");
  assert.ok(id && other);
  const mixed = await ok(
    sdk.batchCustomers({
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

function subject(event: Event): string {
  switch (event.type) {
    case "customer.created":
      return event.data.object.customer_name ?? "forgotten";
    case "customer.updated":
      return Object.keys(event.data.previous_attributes).join() || "forgotten";
    case "customer.deleted":
      return `${event.data.object.deleted}`;
    case "customer.merged":
      return event.data.object.merged_into ?? "forgotten";
    case "customer.unmerged":
      return event.data.object.customer_name ?? "forgotten";
    case "supplier_number_at_customer.created":
    case "supplier_number_at_customer.updated":
      return event.data.object.supplier_number ?? "forgotten";
    case "supplier_number_at_customer.deleted":
      return event.data.object.id;
    case "supplier_number_at_customer.reordered":
      return event.data.object.ordered_ids?.join() ?? "forgotten";
    case "import.finished":
      return event.data.object.status;
    case "import.undone":
      return `${event.data.object.counts.deleted}`;
    case "export.finished":
      return `${event.data.object.count}`;
  }
}

async function imports(): Promise<void> {
  const query = { file_name: "hey.csv", dry_run: true };
  const begun = await ok(sdk.createImport({ body: new Blob([csv("hey")]), query }), 202);
  const path = { id: begun.id };
  const ended = (status: string) =>
    until(() => ok(sdk.retrieveImport({ path, query: { wait: 5 } })), (run) => run.status === status);
  const checked = await ended("checked");
  assert.deepEqual([checked.problem_count, checked.counts.created, checked.file_name], [1, 2, "hey.csv"]);
  const problems = await ok(sdk.listImportProblems({ path }));
  assert.deepEqual(problems.data.map((one) => [one.row, one.column]), [[4, "customer_name"]]);
  assert.equal((await ok(sdk.listImports())).data[0]?.id, begun.id);

  await ok(sdk.applyImport({ path, body: { skip_errors: true } }), 202);
  await ended("done");
  for (const steer of [sdk.cancelImport, sdk.resumeImport]) {
    assert.equal((await refused(steer({ path }), 409)).code, "import_state");
  }
  const rows = await ok(sdk.downloadRefusedRows({ path, parseAs: "text" }));
  assert.match(String(rows), /hey-2/);
  const results = String(await ok(sdk.downloadImportResult({ path, parseAs: "text" }))).trim().split(/\r?\n/);
  assert.deepEqual(results.slice(1).map((line) => line.split(",")[2]), ["created", "created", "refused"]);
  await duplicates(results[1]?.split(",")[1] ?? "");
  await exports();

  await ok(sdk.undoImport({ path }), 202);
  await ended("undone");
}

async function duplicates(id: string): Promise<void> {
  const found = await until(() => ok(sdk.listDuplicatesOfCustomer({ path: { id } })), (page) => page.total > 0);
  const [pair] = found.data;
  assert.ok(pair);
  assert.deepEqual([pair.level, pair.state, pair.customers.includes(id)], ["nearly_certain", "open", true]);
  const path = { id: pair.id };
  assert.equal((await ok(sdk.dismissDuplicate({ path }))).state, "dismissed");
  assert.equal((await ok(sdk.listDuplicates({ query: { state: "dismissed" } }))).data[0]?.id, pair.id);
  assert.equal((await ok(sdk.reopenDuplicate({ path }))).state, "open");
}

async function exports(): Promise<void> {
  const body = { columns: ["customer_name" as const], "customer_name[prefix]": "hey &" };
  const path = { id: (await ok(sdk.createExport({ body }), 202)).id };
  const one = await until(() => ok(sdk.retrieveExport({ path, query: { wait: 5 } })), ({ status }) => status === "done");
  assert.equal(one.customers, 2);
  assert.match(String(await ok(sdk.downloadExport({ path, parseAs: "text" }))), /hey & Sons/);
}

async function events(): Promise<void> {
  const lines = await ok(sdk.exportCustomers({ query: { "customer_name[prefix]": "Hey" }, parseAs: "text" }));
  const end = JSON.parse(lines.trim().split("\n").at(-1) ?? "") as { end: boolean; next_cursor: string };
  assert.equal(end.end, true);
  await ok(sdk.createCustomer({ body: { customer_name: "Later" } }), 201);
  const after = await ok(sdk.listEvents({ query: { after: end.next_cursor } }));
  assert.deepEqual(after.data.map(subject), ["Later"]);
  const [later] = after.data;
  assert.ok(later);
  assert.deepEqual(await ok(sdk.retrieveEvent({ path: { id: later.id } })), later);
  const own = await ok(sdk.listEvents({ query: { object_id: later.data.object.id } }));
  assert.deepEqual(own.data, [later]);

  const types = new Set<string>();
  for (let after = "start", more = true; more; ) {
    const page = await ok(sdk.listEvents({ query: { after, limit: 5 } }));
    for (const event of page.data) {
      assert.ok(subject(event));
      types.add(event.type);
    }
    [after, more] = [page.next_cursor, page.has_more];
  }
  assert.equal(types.size, 12);
  const chosen = await ok(sdk.listEvents({ query: { types: "customer.updated,customer.deleted", limit: 2 } }));
  assert.equal(chosen.data.length, 2);
  assert.equal((await refused(sdk.listEvents({ query: { after: "nowhere" } }), 400)).code, "cursor_invalid");
}

async function webhooks(): Promise<void> {
  const body = { url: "https://example.com/hey", event_types: ["customer.created" as const], start_at: "start" };
  const { secret, ...made } = await ok(sdk.createWebhookEndpoint({ body }), 201);
  assert.ok(secret.startsWith("whsec_"));
  const path = { id: made.id };
  assert.equal((await ok(sdk.retrieveWebhookEndpoint({ path }))).url, body.url);
  assert.deepEqual((await ok(sdk.listWebhookEndpoints())).data.map((one) => one.id), [made.id]);
  // What was read can be sent back whole.
  assert.equal((await ok(sdk.updateWebhookEndpoint({ path, body: made }))).updated_at, made.updated_at);
  assert.equal((await ok(sdk.updateWebhookEndpoint({ path, body: { payload: "thin" } }))).payload, "thin");
  assert.notEqual((await ok(sdk.rollWebhookSecret({ path }))).secret, secret);
  const ping = await ok(sdk.pingWebhookEndpoint({ path }), 201);
  const one = { ...path, delivery_id: ping.id };
  assert.deepEqual((await ok(sdk.retrieveWebhookDelivery({ path: one }))).attempt_log, []);
  await ok(sdk.resendWebhookDelivery({ path: one }), 201);
  assert.equal((await ok(sdk.listWebhookDeliveries({ path, query: { status: "pending,failed" } }))).total, 2);
  const replayed = await ok(sdk.replayWebhookEvents({ path, body: { "created_at[gte]": "2024-01-15" } }));
  assert.ok(replayed.deliveries > 0);
  assert.deepEqual(await ok(sdk.deleteWebhookEndpoint({ path })), { ...path, deleted: true });
}

await customers();
await together();
await merging();
await batches();
await imports();
await events();
await webhooks();
const anonymous = await refused(sdk.listCustomers({ auth: "sk_test_wrong" }), 401);
assert.equal(anonymous.type, "authentication_error");
allWalked(walked, documented.values());
