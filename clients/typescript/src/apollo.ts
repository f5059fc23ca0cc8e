/** Apollo Client. In React, give `client` to its ApolloProvider and use its hooks. */
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";

import { run } from "./example.js";
import possible from "./gql/possibleTypes.js";
import { credentials, url, webSocketUrl } from "./settings.js";

const socket = createClient({ url: webSocketUrl, connectionParams: credentials });

const client = new ApolloClient({
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: url, headers: credentials }),
  ),
  cache: new InMemoryCache({ possibleTypes: possible.possibleTypes }),
});

await run({
  async query(query, variables) {
    const { data } = await client.query({ query, variables });
    return data!;
  },
  async mutate(mutation, variables) {
    const { data } = await client.mutate({ mutation, variables });
    return data!;
  },
  subscribe(query, variables, next) {
    const events = client.subscribe({ query, variables });
    const subscription = events.subscribe(({ data, error }) => {
      if (error) throw error;
      next(data!);
    });
    return () => subscription.unsubscribe();
  },
});
client.stop();
await socket.dispose();
