/** What the example programs do, whichever client does it. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";

import {
  AddFlightDocument,
  ChangeFlightDocument,
  FollowFlightsDocument,
  LateFlightsDocument,
  RemoveFlightDocument,
  type FlightRowFragment,
} from "./gql/graphql.js";

type Variables = Record<string, unknown>;

export interface Client {
  query<D, V extends Variables>(document: TypedDocumentNode<D, V>, variables: V): Promise<D>;
  mutate<D, V extends Variables>(document: TypedDocumentNode<D, V>, variables: V): Promise<D>;
  /** Calls `next` for each event until the function that it returns is called. */
  subscribe<D, V extends Variables>(document: TypedDocumentNode<D, V>, variables: V, next: (data: D) => void): () => void;
}

function show(what: string, value: unknown): void {
  console.log(JSON.stringify({ [what]: value }));
}

/** The answer to a mutation is a type for each outcome. This program can go on with a flight alone. */
function flightOf(result: { __typename: string; message?: string; flight?: FlightRowFragment }): FlightRowFragment {
  if (result.flight === undefined) throw new Error(`${result.__typename}: ${result.message}`);
  return result.flight;
}

async function read(client: Client): Promise<void> {
  const variables = { where: { originCode: { eq: "JFK" } }, first: 3 };
  const page = await client.query(LateFlightsDocument, variables);
  const after = page.flights.pageInfo.endCursor;
  const next = await client.query(LateFlightsDocument, { ...variables, after });
  for (const flight of [...page.flights.nodes, ...next.flights.nodes]) {
    const { predictDelay: predicted, ...row } = flight;
    // A later version of the service may have outcomes that this program does not know.
    const probability = predicted.__typename === "DelayPrediction" ? predicted.probabilityDelayed : null;
    show("flight", { ...row, probability });
  }
}

async function add(client: Client): Promise<FlightRowFragment> {
  const variables = {
    input: {
      carrierCode: "DL",
      flightNumber: 9042,
      originCode: "JFK",
      destinationCode: "SFO",
      scheduledDeparture: new Date(Date.now() + 86_400_000).toISOString(),
    },
    // Of this one write. Where the answer is lost, the same again is answered as the first was, and done once.
    idempotencyKey: randomUUID(),
  };
  const flight = flightOf((await client.mutate(AddFlightDocument, variables)).createFlight);
  const again = flightOf((await client.mutate(AddFlightDocument, variables)).createFlight);
  show("added", { ...flight, again: again.id === flight.id });
  return flight;
}

/** Follows a flight and changes it until the change is heard. Gives the flight as it is then. */
async function follow(client: Client, flight: FlightRowFragment): Promise<FlightRowFragment> {
  let heard = false;
  const where = { carrierCode: { eq: flight.carrierCode }, flightNumber: { eq: flight.flightNumber } };
  const stop = client.subscribe(FollowFlightsDocument, { where }, ({ flightChanged }) => {
    if (flightChanged.id !== flight.id || heard) return;
    heard = true;
    show("changed", flightChanged);
  });
  // A subscription tells of what happens from its beginning on, and does not say when that is.
  for (let distanceMiles = 2586; !heard; distanceMiles++) {
    const variables = { id: flight.id, expectedVersion: flight.version, patch: { distanceMiles } };
    flight = flightOf((await client.mutate(ChangeFlightDocument, variables)).updateFlight);
    await sleep(100);
  }
  stop();
  return flight;
}

async function remove(client: Client, flight: FlightRowFragment): Promise<void> {
  const variables = { id: flight.id, expectedVersion: flight.version };
  show("removed", (await client.mutate(RemoveFlightDocument, variables)).deleteFlight);
}

export async function run(client: Client): Promise<void> {
  await read(client);
  let flight = await add(client);
  try {
    flight = await follow(client, flight);
  } finally {
    await remove(client, flight);
  }
}
