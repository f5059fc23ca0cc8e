/** urql. In React, take `Client` and the exchanges from the package `urql` and give the client to its Provider. */
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";

import { run } from "./example.js";
import { credentials, url, webSocketUrl } from "./settings.js";

const socket = createClient({ url: webSocketUrl, connectionParams: credentials });

const client = new Client({
  url,
  fetchOptions: { headers: credentials },
  // Of itself urql puts queries into the address, where logs and proxies keep them.
  preferGetMethod: false,
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query: query!, variables: variables! }, sink) }),
      }),
    }),
  ],
});

await run({
  async query(document, variables) {
    const { data, error } = await client.query(document, variables).toPromise();
    if (error) throw error;
    return data!;
  },
  async mutate(document, variables) {
    const { data, error } = await client.mutation(document, variables).toPromise();
    if (error) throw error;
    return data!;
  },
  subscribe(document, variables, next) {
    const { unsubscribe } = client.subscription(document, variables).subscribe(({ data, error }) => {
      if (error) throw error;
      if (data) next(data);
    });
    return unsubscribe;
  },
});
await socket.dispose();
