/** No client but fetch, and graphql-sse for what streams: where a WebSocket has no way through. */
import { print } from "graphql";
import { createClient } from "graphql-sse";

import { run, type Client } from "./example.js";
import { credentials, url } from "./settings.js";

const stream = createClient({ url, headers: credentials });

const ask: Client["query"] = async (document, variables) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...credentials, "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify({ query: print(document), variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
};

await run({
  query: ask,
  mutate: ask,
  subscribe<D>(document: Parameters<typeof print>[0], variables: Record<string, unknown>, next: (data: D) => void) {
    return stream.subscribe<D>(
      { query: print(document), variables },
      {
        next: ({ data, errors }) => {
          if (errors) throw new Error(JSON.stringify(errors));
          next(data!);
        },
        error: (error) => {
          throw error;
        },
        complete: () => {},
      },
    );
  },
});
stream.dispose();
