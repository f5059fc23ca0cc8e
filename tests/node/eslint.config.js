// Rules for the schema. What is linted is schema.graphql in the directory that ESLint is started in.
import plugin from "@graphql-eslint/eslint-plugin";

export default [
  {
    files: ["**/*.graphql"],
    languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema: "schema.graphql" } } },
    plugins: { "@graphql-eslint": plugin },
    rules: {
      ...plugin.configs["flat/schema-recommended"].rules,
      ...plugin.configs["flat/schema-relay"].rules,
      "@graphql-eslint/require-description": [
        "error",
        {
          types: true,
          rootField: true,
          DirectiveDefinition: true,
          EnumValueDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
        },
      ],
      // An ID is of what can be fetched again by it. A figure, a prediction, a problem and a result cannot.
      "@graphql-eslint/strict-id-in-types": "off",
      // Connections page flights, of which there is no end. A list is of what is small and whole: a model's features, the
      // rows of an upsert, the faults of an input. What the rule says of edge types is kept.
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
      // flightNumber is the word of the trade: the number that a flight is sold under. A mere "number" would be any.
      "@graphql-eslint/no-typename-prefix": "off",
    },
  },
];
