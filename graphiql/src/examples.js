const documents = import.meta.glob("../examples/*.graphql", { eager: true, import: "default", query: "?raw" });
const variables = import.meta.glob("../examples/*.json", { eager: true, import: "default", query: "?raw" });

// One tab per document, in the order of the numbers that the file names start with.
export const examples = Object.keys(documents)
  .sort()
  .map((path) => ({
    query: documents[path].trimEnd(),
    variables: variables[path.replace(/\.graphql$/, ".json")].trimEnd(),
  }));
