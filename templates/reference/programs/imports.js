const API = "https://api.overplane.dev/api/crm/import";
const KEY = { Authorization: "Bearer sk_test_..." };

async function send(method, path, body, headers) {
  const options = { method, body, headers: { ...KEY, ...headers } };
  const response = await fetch(API + path, options);
  if (!response.ok) throw new Error(await response.text());
  return response;
}
async function waitFor(run, status) {
  while (run.status !== status)
    run = await (await send("GET", `/${run.id}?wait=25`)).json();
  return run;
}
const CSV = { "Content-Type": "text/csv" };
const JSON_BODY = { "Content-Type": "application/json" };

// 1. Upload it as a dry run, and wait for what comes of it.
const file = "name,email_id\nAcme,info@acme.example\nBravo,nobody\n";
const options = "?dry_run=true&file_name=new.csv";
const first = await (await send("POST", options, file, CSV)).json();
const path = `/${first.id}`;
await waitFor(first, "checked");

// 2. Every problem of the file.
const page = await (await send("GET", path + "/problem")).json();
for (const problem of page.data)
  console.log(problem.row, problem.column, problem.message);

// 3. Write the good rows.
const said = JSON.stringify({ skip_errors: true });
const applied = await send("POST", path + "/apply", said, JSON_BODY);
await waitFor(await applied.json(), "done");
console.log(await (await send("GET", path + "/result")).text());

// 4. Mend the others, and upload their file.
const refused = await (await send("GET", path + "/refused")).text();
const mended = refused.replace("nobody", "info@bravo.example");
const second = await send("POST", "", mended, CSV);
await waitFor(await second.json(), "done");

// 5. Take the first one back.
const undo = await send("POST", path + "/undo");
await waitFor(await undo.json(), "undone");
