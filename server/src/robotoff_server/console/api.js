// The public API as any client uses it, and the page's own few endpoints.

const API = "/api/v1";
const DEVICE = "robotoff-device";

export const session = { account: null, anonymous: false, lang: "en" };

export function deviceId() {
  let id = localStorage.getItem(DEVICE);
  if (!id) id = newDevice();
  return id;
}

export function newDevice() {
  // getRandomValues works on plain http too, randomUUID does not.
  const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  localStorage.setItem(DEVICE, id);
  return id;
}

export const answersAsAccount = () => session.account !== null && !session.anonymous;

function headers() {
  // The demonstration's account has its own name as its password; it exists where the demonstration was started.
  return answersAsAccount() ? { Authorization: `Basic ${btoa(`${session.account}:${session.account}`)}` } : {};
}

async function read(url) {
  const response = await fetch(url, { headers: headers() });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Failure(response.status, body);
  return body;
}

export class Failure extends Error {
  constructor(status, body) {
    super(body.description || body.title || `The server answered ${status}.`);
    this.status = status;
    this.body = body;
  }
}

export function questions(product, count = 25) {
  const query = new URLSearchParams({ lang: session.lang, count, device_id: deviceId() });
  if (!product) return read(`${API}/questions?${query}`);
  query.set("server_type", product.server_type);
  return read(`${API}/questions/${encodeURIComponent(product.barcode)}?${query}`);
}

export const insight = (id) => read(`${API}/insights/detail/${encodeURIComponent(id)}`);

export async function answer(insightId, annotation) {
  const body = new URLSearchParams({ insight_id: insightId, annotation, device_id: deviceId() });
  const response = await fetch(`${API}/insights/annotate`, { method: "POST", body, headers: headers() });
  const reply = await response.json().catch(() => ({}));
  if (!response.ok) throw new Failure(response.status, reply);
  return reply;
}

export const plugins = () => read(`${API}/plugins`);

export async function health() {
  const response = await fetch(`${API}/health`); // 500 has a body worth reading too
  return (await response.json()).message;
}

export const overview = () => read("/console/api/overview");
export const edits = () => read("/console/api/edits");
