const {createHmac, timingSafeEqual} = require("node:crypto");
const key = Buffer.from("whsec_...".replace("whsec_", ""), "base64");

require("node:http").createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  const [name, sent, given] = ["id", "timestamp", "signature"]
    .map((part) => request.headers[`webhook-${part}`] ?? "");
  const own = createHmac("sha256", key)
    .update(`${name}.${sent}.`).update(body).digest();
  const isOurs = given.split(" ")
    .map((one) => Buffer.from(one.replace("v1,", ""), "base64"))
    .some((one) => one.length === own.length && timingSafeEqual(one, own));
  const isNew = Math.abs(Date.now() / 1000 - Number(sent)) < 300;
  response.writeHead(isOurs && isNew ? 204 : 400).end();
  if (isOurs && isNew) console.log(body.toString()); // work with it later
}).listen(3000, "127.0.0.1");
