// Requests to the server. One that changes anything has a key of its own and is sent until the server has answered, so
// that it counts once, also where the server is stopped and started again in the meantime.

const RETRY_MILLISECONDS = 700;

let session = null;

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function read(response) {
  if (response.ok) return response.json(); // fails where the server was killed in the middle
  const { error } = await response.json().catch(() => ({ error: `the server answers ${response.status}` }));
  throw new Refused(response.status, error);
}

export async function get(path, values = {}) {
  return read(await fetch(`${path}?${new URLSearchParams(values)}`));
}

export async function begin() {
  session = await get("/api/session");
  return session;
}

// The address of a clip's audio or image; it names the start of the server, because browsers keep what they have read.
export function address(kind, number, view) {
  return `/api/${kind}/${number}?${new URLSearchParams({ ...view, version: session.version })}`;
}

export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// `waits` is called when the server does not answer; the request goes on until it does.
export async function post(path, values, waits = () => {}) {
  for (;;) {
    try {
      const headers = { "Content-Type": "application/json", [session.header]: session.secret };
      return await read(await fetch(path, { method: "POST", headers, body: JSON.stringify(values) }));
    } catch (error) {
      const isRefused = error instanceof Refused;
      if (isRefused && error.status !== 403) throw error;
      if (!isRefused) {
        waits();
        await pause(RETRY_MILLISECONDS);
      }
      const before = session.secret;
      const answers = await begin().then(
        () => true,
        () => false,
      );
      if (isRefused && answers && session.secret === before) throw error; // not that it was started again
    }
  }
}
