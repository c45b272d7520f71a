import requests

response = requests.get(
    "https://api.overplane.dev/api/crm/customer",
    auth=("sk_test_...", ""),
    timeout=30,
)
response.raise_for_status()
print(response.json())
