// PostGraphile as its documentation has it for production: no GraphiQL, no watching, no WebSockets, no mutations.
// `outputDataAsString` is Grafserv's one setting for speed: it puts answers together as text and not as objects.
import { makePgService } from "postgraphile/adaptors/pg";
import { sqlValueWithCodec, TYPES } from "postgraphile/@dataplan/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { addPgTableCondition } from "postgraphile/utils";

// The conditions that come with it are of equality alone, and a page begins at an instant.
const scheduledDepartureFrom = addPgTableCondition(
  { schemaName: "public", tableName: "flights" },
  "scheduledDepartureFrom",
  ({ sql, getInputTypeByName }) => ({
    type: getInputTypeByName("Datetime"),
    apply: (flights, value) =>
      flights.where(sql`${flights.alias}.scheduled_departure >= ${sqlValueWithCodec(value, TYPES.timestamptz)}`),
  }),
);

export default {
  extends: [PostGraphileAmberPreset],
  plugins: [scheduledDepartureFrom],
  pgServices: [
    makePgService({
      connectionString: process.env.DATABASE_URL,
      schemas: ["public"],
      // As many connections as the service has for reading, not the ten of the driver.
      poolConfig: { max: 5 },
    }),
  ],
  schema: { defaultBehavior: "-insert -update -delete" },
  grafserv: { graphiql: false, watch: false, websockets: false, outputDataAsString: true },
};
