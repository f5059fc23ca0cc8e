/**
 * Reads two pages into one list, as `usePaginationFragment` does in React.
 *
 * Without Babel's Relay plugin, which puts them in the place of each graphql`…`, the compiler's files are imported here.
 */
import {
  Environment,
  Network,
  RecordSource,
  Store,
  createOperationDescriptor,
  fetchQuery,
  getSingularSelector,
  type FetchFunction,
  type OperationType,
  type SingularReaderSelector,
} from "relay-runtime";

import pageQuery, { type FlightListPageQuery } from "./__generated__/FlightListPageQuery.graphql";
import listQuery, { type FlightListQuery } from "./__generated__/FlightListQuery.graphql";
import list, { type FlightList_flights$data } from "./__generated__/FlightList_flights.graphql";

const url = process.env["M7B0_URL"] ?? "http://127.0.0.1:8000/graphql";
const key = process.env["M7B0_KEY"];

const ask: FetchFunction = async ({ text: query }, variables) => {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json",
      "content-type": "application/json",
      ...(key ? { authorization: `Bearer ${key}` } : {}),
    },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
};

const environment = new Environment({ network: Network.create(ask), store: new Store(new RecordSource()) });
const variables = { where: { originCode: { eq: "JFK" } }, count: 3 };
const operation = createOperationDescriptor(listQuery, variables);
environment.retain(operation);

/** The list as the store has it now. */
function shown(): FlightList_flights$data["flights"] {
  const { data } = environment.lookup(operation.fragment);
  const selector = getSingularSelector(list, data) as SingularReaderSelector;
  return (environment.lookup(selector).data as unknown as FlightList_flights$data).flights;
}

async function main(): Promise<void> {
  await fetchQuery<FlightListQuery>(environment, listQuery, variables).toPromise();
  const cursor = shown().pageInfo.endCursor;
  await fetchQuery<FlightListPageQuery>(environment, pageQuery, { ...variables, cursor }).toPromise();

  for (const { node } of shown().edges) {
    // Relay keeps a place for types that a later version of the service may have.
    const { predictDelay: predicted, ...flight } = node;
    const probability = predicted.__typename === "DelayPrediction" ? predicted.probabilityDelayed : null;
    console.log(JSON.stringify({ flight: { ...flight, probability } }));
  }
}

void main();
