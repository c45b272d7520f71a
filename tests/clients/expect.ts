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
