// What the walks of both TypeScript clients need.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set.`);
  return value;
}

export const baseUrl = variable("SERVICE_URL");
export const key = variable("API_KEY");

interface Answer<T, E> {
  data?: T;
  error?: E;
  response?: Response;
}

/** The answer's data, typed; anything but this status fails. */
export async function ok<T, E>(call: Promise<Answer<T, E>>, status = 200): Promise<NonNullable<T>> {
  const { data, error, response } = await call;
  assert.equal(response?.status, status, JSON.stringify(error));
  assert.ok(data);
  return data;
}

/** The error's first problem, typed; anything but this status fails. */
export async function refused<T, E extends { error: { code: string } }>(
  call: Promise<Answer<T, E>>,
  status: number,
): Promise<E["error"]> {
  const { error, response } = await call;
  assert.equal(response?.status, status);
  assert.ok(error);
  return error.error;
}

/** A file of customers as a spreadsheet writes it: two that are one, and one without the name that it needs. */
export function csv(name: string): string {
  const twin = `${name} & Sons,${name}-1,${name}@example.com,12 Long Street Springfield`;
  return ["customer_name,tax_id,email_id,primary_address", twin, twin, `,${name}-2,,`].join("\n") + "\n";
}

/** Asks until the answer is the wanted one: a worker makes it so. */
export async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("The worker has not done it within a minute.");
}

type Description = { paths: Record<string, Record<string, { operationId: string }>> };
const description = JSON.parse(readFileSync("openapi.json", "utf8")) as Description;

/** Every operation of the description, as `GET /api/…`, with its name. */
export const documented = new Map(
  Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => [`${method.toUpperCase()} ${path}`, one.operationId]),
  ),
);

export function allWalked(walked: Set<string>, all: Iterable<string>): void {
  assert.deepEqual([...walked].sort(), [...all].sort(), "each documented call is walked");
}
