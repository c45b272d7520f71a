# A shell receives nothing; Python and JavaScript show a receiver.
# This makes an endpoint, and answers with its secret.
curl https://api.overplane.dev/api/crm/webhook-endpoint \
  -H "Authorization: Bearer sk_test_..." -X POST \
  -H "Content-Type: application/json" \
  -d '{"url":"https://example.com/webhooks"}'
