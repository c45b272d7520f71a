cat > new.csv <<'END'
name,email_id
Acme,info@acme.example
Bravo,nobody
END

# 1. Upload it as a dry run, and wait for what comes of it.
ID=$(curl "https://api.overplane.dev/api/crm/import?dry_run=true&file_name=new.csv" \
  -H "Authorization: Bearer sk_test_..." \
  -H "Content-Type: text/csv" \
  --data-binary @new.csv | sed 's/{"id":"//; s/".*//')
wait_for() {
  until curl "https://api.overplane.dev/api/crm/import/$ID?wait=25" \
    -H "Authorization: Bearer sk_test_..." | grep -q "\"status\":\"$1\""
  do sleep 1; done
}
wait_for checked

# 2. Every problem of the file.
curl https://api.overplane.dev/api/crm/import/$ID/problem \
  -H "Authorization: Bearer sk_test_..."

# 3. Write the good rows.
curl https://api.overplane.dev/api/crm/import/$ID/apply \
  -H "Authorization: Bearer sk_test_..." -X POST \
  -H "Content-Type: application/json" -d '{"skip_errors": true}'
wait_for done
curl https://api.overplane.dev/api/crm/import/$ID/result \
  -H "Authorization: Bearer sk_test_..."

# 4. Mend the others, and upload their file.
curl https://api.overplane.dev/api/crm/import/$ID/refused \
  -H "Authorization: Bearer sk_test_..." -o refused.csv
sed 's/nobody/info@bravo.example/' refused.csv > mended.csv
FIRST=$ID
ID=$(curl https://api.overplane.dev/api/crm/import \
  -H "Authorization: Bearer sk_test_..." \
  -H "Content-Type: text/csv" \
  --data-binary @mended.csv | sed 's/{"id":"//; s/".*//')
wait_for done

# 5. Take the first one back.
ID=$FIRST
curl https://api.overplane.dev/api/crm/import/$ID/undo \
  -H "Authorization: Bearer sk_test_..." -X POST
wait_for undone
