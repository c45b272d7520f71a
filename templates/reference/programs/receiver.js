const {createHmac, timingSafeEqual} = require("node:crypto");
const key = Buffer.from("whsec_...".slice(6), "base64");

require("node:http").createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  const [name, sent, given] = ["id", "timestamp", "signature"].map((x) => request.headers[`webhook-${x}`] ?? "");
  const own = createHmac("sha256", key).update(`${name}.${sent}.`).update(body).digest();
  const signatures = given.split(" ").map((one) => Buffer.from(one.slice(3), "base64"));
  const isOurs = signatures.some((one) => one.length === own.length && timingSafeEqual(one, own));
  const isGood = isOurs && Math.abs(Date.now() / 1000 - sent) < 300;
  response.writeHead(isGood ? 204 : 400).end();
  console.log(isGood ? body.toString() : "Refused.");
}).listen(3000, "127.0.0.1");
