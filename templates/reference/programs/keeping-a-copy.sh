# 1. All customers. The last line has the cursor.
curl https://api.overplane.dev/api/crm/customer/export \
  -H "Authorization: Bearer sk_test_..." \
  -o customers.ndjson
AFTER=$(tail -1 customers.ndjson \
  | sed 's/.*"next_cursor":"//; s/".*//')

# 2. What changed since. Go on with its next_cursor.
curl "https://api.overplane.dev/api/crm/event?after=$AFTER&limit=1000" \
  -H "Authorization: Bearer sk_test_..."
