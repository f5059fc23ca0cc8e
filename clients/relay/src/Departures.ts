import { graphql } from "relay-runtime";

/** The departures of one airport, of which more are read by the airport's ID. */
export const departures = graphql`
  fragment Departures_airport on Airport
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" })
  @refetchable(queryName: "DeparturesPageQuery") {
    code
    departures(orderBy: [{ field: SCHEDULED_DEPARTURE }], first: $count, after: $cursor)
      @connection(key: "Departures_departures") {
      edges {
        node {
          id
          carrierCode
          flightNumber
          destinationCode
          scheduledDeparture
        }
      }
    }
  }
`;

export const departuresQuery = graphql`
  query DeparturesQuery($code: String!, $count: Int!) {
    airport(code: $code) {
      ...Departures_airport @arguments(count: $count)
    }
  }
`;
