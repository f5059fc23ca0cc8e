import { graphql } from "relay-runtime";

/** A list of flights that grows at its end. In React: `usePaginationFragment(flightList, query)`. */
export const flightList = graphql`
  fragment FlightList_flights on Query
  @argumentDefinitions(
    where: { type: "FlightFilter" }
    count: { type: "Int", defaultValue: 20 }
    cursor: { type: "String" }
  )
  @refetchable(queryName: "FlightListPageQuery") {
    flights(where: $where, orderBy: [{ field: ARRIVAL_DELAY, direction: DESC }], first: $count, after: $cursor)
      @connection(key: "FlightList_flights") {
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          id
          carrierCode
          flightNumber
          scheduledDeparture
          arrivalDelayMinutes
          predictDelay {
            __typename
            ... on DelayPrediction {
              probabilityDelayed
            }
            ... on Problem {
              message
            }
          }
        }
      }
    }
  }
`;

export const flightListQuery = graphql`
  query FlightListQuery($where: FlightFilter, $count: Int!) {
    ...FlightList_flights @arguments(where: $where, count: $count)
  }
`;
