const api = "https://api.overplane.dev/api/crm";
const headers = {"Authorization": "Bearer sk_test_..."};

async function call(address) {
  const response = await fetch(address, {headers});
  if (!response.ok) throw new Error(await response.text());
  return response;
}

// 1. All customers. The last line has the cursor.
const text = await (await call(`${api}/customer/export`)).text();
const lines = text.trim().split("\n").map((line) => JSON.parse(line));
let {next_cursor: after} = lines.pop();
console.log(lines);

// 2. What changed since, until nothing is left.
let page = {has_more: true};
while (page.has_more) {
  const query = new URLSearchParams({after, limit: 1000});
  page = await (await call(`${api}/event?${query}`)).json();
  for (const event of page.data) console.log(event.type, event.data.object);
  after = page.next_cursor;
}
console.log("Up to date. Go on from", after);
