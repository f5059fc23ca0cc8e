import { defineConfig } from "vite";

export default defineConfig({
  base: "/graphiql/",
  logLevel: "warn",
  build: {
    outDir: "../graphql_api/static/graphiql",
    emptyOutDir: true,
    sourcemap: false,
    reportCompressedSize: false,
    // Monaco is one chunk of some megabytes, loaded once and from this host.
    chunkSizeWarningLimit: 5000,
    license: { fileName: "licenses.md" },
  },
});
