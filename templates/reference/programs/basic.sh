curl https://api.overplane.dev/api/crm/customer -u sk_test_...:
