// Reads {secret, deliveries: [{headers, body}]} from standard input, verifies each with the official library, prints how many hold.
import { Webhook } from "standardwebhooks";

let text = "";
for await (const piece of process.stdin) text += piece;
const { secret, deliveries } = JSON.parse(text);
const verifier = new Webhook(secret);
for (const { headers, body } of deliveries) verifier.verify(body, headers);
console.log(deliveries.length);
