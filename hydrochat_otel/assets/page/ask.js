// Asking an endpoint of the same host for JSON; what goes wrong is one sentence.

const ANSWER_WITHIN_MS = 15_000;

export async function ask(address) {
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const asked = fetch(address, { cache: "no-store", headers: { Accept: "application/json" }, signal });
  const response = await asked.catch((error) => {
    throw new Error(error.name === "TimeoutError" ? "The server takes too long." : "The server does not answer.");
  });
  const answer = await response.json().catch(() => ({ error: `The server answered with status ${response.status}.` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
