const response = await fetch("https://api.overplane.dev/api/crm/customer", {
  headers: {"Authorization": `Basic ${btoa("sk_test_...:")}`},
});
if (!response.ok) throw new Error(await response.text());
console.log(await response.json());
