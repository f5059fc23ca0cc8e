import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  // A copy of this directory is given the schema's place: a file, or the address of a running service.
  schema: process.env["SCHEMA"] ?? "../../schema.graphql",
  documents: "operations/*.graphql",
  generates: {
    "src/gql/": {
      preset: "client",
      // Masking hides a fragment's fields from whoever did not ask for them. In components that is worth having.
      presetConfig: { fragmentMasking: false },
      config: {
        // RFC 3339, as it is sent and received.
        scalars: { DateTime: "string" },
        strictScalars: true,
        importExtension: ".js",
        useTypeImports: true,
      },
    },
    // Which types an interface or a union has: Apollo's cache needs to know it for `... on Problem`.
    "src/gql/possibleTypes.ts": { plugins: ["fragment-matcher"] },
  },
};

export default config;
