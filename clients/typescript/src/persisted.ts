/**
 * Apollo Client with persisted queries: a document is sent once, and from then on its hash, by GET.
 *
 * What comes by GET can be kept by caches on the way. The header says that no page of another site asks: without it a GET is
 * refused.
 */
import { createHash } from "node:crypto";

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";

import { LateFlightsDocument } from "./gql/graphql.js";
import possible from "./gql/possibleTypes.js";
import { credentials, url } from "./settings.js";

/** Asks, and shows what went over the wire. */
const watched = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
  const response = await fetch(input, init);
  const document = String(init?.body ?? "").includes('"query":');
  console.log(JSON.stringify({ asked: { method: init?.method, document, status: response.status } }));
  return response;
};

const client = new ApolloClient({
  link: ApolloLink.from([
    new PersistedQueryLink({
      // In a browser: the package crypto-hash, or crypto.subtle.
      sha256: (document: string) => createHash("sha256").update(document).digest("hex"),
      useGETForHashedQueries: true,
    }),
    new HttpLink({ uri: url, fetch: watched as typeof fetch, headers: { ...credentials, "graphql-preflight": "1" } }),
  ]),
  cache: new InMemoryCache({ possibleTypes: possible.possibleTypes }),
});

for (const first of [1, 2]) {
  const { data } = await client.query({ query: LateFlightsDocument, variables: { first } });
  console.log(JSON.stringify({ flights: data!.flights.nodes.length }));
}
client.stop();
