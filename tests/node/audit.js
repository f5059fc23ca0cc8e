// Runs graphql-http's audit of GraphQL over HTTP against a service and prints what became of each of its parts.
// node audit.js URL HEADERS: the headers, as JSON, go with every request.
import { auditServer } from "graphql-http";

const [url, headers] = process.argv.slice(2);
const fetchFn = (to, init = {}) => fetch(to, { ...init, headers: { ...JSON.parse(headers), ...init.headers } });
const results = await auditServer({ url, fetchFn });
console.log(
  JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason: reason ?? null }))),
);
