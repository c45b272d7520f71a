import json

import requests

API = "https://api.overplane.dev/api/crm"
KEY = {"Authorization": "Bearer sk_test_..."}

# 1. All customers. The last line has the cursor.
export = requests.get(
    f"{API}/customer/export", headers=KEY, stream=True, timeout=30
)
export.raise_for_status()
with open("customers.ndjson", "wb") as file:
    for line in export.iter_lines():
        file.write(line + b"\n")
after = json.loads(line)["next_cursor"]

# 2. What changed since, until nothing is left.
has_more = True
while has_more:
    response = requests.get(
        f"{API}/event",
        headers=KEY,
        params={"after": after, "limit": 1000},
        timeout=30,
    )
    response.raise_for_status()
    page = response.json()
    for event in page["data"]:
        print(event["type"], event["data"]["object"])
    after = page["next_cursor"]
    has_more = page["has_more"]
print("Up to date. Go on from", after)
